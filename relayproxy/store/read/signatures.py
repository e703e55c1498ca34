"""Signatures of the newest sessions of each route.

Knows: that only the newest sessions are looked through, so that a route that is never called costs nothing.
Must not know: what follows from them.
"""

from dataclasses import dataclass

from sqlalchemy import select

from relayproxy.store.read.filters.criteria import IMPORTED, SHADOW
from relayproxy.store.read.latest_by_route import AMONG
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import tables

LAST = 20
"""Sessions of a route that are looked at."""
BAD = ("wrong", "missing")


@dataclass(frozen=True, slots=True)
class RecentSignatures:
    """The states of the last sessions of a route, the newest first, and the newest of these that Twilio has not signed:
    its start (wall nanoseconds) and the opening of its first connection (JSON)."""

    states: tuple[str, ...]
    bad_at: int | None = None
    bad_opening: str | None = None


def recent_signatures(queries: Queries) -> dict[str, RecentSignatures]:
    """By route, of routes that are among the newest sessions of all."""
    s, c = tables.sessions.c, tables.connections.c
    newest = select(s.route, s.signature, s.started_at, s.id).where(~IMPORTED, ~SHADOW)
    newest = newest.order_by(s.started_at.desc(), s.id.desc()).limit(AMONG)
    states: dict[str, list[str]] = {}
    bad: dict[str, tuple[int, str]] = {}
    with queries.reading() as db:
        for route, state, started_at, id in db.execute(newest):
            of_route = states.setdefault(route, [])
            if state is not None and len(of_route) < LAST:
                of_route.append(state)
                if state in BAD:
                    bad.setdefault(route, (started_at, id))
        wanted = [id for _, id in bad.values()]
        opened = select(c.id, c.opening).where(c.id.in_(wanted))
        openings: dict[str, str] = {row.id: row.opening for row in db.execute(opened)}
    return {
        route: RecentSignatures(tuple(each), bad[route][0], openings.get(bad[route][1]))
        if route in bad
        else RecentSignatures(tuple(each))
        for route, each in states.items()
    }
