"""Owners of spans: the sessions that a backend's span may belong to, by its trace, by ids that it names, or by time.

Knows: where ids of calls are kept; that a shadow, which has its call's ids, is found by its trace alone; that nothing
is added to a session that was imported or whose content was deleted.
Must not know: which of several candidates a span belongs to.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from relayproxy.store.read.filters.criteria import IMPORTED, SHADOW
from relayproxy.store.schema.mapping import for_index
from relayproxy.store.schema.tables import backend_spans, connections, sessions
from relayproxy.text import storable

MOST = 20
"""Candidates that are looked at, of one trace or for one stretch of time."""
LONGEST = 24 * 3600 * 1_000_000_000
"""Nanoseconds that a session may last to be found by time."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A session (our id). Times are wall nanoseconds; `ended_at` is None while it lives. `backend` is a URL."""

    session: str
    route: str
    backend: str
    started_at: int
    ended_at: int | None


Owners = dict[str, tuple[Owner, ...]]
_OWNER = (sessions.c.id, sessions.c.route, sessions.c.backend, sessions.c.started_at, sessions.c.ended_at)
_KEPT = and_(sessions.c.content_deleted_at.is_(None), ~IMPORTED)


def owners_by_trace(db: Connection, trace_ids: Iterable[str]) -> Owners:
    """The sessions whose backends got these trace ids, by trace id."""
    c = connections.c
    query = select(c.trace_id, *_OWNER).join(sessions, sessions.c.id == c.session)
    return _grouped(db, query.where(c.trace_id.in_(sorted(set(trace_ids))), _KEPT).distinct())


def owners_by_id(db: Connection, ids: Iterable[str]) -> Owners:
    """The sessions that have these ids, by id: ours, Twilio's VX id or a call SID."""
    wanted = {str(for_index(storable(id))): id for id in ids}
    found: dict[str, tuple[Owner, ...]] = {}
    if not wanted:
        return found
    c = sessions.c
    for column in (c.id, c.session_id, c.call_sid):
        query = select(column, *_OWNER).where(column.in_(sorted(wanted)), _KEPT, ~SHADOW).order_by(c.started_at, c.id)
        for kept, owners in _grouped(db, query).items():
            found[wanted[kept]] = tuple(dict.fromkeys((*found.get(wanted[kept], ()), *owners)))
    return found


def owners_by_joined_trace(db: Connection, trace_ids: Iterable[str]) -> Owners:
    """The sessions that spans of these traces were joined to, other than by a guess, by trace id."""
    c = backend_spans.c
    query = select(c.trace_id, *_OWNER).join(sessions, sessions.c.id == c.session)
    wanted = c.trace_id.in_(sorted(set(trace_ids)))
    return _grouped(db, query.where(wanted, c.joined_by != "guess", _KEPT).distinct())


def joined_parents(db: Connection, spans: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The sessions (our ids) of those of these spans (trace id, span id) that were joined, other than by a guess."""
    wanted = set(spans)
    c = backend_spans.c
    query = select(c.trace_id, c.span_id, c.session).where(
        c.trace_id.in_(sorted({trace for trace, _ in wanted})),
        c.span_id.in_(sorted({span for _, span in wanted})),
        c.joined_by != "guess",
    )
    found = {(row.trace_id, row.span_id): row.session for row in db.execute(query)} if wanted else {}
    return {key: session for key, session in found.items() if key in wanted}


def owners_between(db: Connection, since: int, until: int) -> tuple[Owner, ...]:
    """The sessions that lived at any time from `since` to `until` (wall nanoseconds), at most `MOST`."""
    c = sessions.c
    began = c.started_at.between(since - LONGEST, until)
    query = select(*_OWNER).where(began, or_(c.ended_at.is_(None), c.ended_at >= since), _KEPT, ~SHADOW)
    return tuple(Owner(*row) for row in db.execute(query.order_by(c.started_at.desc()).limit(MOST)))


def _grouped(db: Connection, query: Select[Any]) -> Owners:
    found: dict[str, tuple[Owner, ...]] = {}
    for key, *owner in db.execute(query):
        if len(found.get(key, ())) < MOST:
            found[key] = (*found.get(key, ()), Owner(*owner))
    return found
