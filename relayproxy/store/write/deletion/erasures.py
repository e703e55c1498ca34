"""Erasures: ordering them, and writing down how far they have come, until the receipt is left.

Knows: when what was sought is forgotten; that a call may be taken up again after it was erased; what is counted.
Must not know: which sessions are meant; how a session is deleted; who carries an erasure out.
"""

import hashlib
import secrets
import time
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update

from relayproxy.store.read.erasures import RECONNECT, OpenErasure, Sought, sought_text
from relayproxy.store.schema.mapping import insert_once
from relayproxy.store.schema.tables import audit, erasures, sessions, treatments


def order(db: Connection, sought: Sought, shown: int, actor: str, address: str, now: int) -> str:
    """Orders an erasure of what began before `now`, of which `shown` sessions were shown, and records in the audit that
    it was ordered; its id."""
    id = secrets.token_hex(16)
    _add(db, id, sought, actor, now, until=now, follows=None, shown=shown)
    entry = {"at": now, "actor": actor, "action": "erase", "subject": id, "address": address}
    db.execute(insert(audit), [entry])
    return id


def follow_up(db: Connection, erasure: OpenErasure, session: str, now: int) -> None:
    """Before a session is erased: should Twilio reconnect, what comes then is erased, too. Of a shadow nothing comes:
    what has its id is its call, which may be there to stay."""
    c, t = sessions.c, treatments.c
    shadows = select(t.session).where(t.shadow_of.is_not(None))
    row = db.execute(select(c.session_id, c.ended_at).where(c.id == session, c.id.not_in(shadows))).first()
    if row is None or row.session_id is None or row.ended_at is None or row.ended_at + RECONNECT < now:
        return
    sought = Sought("session", (row.session_id,))
    id = hashlib.sha256(f"{erasure.receipt} {row.session_id}".encode()).hexdigest()[:32]
    _add(db, id, sought, "", now, until=row.ended_at + RECONNECT, follows=erasure.receipt)


@dataclass(frozen=True, slots=True)
class Gone:
    """Sessions that are gone, and what went with them."""

    sessions: int
    messages: int
    notes: int
    spans: int = 0
    """Of their backends."""


def count(db: Connection, receipt: str, gone: Gone) -> None:
    """Counts what is gone for the receipt."""
    c = erasures.c
    more = {name: c[name] + number for name, number in asdict(gone).items()}
    db.execute(update(erasures).where(c.id == receipt).values(more))


def forget(db: Connection, erasure: OpenErasure) -> None:
    """Forgets what was sought: nothing more of it can come."""
    db.execute(update(erasures).where(erasures.c.id == erasure.id).values(sought=""))


def close(db: Connection, erasure: OpenErasure, now: int) -> None:
    """Takes an erasure that is forgotten as carried out."""
    done = update(erasures).where(erasures.c.id == erasure.id, erasures.c.done_at.is_(None))
    db.execute(done.values(done_at=now))


def count_aged(db: Connection, now: int, gone: Gone) -> None:
    """Counts sessions whose content or all of which retention deleted, for the day's receipt."""
    id = time.strftime("age-%Y-%m-%d", time.gmtime(now / 1e9))
    _add(db, id, Sought("age", ()), "relayproxy", now, until=0, follows=None)
    count(db, id, gone)
    db.execute(update(erasures).where(erasures.c.id == id).values(done_at=None))


def close_aged(db: Connection, now: int) -> None:
    """What retention deleted is out of the files, too."""
    db.execute(update(erasures).where(erasures.c.scope == "age", erasures.c.done_at.is_(None)).values(done_at=now))


def _add(
    db: Connection,
    id: str,
    sought: Sought,
    actor: str,
    now: int,
    *,
    until: int,
    follows: str | None,
    shown: int | None = None,
) -> None:
    row = {
        "id": id,
        "at": now,
        "actor": actor,
        "scope": sought.scope,
        "route": sought.route,
        "until": until,
        "follows": follows,
        "sessions": 0,
        "messages": 0,
        "notes": 0,
        "spans": 0,
        "done_at": None,
        "shown": shown,
        "without": None,
        "sought": sought_text(sought.values),
    }
    db.execute(insert_once(db.dialect.name, erasures), [row])
