"""Selection of the calls that a summary covers, and a cache of summaries.

Knows: that a filter without a time means the last week, or as long as there have been calls; how long a summary is good
for.
Must not know: HTML; what is done with a summary.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Any, Literal, TypeVar
from weakref import WeakKeyDictionary

from relayproxy.console.filters.language import Complaint, parse
from relayproxy.console.http.times import NS
from relayproxy.console.insight.summary import ahead
from relayproxy.store.read.filters.criteria import Criteria
from relayproxy.store.read.insight.figures import Reach
from relayproxy.store.read.insight.numbers import ROLL_UP, Numbers, first_call
from relayproxy.store.read.insight.rollups import is_aligned
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotations import additions

WEEK = 7 * 86_400 * NS
MIN_RANGE = 900 * NS
"""A range that begins with the first call is so long at least: of minutes, fewer would be no chart."""
_TICK = 10 * NS
"""`Now` moves on in such steps, so that the same question a moment later is the same question."""
_FRESH = 5.0
"""Seconds for which a summary is reused, even if calls or annotations were added since."""
_KEPT = 64
_AT_ONCE = 2
"""Summaries that are made at the same time; the others wait for their turn."""

T = TypeVar("T")
PeriodOrigin = Literal["given", "first", "week", "all"]
"""Whose range of time it is: the filter's; as it gives none, since the first call, the last week when the first one was
before, or all, as there was nothing in that week."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter, and the time at which it was read (wall nanoseconds)."""

    text: str
    criteria: Criteria
    now: int
    problems: tuple[Complaint, ...] = ()
    zone: tzinfo = UTC
    """In which days begin."""

    @property
    def timed(self) -> bool:
        return self.criteria.since is not None or self.criteria.until is not None

    @property
    def until(self) -> int:
        """The end of the range, which is now at the latest."""
        return self.now if self.criteria.until is None else min(self.criteria.until, self.now)

    @property
    def key(self) -> Hashable:
        """The same for selections of the same calls."""
        return self.criteria, self.until, str(self.zone)


def selection(text: str, also: str = "", now: int | None = None, zone: tzinfo = UTC) -> Selection:
    """The selection of the text and of `also`, whose range of time replaces that of the text."""
    now = -(-(time.time_ns() if now is None else now) // _TICK) * _TICK
    first, second = parse(text, now, zone), parse(also, now, zone)
    a, b = first.criteria, second.criteria
    times = b if b.since is not None or b.until is not None else a
    criteria = Criteria(a.every + b.every, a.words + b.words, times.since, times.until)
    return Selection(
        " ".join(filter(None, (first.text, second.text))), criteria, now, first.problems + second.problems, zone
    )


def without_times(text: str) -> str:
    """The conditions of the text that do not narrow the time."""
    terms = parse(text, 0).terms
    alone = ((term.token, parse(term.token, 0).criteria) for term in terms)
    return " ".join(token for token, one in alone if one.since is None and one.until is None)


def reach_of(queries: Queries, chosen: Selection, by: str = "") -> tuple[Numbers, Reach, PeriodOrigin]:
    """The calls that it comes to. `by` as of `Numbers`."""
    criteria = replace(chosen.criteria, until=chosen.until)
    roll_up = ROLL_UP if is_aligned(ahead(chosen.zone, chosen.until)) else None
    if chosen.timed:
        numbers = Numbers(queries, criteria, roll_up=roll_up, by=by)
        return numbers, numbers.reach(), "given"
    week = chosen.now - WEEK
    numbers = Numbers(queries, replace(criteria, since=week), roll_up=roll_up, by=by)
    reach = numbers.reach()
    if not reach.matching:
        numbers = Numbers(queries, criteria, roll_up=roll_up, by=by)
        return numbers, numbers.reach(), "all"
    if reach.first is None or (first_call(queries) or 0) < week:
        return numbers, reach, "week"
    # A day's calls in a week's chart would be a line at its edge.
    return numbers, replace(reach, since=max(reach.since, min(reach.first, chosen.now - MIN_RANGE))), "first"


def together(reaches: list[tuple[Numbers, Reach, PeriodOrigin]]) -> list[tuple[Numbers, Reach, PeriodOrigin]]:
    """Ranges that begin with the first call begin with the first of all of these, so that they can be compared."""
    first = min((reach.since for _, reach, span in reaches if span == "first"), default=0)
    return [
        (numbers, replace(reach, since=first) if span == "first" else reach, span) for numbers, reach, span in reaches
    ]


def _token(queries: Queries) -> str:
    return f"{queries.changes()} {additions(queries)}"


class SummaryCache:
    """Answers that are not older than a few seconds, or older than nothing that was recorded or added by people since,
    through this console or another."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[str, float, asyncio.Task[Any]]] = OrderedDict()
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def of(self, key: Hashable, queries: Queries, make: Callable[[], T]) -> T:
        """The result of `make`, called in another thread unless it is cached; one call for all concurrent requests."""
        known = self._kept.get(key)
        if known and (not known[2].done() or time.monotonic() - known[1] < _FRESH):
            return await asyncio.shield(known[2])
        token = await asyncio.to_thread(_token, queries)
        known = self._kept.get(key)  # who asked at the same time may have begun by now
        if known and (not known[2].done() or known[0] == token):
            return await asyncio.shield(known[2])
        task = asyncio.create_task(self._make(key, make))
        self._kept[key] = (token, time.monotonic(), task)
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, make: Callable[[], T]) -> T:
        try:
            async with self._turn:
                return await asyncio.to_thread(make)
        except BaseException:
            self._kept.pop(key, None)
            raise


_memories: WeakKeyDictionary[Queries, SummaryCache] = WeakKeyDictionary()


def summary_cache_of(queries: Queries) -> SummaryCache:
    """The memory of a database's answers."""
    return _memories.setdefault(queries, SummaryCache())
