"""Alert store: firings of alerts, what is told of them, and silences.

Knows: its tables; that several consoles write them at once: of a rule one firing is open, and an attempt to tell is
made by the one that counted it up.
Must not know: limits; how webhooks are called; who may silence.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from sqlalchemy import delete, func, insert, or_, select, update

from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.mapping import insert_once, upsert
from relayproxy.store.schema.tables import alert_deliveries, alert_silences, alerts
from relayproxy.store.write.annotation_writer import AnnotationWriter

DeliveryEvent = Literal["trigger", "resolve"]
DeliveryState = Literal["pending", "sent", "failed"]
Because = Literal["well", "few", "removed"]
KEPT = 1000
"""Firings that are kept, the newest; open ones always."""
_a, _d, _s = alerts.c, alert_deliveries.c, alert_silences.c


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule that fires. `value` and `above` are in the unit of its kind, `window_s` in seconds; `example` is a session
    to look at (our id)."""

    rule: str
    kind: str
    severity: str
    route: str | None
    opened_at: int
    value: float
    above: float
    window_s: float | None
    samples: int | None
    example: str | None
    summary: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    """A firing as it is kept. `resolved_at` is None while it is open."""

    id: int
    key: str
    rule: str
    kind: str
    severity: str
    route: str | None
    opened_at: int
    resolved_at: int | None
    resolved_because: str | None
    well_since: int | None
    value: float
    worst: float
    above: float
    window_s: float | None
    samples: int | None
    example: str | None
    summary: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is told, or was, to a webhook; `answer` is the last one in words, and `at` its time."""

    alert: int
    event: DeliveryEvent
    webhook: str
    state: DeliveryState
    attempts: int
    next_at: int
    at: int
    answer: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A rule that is not told of until then. Times are wall nanoseconds."""

    rule: str
    at: int
    until: int
    actor: str


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """Deliveries that have failed for good since a time, and that wait after a failed attempt; to which webhooks, that
    of the last one first, and how the last one went."""

    failed: int = 0
    retrying: int = 0
    answer: str = ""
    webhooks: tuple[str, ...] = ()


def open_alerts(queries: Queries) -> dict[str, AlertRow]:
    """The open firing of each rule that has one."""
    with queries.reading() as db:
        return {row.rule: AlertRow(*row) for row in db.execute(select(alerts).where(_a.resolved_at.is_(None)))}


