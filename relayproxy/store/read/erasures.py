"""Erasures: what people have ordered to be erased, which sessions are meant by it, and the receipts.

Knows: how sessions are found by id, number or time; that a session may live, or come to be known, after it was ordered
to be erased; that a shadow goes with its call, and before it, since it is found by its call alone; that a receipt holds
numbers and nothing personal.
Must not know: how a session is deleted; who carries an erasure out; HTTP.

An erasure means the sessions that began before it was ordered. `sought` is kept until none of these lives and every
recorder has recorded what came before, then it is emptied. The erasure stays open until no journal holds anything of
it; what is left is the receipt.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
)

from relayproxy.store.schema.mapping import for_index
from relayproxy.store.schema.tables import (
    connections,
    erasures,
    journal_erasures,
    journals,
    notes,
    object_deletions,
    sessions,
    treatments,
)
from relayproxy.text import storable

Scope = Literal["session", "number", "before", "age"]
"""What an erasure goes by; `age`: what retention deleted on one day."""
RECONNECT = 3600 * 1_000_000_000
"""Nanoseconds after its end within which a session may be gone on with; see `recorder.sessions`."""
_LAST = 2**63 // 1_000_000_000
"""Seconds since 1970 that no time here reaches."""
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_FORMATTING = re.compile(r"[\s()./\u2010-\u2015-]+")


@dataclass(frozen=True, slots=True)
class Sought:
    """The sessions that are to be erased. Of `session` the ids (ours, VX or call SID); of `number` the forms in which
    either side may have it; of `before` the moment (wall nanoseconds) before which they began."""

    scope: Scope
    values: tuple[str, ...]
    route: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What is found at one moment. `oldest` and `newest` are when sessions began, wall nanoseconds."""

    sessions: int
    live: int
    messages: int
    notes: int
    oldest: int | None
    newest: int | None


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure, or what is left of it: its receipt. `live` of its sessions are waited for, `journals` that hold
    something of it, and `objects`, parts of recordings that are still to be deleted in a bucket or folder; `shown`
    sessions were found when it was confirmed. `without`: data folders that were given up as lost before it was
    done. `unreadable`: it is not done, and what is sought cannot be read."""

    id: str
    at: int
    actor: str
    scope: Scope
    route: str | None
    sessions: int
    messages: int
    notes: int
    spans: int
    done_at: int | None
    shown: int | None
    without: tuple[str, ...]
    live: int = 0
    journals: int = 0
    objects: int = 0
    unreadable: bool = False

    @property
    def more(self) -> int:
        """How many more sessions are gone than were shown."""
        return 0 if self.shown is None else max(0, self.sessions - self.shown)


@dataclass(frozen=True, slots=True)
class OpenErasure:
    """An erasure that is being carried out. Sessions that began before `since` or after `until` are not meant."""

    id: str
    sought: Sought
    since: int
    until: int
    receipt: str
    """The erasure that what is deleted counts for."""
    readable: bool = True
    """False: what is sought cannot be read, and nothing is known to be meant."""


def sought_session(id: str, route: str | None = None) -> Sought:
    """A session by its id, ours or Twilio's VX id, or a call's by its SID. Raises ValueError."""
    id = storable(id).strip()
    if not id:
        raise ValueError("an id of a session, a VX id or a call SID is expected")
    return Sought("session", (id,), route)


def sought_number(text: str, route: str | None = None) -> Sought:
    """A phone number as people write it, or a client or SIP address. Raises ValueError."""
    text = storable(text).strip().removeprefix("tel:")
    if ":" in text and not text.startswith("+"):
        return Sought("number", (text,), route)
    # As in +44 (0)20: a digit that is dialled within the country alone.
    number = _FORMATTING.sub("", text.replace("(0)", ""))
    number = "+" + number[2:] if number.startswith("00") else number
    if not _NUMBER.fullmatch(number):
        raise ValueError("a number with its country code is expected, such as +1 555 010 0001, or an address (sip:…)")
    # Some write it without the plus, which is a space where a URL was decoded.
    return Sought("number", (number, number[1:], " " + number[1:], "whatsapp:" + number), route)


def sought_before(text: str, route: str | None = None) -> Sought:
    """Everything that began before a day (`2026-10-01`, in UTC) or a moment (RFC 3339). Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError):
        seconds = -1
    if not 0 <= seconds < _LAST:
        raise ValueError("a day such as 2026-10-01, or a time such as 2026-10-01T12:00:00Z, is expected")
    return Sought("before", (str(seconds * 1_000_000_000),), route)


