"""Measures of alerts: numbers over the calls of the last minutes, of a route or of all.

Knows: which calls reach into a time, and that a call is looked for among those that began up to `REACH` before it; that
what was imported counts nowhere.
Must not know: limits, rules, recorders' reports.

Raises what every method of `Queries` raises.
"""

import math
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, or_, select

from relayproxy.store.read.filters.criteria import COUNTED, IMPORTED
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.packing import detail_of
from relayproxy.store.schema.tables import journal_gaps, sessions, turns

REACH = 3600 * 1_000_000_000
"""Nanoseconds."""
_c, _t = sessions.c, turns.c
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number, of how many samples it is, and the session (our id) that shows it best. Without samples no number."""

    value: float | None
    samples: int
    session: str | None = None


def p95_latency(queries: Queries, since: int, route: str | None) -> Measure:
    """The 95th percentile (nearest rank), in seconds, of the response latencies of turns that began since then; and the
    session of the slowest."""
    where = [*_of(route), _c.started_at >= since - REACH, _t.started_at >= since, _t.response_latency_ms.is_not(None)]
    joined = sessions.join(turns, _t.session == _c.id)
    ms = _t.response_latency_ms
    counted = select(ms, func.count()).select_from(joined).where(*where).group_by(ms).order_by(ms)
    slowest = select(_c.id).select_from(joined).where(*where).order_by(ms.desc(), _t.started_at.desc()).limit(1)
    with queries.reading() as db:
        rows = [(int(row[0]), int(row[1])) for row in db.execute(counted)]
        session = db.execute(slowest).scalar() if rows else None
    samples = sum(count for _, count in rows)
    left = math.ceil(0.95 * samples)
    for value, count in rows:
        left -= count
        if left <= 0:
            return Measure(value / 1000, samples, session)
    return Measure(None, 0)


def failure_rate(queries: Queries, since: int, route: str | None) -> Measure:
    """The share of the calls that ended since then whose Studio flow takes the transition `failed`; and the newest of
    those."""
    where = [*_of(route), _c.started_at >= since - REACH, _c.ended_at >= since]
    failed = func.coalesce(func.sum(case((_c.studio_transition == FAILED, 1), else_=0)), 0)
    newest = select(_c.id).where(*where, _c.studio_transition == FAILED).order_by(_c.started_at.desc()).limit(1)
    with queries.reading() as db:
        calls, bad = db.execute(select(func.count(), failed).where(*where)).one()
        session = db.execute(newest).scalar() if bad else None
    return Measure(int(bad) / int(calls) if calls else None, int(calls), session)


def gaps(queries: Queries, since: int, route: str | None) -> Measure:
    """The number of gaps in calls that live or have ended since then, and without a route, of journals; and the newest
    of these calls."""
    within = or_(_c.ended_at.is_(None), _c.ended_at >= since)
    where = [*_of(route), _c.started_at >= since - REACH, within, _c.gaps > 0]
    newest = select(_c.id).where(*where).order_by(_c.started_at.desc()).limit(1)
    with queries.reading() as db:
        found, calls = db.execute(select(func.coalesce(func.sum(_c.gaps), 0), func.count()).where(*where)).one()
        session = db.execute(newest).scalar() if calls else None
        lost = 0
        if route is None:
            lost = db.execute(
                select(func.count()).select_from(journal_gaps).where(journal_gaps.c.until >= since)
            ).scalar_one()
    return Measure(int(found) + int(lost), int(calls), session)


def last_call(queries: Queries, route: str | None) -> int | None:
    """The start (wall nanoseconds) of the newest call whose content is kept; None when there is none."""
    query = select(func.max(_c.started_at)).where(*_of(route), _c.content_deleted_at.is_(None))
    with queries.reading() as db:
        found: int | None = db.execute(query).scalar_one()
    return found


def live_details(queries: Queries, route: str | None, limit: int) -> tuple[tuple[str, str], ...]:
    """Ids (ours) and details, JSON, of calls that live, the newest first."""
    query = select(_c.id, _c.detail, _c.packed).where(*_of(route), _c.ended_at.is_(None))
    query = query.order_by(_c.started_at.desc()).limit(limit)
    with queries.reading() as db:
        return tuple((row.id, detail_of(row.detail, row.packed)) for row in db.execute(query))


def _of(route: str | None) -> list[ColumnElement[bool]]:
    """What was imported is no call of this relay, and what is no ordinary call is none that anybody has to act on."""
    return [~IMPORTED, COUNTED, *([] if route is None else [_c.route == route])]
