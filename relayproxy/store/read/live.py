"""Live calls: which sessions live, and the newest turns of some of them.

Knows: the order of the live view (by start), and that few turns are enough for it.
Must not know: HTML, JSON, what is shown of a turn.

Raises what every method of `Queries` raises.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from relayproxy.store.read.filters.criteria import FAULTED, SHADOW
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import tables
from relayproxy.store.schema.mapping import batches, columns, value
from relayproxy.store.schema.rows import SessionRow, TurnRow

LAST_TURNS = 3


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A session and its last few turns, by number."""

    session: SessionRow
    turns: tuple[TurnRow, ...]
    faulted: bool = False
    """Faults were injected into it."""


def live(queries: Queries, limit: int) -> tuple[dict[str, int], int]:
    """The revisions of at most `limit` live sessions by their ids, the longest-lived first, and how many live."""
    c = tables.sessions.c
    with queries.reading() as db:
        found = db.execute(
            select(c.id, c.revision).where(c.ended_at.is_(None), ~SHADOW).order_by(c.started_at, c.id)
        ).all()
    return {row.id: row.revision for row in found[:limit]}, len(found)


def live_calls(queries: Queries, ids: Collection[str]) -> dict[str, LiveCall]:
    """The sessions with these ids of ours, live or not, by id; those that are not there are left out."""
    found: dict[str, LiveCall] = {}
    with queries.reading() as db:
        for some in batches(list(ids)):
            _add(db, some, found)
    return found


def _add(db: Connection, ids: Sequence[str], found: dict[str, LiveCall]) -> None:
    sessions, turns = tables.sessions.c, tables.turns.c
    rows = [
        value(SessionRow, row) for row in db.execute(columns(SessionRow, tables.sessions).where(sessions.id.in_(ids)))
    ]
    newest = (
        columns(TurnRow, tables.turns)
        .join(tables.sessions, sessions.id == turns.session)
        .where(sessions.id.in_(ids), turns.number >= sessions.turns - LAST_TURNS)
        .order_by(turns.session, turns.number)
    )
    faulted = {*db.execute(select(sessions.id).where(sessions.id.in_(ids), FAULTED)).scalars()}
    last: dict[str, list[TurnRow]] = {id: [] for id in ids}
    for row in db.execute(newest):
        turn = value(TurnRow, row)
        last[turn.session].append(turn)
    for session in rows:
        found[session.id] = LiveCall(session, tuple(last[session.id]), session.id in faulted)