def find(db: Connection, sought: Sought, now: int) -> Match:
    """What an erasure that were ordered now (wall nanoseconds) would mean."""
    c = sessions.c
    where = _meant(sought, now)
    found = db.execute(
        select(
            func.count(),
            func.coalesce(func.sum(case((c.ended_at.is_(None), 1), else_=0)), 0),
            func.coalesce(func.sum(c.messages), 0),
            func.min(c.started_at),
            func.max(c.started_at),
        ).where(where)
    ).one()
    noted = select(func.count()).select_from(notes.join(sessions, c.id == notes.c.session)).where(where)
    count, live, messages, oldest, newest = found
    return Match(count, int(live), int(messages), int(db.execute(noted).scalar_one()), oldest, newest)


def open_erasures(db: Connection, *, follows: bool = True) -> list[OpenErasure]:
    """All that are not done, the oldest first; with those that follow others, or without."""
    rows = db.execute(_OPEN if follows else _OPEN_ORDERS).all()
    return [
        OpenErasure(
            row.id,
            Sought(row.scope, values or (), row.route),
            # What is gone on with begins at its end. Another session may say that it has the same id.
            row.until - RECONNECT if row.follows else 0,
            row.until,
            row.follows or row.id,
            readable=values is not None,
        )
        for row in rows
        for values in [_values(row)]
    ]


def without_idle(db: Connection, every: Sequence[OpenErasure], now: int) -> list[OpenErasure]:
    """Those without the ones that only wait for Twilio to take up a call again, which it has not done. Of these there
    may be thousands: one query tells of all."""
    waiting = {
        one.id: for_index(one.sought.values[0]) for one in every if one.since and one.until >= now and one.sought.values
    }
    if not waiting:
        return [*every]
    since = min(one.since for one in every if one.id in waiting)
    found = {*db.execute(select(sessions.c.session_id).where(sessions.c.started_at >= since)).scalars()}
    return [one for one in every if one.id not in waiting or waiting[one.id] in found]


def ended(db: Connection, erasure: OpenErasure, limit: int) -> list[str]:
    """Some of its sessions (our ids) that have ended and have no shadow, or none any more, the oldest first."""
    c = sessions.c
    query = select(c.id).where(_is_meant(erasure), c.ended_at.is_not(None), ~_HAS_SHADOW)
    return [*db.execute(query.order_by(c.started_at).limit(limit)).scalars()]


def live(db: Connection, erasure: OpenErasure) -> int:
    """How many live sessions it waits for: its own, and those that have not said yet who they are."""
    if not erasure.sought.values:
        return 0
    c = sessions.c
    unknown = and_(_began(sessions, erasure.until, erasure.since), c.session_id.is_(None))
    meant = _is_meant(erasure)
    if erasure.sought.scope != "before":
        meant = or_(meant, unknown)
    return int(db.execute(select(func.count()).where(c.ended_at.is_(None), meant)).scalar_one())


def journals_waited_for(db: Connection, receipt: str) -> int:
    """How many journals still hold something of what an erasure means, which their recorders are to overwrite. Those
    that no recorder plays are not there any more."""
    c, j = journal_erasures.c, journals.c
    query = select(func.count(c.journal.distinct())).join_from(journal_erasures, journals, c.journal == j.id)
    return int(db.execute(query.where(c.erasure == receipt, j.recorder != "")).scalar_one())


def objects_waited_for(db: Connection, receipt: str) -> int:
    """How many objects of what an erasure means are still to be deleted."""
    c = object_deletions.c
    return int(db.execute(select(func.count()).where(c.erasure == receipt)).scalar_one())


def marked(db: Connection, ids: Iterable[str]) -> frozenset[str]:
    """Those of these sessions (our ids) that an open erasure means."""
    if db.execute(_ANY_OPEN).first() is None:
        return frozenset()
    wanted, c = list(ids), sessions.c
    found: set[str] = set()
    for erasure in open_erasures(db, follows=False):
        found |= {*db.execute(select(c.id).where(c.id.in_(wanted), _is_meant(erasure))).scalars()}
    # Of those that follow others there may be thousands.
    named = [
        (id, sought_text((name,)), began)
        for query in (_NAMED, _NAMED_OF_CALL)
        for id, name, began in db.execute(query, {"b_ids": wanted})
        if name is not None
    ]
    e = erasures.c
    following = select(e.sought, e.until).where(e.done_at.is_(None), e.follows.is_not(None))
    for sought, until in db.execute(following.where(e.sought.in_([text for _, text, _ in named]))):
        found |= {id for id, text, began in named if text == sought and until - RECONNECT <= began <= until}
    return frozenset(found)


def aged_since(db: Connection) -> int | None:
    """Since when (wall nanoseconds) there is something that retention deleted and that may be in the files."""
    c = erasures.c
    found: int | None = db.execute(select(func.min(c.at)).where(c.scope == "age", c.done_at.is_(None))).scalar_one()
    return found


def read_erasures(db: Connection, limit: int, before: tuple[int, str] | None = None) -> list[Erasure]:
    """Erasures that people ordered, and receipts of retention, the newest first; `before` is the place of another."""
    c = erasures.c
    query = _RECEIPTS.order_by(c.at.desc(), c.id.desc()).limit(limit)
    if before is not None:
        at, id = before
        query = query.where(or_(c.at < at, and_(c.at == at, c.id < id)))
    return [_receipt(db, row) for row in db.execute(query)]


