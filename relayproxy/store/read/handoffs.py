"""Handoffs that were recorded, by route.

Knows: that only the newest sessions are looked through, so that a route that is never called costs nothing.
Must not know: what is in them.
"""

from sqlalchemy import select

from relayproxy.store.read.filters.criteria import SHADOW
from relayproxy.store.read.latest_by_route import AMONG
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import tables

MOST = 200
"""Handoffs of a route that are read."""


def handoffs_by_route(queries: Queries) -> dict[str, tuple[str, ...]]:
    """By route, of routes that are among the newest sessions of all: their newest handoffs, each as JSON of
    `conversation.model.Handoff`."""
    s = tables.sessions.c
    newest = (
        select(s.route, s.id, s.handoff_reason).where(~SHADOW).order_by(s.started_at.desc(), s.id.desc()).limit(AMONG)
    )
    wanted: dict[str, list[str]] = {}
    with queries.reading() as db:
        for route, id, reason in db.execute(newest):
            if reason is not None and len(wanted.setdefault(route, [])) < MOST:
                wanted[route].append(id)
        found: dict[str, tuple[str, ...]] = {}
        for route, ids in wanted.items():
            rows = db.execute(select(s.handoff).where(s.id.in_(ids), s.handoff.is_not(None)))
            found[route] = tuple(rows.scalars())
    return found
