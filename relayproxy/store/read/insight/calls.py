"""Calls that are read one by one: what is needed of each for the numbers of many, and how it is added up.

Knows: which columns these are, so that a filter is asked for once however many numbers there are.
Must not know: which calls count; rollups; percentiles, rates.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import nsmallest
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Integer, Text, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from relayproxy.store.read.insight.figures import Calls, Sums, WorstCall
from relayproxy.store.schema.mapping import whole
from relayproxy.store.schema.tables import sessions, turns

_c = sessions.c


class CallRead(NamedTuple):
    """A call, as `CALLS` selects it."""

    id: str
    started_at: int
    outcome: str | None
    """None while it lives."""
    transition: str | None
    version: str | None
    """Of the backend."""
    waited_ms: int | None
    """How long the caller waited at most."""
    latencies: int
    errors: int
    warnings: int
    turns: int
    responses: int
    interrupted_responses: int
    false_interruptions: int
    unanswered: int
    stale_chunks: int
    asked_again: int


CALLS = select(
    _c.id,
    whole(_c.started_at),
    case((_c.ended_at.is_(None), None), else_=func.coalesce(_c.outcome, "unknown")),
    _c.studio_transition,
    _c.backend_version,
    cast(func.coalesce(_c.longest_wait_ms, _c.response_max_ms), Integer),
    # As SQLite takes what stands there when it adds up: one damaged row must not take all others away.
    *(
        func.coalesce(whole(one), 0)
        for one in (
            _c.response_n,
            _c.errors,
            _c.warnings,
            _c.turns,
            _c.responses,
            _c.interrupted_responses,
            _c.false_interruptions,
            _c.unanswered,
            _c.stale_chunks,
            _c.asked_again,
        )
    ),
)


_PLACE = (
    _c.id,
    whole(_c.started_at),
    _c.route,
    _c.from_number,
    _c.to_number,
    _c.outcome,
    func.coalesce(_c.studio_transition == "failed", False),
    whole(_c.errors),
    whole(_c.warnings),
    whole(_c.unanswered),
)


def is_among(id: ColumnElement[str], ids: Sequence[str], dialect: str) -> ColumnElement[bool]:
    """Whether it is one of these ids, which may be more than a statement takes parameters."""
    if dialect != "sqlite":
        return id == func.any(literal([*ids], ARRAY(Text)))
    listed = func.json_each(literal(msgspec.json.encode(ids).decode(), Text)).table_valued("value")
    return id.in_(select(listed.c.value))


def by_ending(calls: Iterable[CallRead], origin: int, step: int) -> Iterator[Calls]:
    """Sums of those that began in the same step of time from `origin` on and ended in the same way."""
    together: defaultdict[tuple[int, str | None, str | None], list[CallRead]] = defaultdict(list)
    for one in calls:
        together[(one.started_at - origin) // step, one.outcome, one.transition].append(one)
    return (Calls(*how, _sums(*how[1:], some)) for how, some in together.items())


def first_starts(calls: Iterable[CallRead]) -> dict[str | None, int]:
    """Versions of the backend, and when the first call of each began."""
    found: dict[str | None, int] = {}
    for one in calls:
        found[one.version] = min(one.started_at, found.get(one.version, one.started_at))
    return found


def slowest(calls: Iterable[CallRead], limit: int) -> list[str]:
    """Those in which callers waited longest, the longest first."""
    waits = (one for one in calls if one.waited_ms is not None)
    return [one.id for one in nsmallest(limit, waits, lambda one: (-(one.waited_ms or 0), -one.started_at, one.id))]


def worst(calls: Iterable[CallRead], limit: int) -> list[str]:
    """Those in which most went wrong; those in which nothing did are not among them."""
    wrong = (one for one in calls if one.transition == "failed" or one.errors or one.unanswered or one.warnings)
    return [one.id for one in nsmallest(limit, wrong, _how_good)]


def slowest_turns(db: Connection, ids: Sequence[str], limit: int) -> tuple[WorstCall, ...]:
    """The turns of these calls in which callers waited longest, answered or not. When the calls are the slowest of
    some, so are the turns."""
    t = turns.c
    waited = func.coalesce(t.longest_wait_ms, t.response_latency_ms)
    found = (cast(waited, Integer), whole(t.response_latency_ms), whole(t.number), whole(t.started_at))
    query = select(*_PLACE, *found)
    query = query.select_from(sessions.join(turns, t.session == _c.id)).where(_c.id.in_(ids), waited.is_not(None))
    query = query.order_by(waited.desc(), t.started_at.desc(), t.number).limit(limit)
    return tuple(replace(WorstCall(*row[:-1]), started_at=row[-1]) for row in db.execute(query))


def worst_calls(db: Connection, ids: Sequence[str], limit: int) -> tuple[WorstCall, ...]:
    """These calls, those first in which most went wrong."""
    failed = case((_c.studio_transition == "failed", 1), else_=0)
    waited = func.coalesce(_c.longest_wait_ms, _c.response_max_ms, 0)
    order = (one.desc() for one in (failed, _c.errors, _c.unanswered, _c.warnings, waited, _c.started_at))
    query = select(*_PLACE, whole(_c.longest_wait_ms), whole(_c.response_max_ms)).where(_c.id.in_(ids))
    return tuple(WorstCall(*row) for row in db.execute(query.order_by(*order, _c.id).limit(limit)))


def _how_good(one: CallRead) -> tuple[bool, int, int, int, int, int, str]:
    failed, waited_ms = one.transition == "failed", one.waited_ms or 0
    return not failed, -one.errors, -one.unanswered, -one.warnings, -waited_ms, -one.started_at, one.id


def _sums(outcome: str | None, transition: str | None, calls: list[CallRead]) -> Sums:
    turns, responses, interrupted, false, unanswered, stale, asked = [*zip(*calls, strict=True)][-7:]
    n = len(calls)
    return Sums(
        calls=n,
        turns=sum(turns),
        responses=sum(responses),
        interrupted_responses=sum(interrupted),
        false_interruptions=sum(false),
        unanswered=sum(unanswered),
        stale_chunks=sum(stale),
        stale_calls=n - stale.count(0),
        unanswered_calls=n - unanswered.count(0),
        asked_again=sum(asked),
        failed=n * (transition == "failed"),
        ended=n * (outcome is not None),
    )