def alerts_before(queries: Queries, limit: int, before: int | None = None) -> tuple[tuple[AlertRow, ...], int | None]:
    """Firings, the newest first, and the cursor of the older ones; None when there are no more."""
    query = select(alerts).order_by(_a.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(_a.id < before)
    with queries.reading() as db:
        found = tuple(AlertRow(*row) for row in db.execute(query))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def deliveries_of(queries: Queries, ids: Sequence[int]) -> dict[int, tuple[Delivery, ...]]:
    """What was told of these firings."""
    query = select(alert_deliveries).where(_d.alert.in_(ids)).order_by(_d.alert, _d.event.desc(), _d.webhook)
    found: dict[int, list[Delivery]] = {}
    with queries.reading() as db:
        for row in db.execute(query):
            found.setdefault(row.alert, []).append(Delivery(*row))
    return {id: tuple(each) for id, each in found.items()}


def delivery_counts(queries: Queries, since: int) -> DeliveryCounts:
    """What could not be told."""
    failed = select(func.count()).where(_d.state == "failed", _d.at >= since)
    retrying = select(func.count()).where(_d.state == "pending", _d.attempts > 0, _d.answer != "")
    wrong = or_(_d.state == "failed", (_d.state == "pending") & (_d.attempts > 0))
    told = (_d.at >= since) & (_d.answer != "")
    last = select(_d.answer).where(wrong, told).order_by(_d.at.desc(), _d.webhook).limit(1)
    webhooks = select(_d.webhook).where(wrong, told).group_by(_d.webhook).order_by(func.max(_d.at).desc(), _d.webhook)
    with queries.reading() as db:
        answer = db.execute(last).scalar() or ""
        names = tuple(db.execute(webhooks).scalars())
        counts = [int(db.execute(query).scalar_one()) for query in (failed, retrying)]
    return DeliveryCounts(counts[0], counts[1], answer, names)


def silences(queries: Queries, now: int) -> dict[str, Silence]:
    """The silences in force, by rule."""
    with queries.reading() as db:
        return {row.rule: Silence(*row) for row in db.execute(select(alert_silences).where(_s.until > now))}


def put_silence(writer: AnnotationWriter, silence: Silence) -> None:
    """Silences a rule, in the place of an earlier silence."""
    with writer.writing() as db:
        db.execute(upsert(db.dialect.name, alert_silences), asdict(silence))


def end_silence(writer: AnnotationWriter, rule: str, now: int) -> bool:
    """Ends a silence; False when there is none in force."""
    with writer.writing() as db:
        return bool(db.execute(delete(alert_silences).where(_s.rule == rule, _s.until > now)).rowcount)


def open_alert(writer: AnnotationWriter, firing: Firing, webhooks: Iterable[str]) -> bool:
    """Keeps a firing, to be told to these webhooks; False when another console has done so."""
    row = {**asdict(firing), "key": secrets.token_hex(8), "worst": firing.value}
    with writer.writing() as db:
        statement = cast(Any, insert_once(db.dialect.name, alerts)).values(row).returning(_a.id)
        id = db.execute(statement).scalar_one_or_none()
        if id is None:
            return False
        rows = [_told(int(id), "trigger", name, firing.opened_at) for name in webhooks]
        if rows:
            db.execute(insert(alert_deliveries), rows)
        oldest = select(_a.id).order_by(_a.id.desc()).offset(KEPT).limit(1).scalar_subquery()
        gone = select(_a.id).where(_a.id <= oldest, _a.resolved_at.is_not(None))
        db.execute(delete(alert_deliveries).where(_d.alert.in_(gone)))
        db.execute(delete(alerts).where(_a.id <= oldest, _a.resolved_at.is_not(None)))
    return True


def tell_now(writer: AnnotationWriter, id: int, webhooks: Iterable[str], now: int) -> None:
    """Has an open firing told to these webhooks, those that were told already excepted."""
    with writer.writing() as db:
        there = db.execute(select(_a.id).where(_a.id == id, _a.resolved_at.is_(None))).first()
        rows = [_told(id, "trigger", name, now) for name in webhooks]
        if there and rows:
            db.execute(insert_once(db.dialect.name, alert_deliveries), rows)


def keep_alert(writer: AnnotationWriter, id: int, worst: float, well_since: int | None) -> None:
    """Keeps what an open firing has come to."""
    with writer.writing() as db:
        db.execute(
            update(alerts).where(_a.id == id, _a.resolved_at.is_(None)).values(worst=worst, well_since=well_since)
        )


def resolve_alert(writer: AnnotationWriter, id: int, now: int, because: Because) -> bool:
    """Ends a firing, to be told to the webhooks that were told of it; False when another console has done so."""
    ended = update(alerts).where(_a.id == id, _a.resolved_at.is_(None))
    with writer.writing() as db:
        if not db.execute(ended.values(resolved_at=now, resolved_because=because)).rowcount:
            return False
        told = db.execute(select(_d.webhook).where(_d.alert == id, _d.event == "trigger")).scalars()
        rows = [_told(id, "resolve", name, now) for name in told]
        if rows:
            db.execute(insert_once(db.dialect.name, alert_deliveries), rows)
    return True


def due(queries: Queries, now: int, limit: int, but: Collection[str] = ()) -> tuple[tuple[Delivery, AlertRow], ...]:
    """What is to be told now, the oldest first, to all webhooks but some; that a firing is over only once its beginning
    was told or given up."""
    first = alert_deliveries.alias()
    waits = select(first.c.alert).where(
        first.c.alert == _d.alert, first.c.webhook == _d.webhook, first.c.event == "trigger", first.c.state == "pending"
    )
    query = select(alert_deliveries, alerts).join(alerts, _a.id == _d.alert)
    query = query.where(
        _d.webhook.not_in(but), _d.state == "pending", _d.next_at <= now, or_(_d.event == "trigger", ~waits.exists())
    )
    width = len(_d)
    with queries.reading() as db:
        rows = db.execute(query.order_by(_d.next_at, _d.alert).limit(limit)).all()
    return tuple((Delivery(*row[:width]), AlertRow(*row[width:])) for row in rows)


def claim(writer: AnnotationWriter, delivery: Delivery, again_at: int) -> bool:
    """Counts an attempt up; False when another console has, which then makes it. Whoever dies meanwhile leaves it to be
    made anew at `again_at`."""
    with writer.writing() as db:
        claimed = update(alert_deliveries).where(
            *_is(delivery), _d.state == "pending", _d.attempts == delivery.attempts
        )
        return bool(db.execute(claimed.values(attempts=delivery.attempts + 1, next_at=again_at)).rowcount)


def settle(
    writer: AnnotationWriter, delivery: Delivery, state: DeliveryState, answer: str, now: int, next_at: int
) -> None:
    """Keeps how an attempt went."""
    values = {"state": state, "answer": answer, "at": now, "next_at": next_at}
    with writer.writing() as db:
        db.execute(update(alert_deliveries).where(*_is(delivery), _d.state == "pending").values(values))


def _is(delivery: Delivery) -> tuple[Any, ...]:
    return (_d.alert == delivery.alert, _d.event == delivery.event, _d.webhook == delivery.webhook)


def _told(id: int, event: DeliveryEvent, webhook: str, now: int) -> dict[str, Any]:
    return {
        "alert": id, "event": event, "webhook": webhook, "state": "pending", "attempts": 0, "next_at": now, "at": now,
        "answer": "",
    }  # fmt: skip