def read_erasure(db: Connection, id: str) -> Erasure | None:
    """The erasure with that id."""
    row = db.execute(_RECEIPTS.where(erasures.c.id == id)).first()
    return None if row is None else _receipt(db, row)


_texts = msgspec.json.Decoder(list[str])
_ANY_OPEN = select(erasures.c.id).where(erasures.c.done_at.is_(None), erasures.c.scope != "age").limit(1)
_RECEIPTS = select(erasures).where(erasures.c.follows.is_(None))


def _receipt(db: Connection, row: Any) -> Erasure:
    waited = held = objects = 0
    values: tuple[str, ...] | None = ()
    if row.done_at is None and row.scope != "age":
        held, objects = journals_waited_for(db, row.id), objects_waited_for(db, row.id)
        values = _values(row)
        waited = live(db, OpenErasure(row.id, Sought(row.scope, values or (), row.route), 0, row.until, row.id))
    return Erasure(
        row.id,
        row.at,
        row.actor,
        row.scope,
        row.route,
        row.sessions,
        row.messages,
        row.notes,
        row.spans,
        row.done_at,
        row.shown,
        given_up(row.without),
        waited,
        held,
        objects,
        values is None,
    )


def _values(row: Any) -> tuple[str, ...] | None:
    """None where they cannot be read."""
    if not row.sought:
        return ()
    try:
        found = tuple(_texts.decode(row.sought))
    except msgspec.DecodeError:
        return None
    known = row.scope in ("session", "number") or (row.scope == "before" and found[0].isdecimal() if found else False)
    return found if known else None


def given_up(without: str | None) -> tuple[str, ...]:
    """The folders and places that were given up before an erasure was done, as its row has them; none where these
    cannot be read."""
    try:
        return tuple(_texts.decode(without or "[]"))
    except msgspec.DecodeError:
        return ()


def sought_text(values: Sequence[str]) -> str:
    """What is sought, as it is stored."""
    return msgspec.json.encode(values).decode()


_SHADOWS = select(treatments.c.session).join(connections, connections.c.id == treatments.c.shadow_of)
"""Shadows, with the connections that they are of."""
# Made once: to make an alias of so many columns takes longer than what it is asked.
_call, _shadow = sessions.alias(), sessions.alias()
_OF_CALL = _SHADOWS.join(_call, _call.c.id == connections.c.session)
"""The same with the sessions of these connections, as `_call`."""
_ids: BindParameter[Sequence[str]] = bindparam("b_ids", expanding=True)
_s, _e = sessions.c, erasures.c
_NAMED = select(_s.id, _s.session_id, _s.started_at).where(_s.id.in_(_ids))
_NAMED_OF_CALL = _OF_CALL.add_columns(_call.c.session_id, _call.c.started_at).where(treatments.c.session.in_(_ids))
_OPEN = select(_e.id, _e.scope, _e.sought, _e.route, _e.until, _e.follows)
_OPEN = _OPEN.where(_e.done_at.is_(None), _e.scope != "age").order_by(_e.at, _e.id)
_OPEN_ORDERS = _OPEN.where(_e.follows.is_(None))
_HAS_SHADOW = (
    _SHADOWS.join(_shadow, _shadow.c.id == treatments.c.session)
    .where(connections.c.session == sessions.c.id)
    .correlate(sessions)
    .exists()
)


def _is_meant(erasure: OpenErasure) -> ColumnElement[bool]:
    return _meant(erasure.sought, erasure.until, erasure.since)


def _meant(sought: Sought, until: int, since: int = 0) -> ColumnElement[bool]:
    # Also a shadow that began after what is meant, or was never told which call it is.
    of_call = _OF_CALL.where(_is_itself_meant(_call, sought, until, since))
    return or_(_is_itself_meant(sessions, sought, until, since), sessions.c.id.in_(of_call))


def _is_itself_meant(table: FromClause, sought: Sought, until: int, since: int) -> ColumnElement[bool]:
    conditions = [_began(table, until, since), _is_sought(table, sought.scope, sought.values)]
    if sought.route is not None:
        conditions.append(table.c.route == sought.route)
    return and_(*conditions)


def _began(table: FromClause, until: int, since: int) -> ColumnElement[bool]:
    began = table.c.started_at <= until
    return and_(began, table.c.started_at >= since) if since else began


def _is_sought(table: FromClause, scope: Scope, values: Sequence[str]) -> ColumnElement[bool]:
    if not values:
        return literal(False)
    if scope == "before":
        return table.c.started_at < int(values[0])
    kept = [for_index(value) for value in values]
    columns = ("id", "session_id", "call_sid") if scope == "session" else ("from_number", "to_number")
    return or_(*(table.c[name].in_(kept) for name in columns))
