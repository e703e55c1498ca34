"""Summary of many calls: totals, steps of time, endings, and values of a field.

Knows: how counts that were read become the values that pages and programs are shown.
Must not know: HTTP, HTML, SQL; how a filter is written.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import field

from relayproxy.console.calls.documents.codes import OutcomeCode, TransitionCode
from relayproxy.console.http.documents import Count, Document
from relayproxy.console.http.times import NS
from relayproxy.console.insight.statistics import Figure, Latencies, Rate
from relayproxy.store.read.insight.figures import Calls, LatencyCounts, Reach, Sums, WorstCall
from relayproxy.store.read.insight.numbers import EXACT, Numbers

STEPS = (5, 15, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, *(86_400 * days for days in (1, 7, 28, 364)))
"""Possible lengths of a chart's steps, in seconds."""
AT_MOST = 60
"""Steps of a chart."""
VALUES = 20
"""Values of a field that are told apart; the calls with others are only counted."""
MAX_LISTED = 10
"""Turns and calls in the lists of the slowest and the worst."""
RELEASES = 8
"""Versions of the backend that are marked in charts, the newest."""
ENDINGS = ("failed", "success", "other", "live")
"""Failed ones first: what stands on the ground of a chart can be compared best."""


@dataclass(frozen=True, slots=True)
class TimeStep:
    """Calls and turns that began within one step of time; `at` is its beginning in wall nanoseconds."""

    at: int
    endings: Counter[str]
    """Calls by `ENDINGS`."""
    latencies: Latencies


@dataclass(frozen=True, slots=True)
class ValueSummary:
    """The calls with one value of a field; None: those without any."""

    value: str | None
    sums: Sums
    latencies: Latencies


class EndingCount(Document, frozen=True):
    """The number of calls with this ending; both null: they live."""

    outcome: OutcomeCode | None
    transition: TransitionCode | None = field(name="studio_transition")
    calls: Count


@dataclass(frozen=True, slots=True)
class Release:
    """A version of the backend, and when the first call that it answered began (wall nanoseconds)."""

    version: str
    at: int


@dataclass(frozen=True, slots=True)
class CallsSummary:
    """The numbers of the calls within `reach`."""

    reach: Reach
    step: int
    """Length of each of `steps`, in nanoseconds."""
    sums: Sums
    latencies: Latencies
    steps: tuple[TimeStep, ...]
    endings: tuple[EndingCount, ...]
    values: tuple[ValueSummary, ...] = ()
    more_values: bool = False
    """There are more values than `values` has."""
    releases: tuple[Release, ...] = ()
    """Versions of the backend that came up within the range, first first; none of a side of a comparison."""
    slowest: tuple[WorstCall, ...] = ()
    worst: tuple[WorstCall, ...] = ()

    @property
    def exact(self) -> bool:
        """Latencies are exact to the millisecond; else within 1 %."""
        return self.reach.responses <= EXACT and not self.reach.rolled_up

    @property
    def interruptions(self) -> Rate:
        return Rate(self.sums.interrupted_responses, self.sums.responses)

    @property
    def stale(self) -> Rate:
        return Rate(self.sums.stale_calls, self.sums.calls)

    @property
    def unanswered(self) -> Rate:
        return Rate(self.sums.unanswered, self.sums.turns)

    @property
    def failed(self) -> Rate:
        return Rate(self.sums.failed, self.sums.ended)

    def percentile(self, share: float) -> Figure:
        """A percentile of the response latency."""
        return Figure(self.latencies.percentile(share), self.latencies.n, self.latencies.interval(share))


def figure(rate: Rate) -> Figure:
    """A rate as a figure that can be compared."""
    return Figure(rate.value, rate.n, rate.interval)


def ahead(zone: tzinfo, at: int) -> int:
    """Nanoseconds that the zone's clocks are ahead of UTC at a moment (wall nanoseconds)."""
    return round((datetime.fromtimestamp(at // NS, zone).utcoffset() or timedelta()).total_seconds()) * NS


def step_of(span: int) -> int:
    """The length of a step, so that a chart of this many nanoseconds has `AT_MOST` of them or fewer."""
    return next((step * NS for step in STEPS if span <= AT_MOST * step * NS), STEPS[-1] * NS)


def summarize(
    numbers: Numbers,
    reach: Reach,
    *,
    step: int | None = None,
    origin: int | None = None,
    zone: tzinfo = UTC,
    by: str = "",
    lists: bool = True,
) -> CallsSummary:
    """Reads and adds up. Steps are `step` long and begin at `origin`; else at a full hour, day … of the zone, as
    its clocks are at the end of the range."""
    step = step or step_of(reach.until - reach.since)
    releases: tuple[Release, ...] = ()
    if origin is None:
        releases = tuple(Release(*one) for one in numbers.versions(reach)[-RELEASES:])
        offset = ahead(zone, reach.until)
        origin = (reach.since + offset) // step * step - offset
    calls = numbers.calls(origin, step)
    last = max(0, (reach.until - 1 - origin) // step)
    latencies = defaultdict[int, LatencyCounts](LatencyCounts.of_nothing)
    for place, found_there in numbers.latencies(reach, origin, step).items():
        # A turn may begin after the range that its call began in.
        latencies[min(int(place), last)].add(*found_there)
    values: tuple[ValueSummary, ...] = ()
    more = False
    if by:
        found = numbers.values(by, VALUES + 1)
        more, found = len(found) > VALUES, found[:VALUES]
        apart = numbers.latencies_by(reach, by, tuple(value for value, _ in found))
        values = tuple(ValueSummary(value, sums, _latencies(apart.get(value))) for value, sums in found)
    return CallsSummary(
        reach=reach,
        step=step,
        sums=Sums.of(one.sums for one in calls),
        latencies=_together(latencies.values()),
        steps=_steps(calls, latencies, origin, step, last),
        endings=_endings(calls),
        values=values,
        more_values=more,
        releases=releases,
        slowest=numbers.slowest(MAX_LISTED) if lists else (),
        worst=numbers.worst(MAX_LISTED) if lists else (),
    )


def ending_of(outcome: str | None, transition: str | None) -> str:
    """The value of `ENDINGS` for an outcome and a transition."""
    if outcome is None:
        return "live"
    return transition if transition in ("success", "failed") else "other"


def _steps(
    calls: Iterable[Calls], latencies: Mapping[int, LatencyCounts], origin: int, step: int, last: int
) -> tuple[TimeStep, ...]:
    endings: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for one in calls:
        endings[min(one.step, last)][ending_of(one.outcome, one.transition)] += one.sums.calls
    return tuple(
        TimeStep(origin + place * step, endings[place], _latencies(latencies.get(place))) for place in range(last + 1)
    )


def _endings(calls: Iterable[Calls]) -> tuple[EndingCount, ...]:
    found: Counter[tuple[str | None, str | None]] = Counter()
    for one in calls:
        found[one.outcome, one.transition] += one.sums.calls
    # Those that are as many by name, in whatever order they were read.
    ranked = sorted(found.items(), key=lambda one: (-one[1], *(name or "" for name in one[0])))
    return tuple(EndingCount(*how, count) for how, count in ranked)


def _together(every: Iterable[LatencyCounts]) -> Latencies:
    together = LatencyCounts.of_nothing()
    for some in every:
        together.add(*some)
    return _latencies(together)


def _latencies(counted: LatencyCounts | None) -> Latencies:
    return Latencies(*(counted or ({}, {})))
