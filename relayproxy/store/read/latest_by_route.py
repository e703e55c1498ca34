"""Latest session of each route.

Knows: that only the newest sessions are looked through, so that a route that is never called costs nothing.
Must not know: which routes there should be.
"""

from dataclasses import dataclass

from sqlalchemy import select

from relayproxy.store.read.filters.criteria import IMPORTED, SHADOW
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import tables
from relayproxy.store.schema.mapping import columns, value
from relayproxy.store.schema.rows import SessionRow

AMONG = 2000


@dataclass(frozen=True, slots=True)
class Arrival:
    """A session and the opening of its first connection (JSON); None when that is not there."""

    session: SessionRow
    opening: str | None


def arrivals(queries: Queries) -> dict[str, Arrival]:
    """The newest session by route, for routes that are among the newest sessions of all."""
    s, c = tables.sessions.c, tables.connections.c
    recent = select(s.route, s.id).where(~IMPORTED, ~SHADOW).order_by(s.started_at.desc(), s.id.desc()).limit(AMONG)
    with queries.reading() as db:
        newest: dict[str, str] = {}
        for route, id in db.execute(recent):
            newest.setdefault(route, id)
        wanted = list(newest.values())
        rows = db.execute(columns(SessionRow, tables.sessions).where(s.id.in_(wanted)))
        sessions = [value(SessionRow, row) for row in rows]
        opened = select(c.session, c.opening).where(c.session.in_(wanted)).order_by(c.opened_at.desc(), c.id.desc())
        openings: dict[str, str] = {row.session: row.opening for row in db.execute(opened)}
    return {row.route: Arrival(row, openings.get(row.id)) for row in sessions}
