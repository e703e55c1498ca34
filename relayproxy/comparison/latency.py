"""Latency: durations of turns, and whether they grew beyond the limit and beyond noise.

Knows: which durations are compared; when a difference of a few values is one.
Must not know: facts; which turns belong together.

A turn is slower when it is by more than the limit, and
* with one run of each side: no noise is known, so the limit alone decides;
* with several: the exact interval of the shift excludes 0, at 99 % for all durations of all turns of all calls that are
  compared at once, and at 99 % for these calls as wholes; or, where there are too few runs for that, all later runs
  are slower than all earlier ones, by more than twice as much as runs of the same version differ from each other in
  any turn.
"""

from collections.abc import Iterator, Sequence

from relayproxy.comparison.intervals import Stratum, shift
from relayproxy.comparison.limits import LatencyLimit
from relayproxy.comparison.model import Difference, NumberComparison, Sample
from relayproxy.comparison.sentences import DURATIONS, of_duration, of_latency
from relayproxy.conversation.measures.numbers import TURN_NUMBERS
from relayproxy.conversation.measures.percentiles import nearest_rank
from relayproxy.conversation.model import Turn

HEADLINE = "response_latency_ms"
SHOWN = (
    HEADLINE,
    "time_to_first_token_ms",
    "time_to_first_sentence_ms",
    "time_to_last_token_ms",
    "aggregation_delay_ms",
    "stream_duration_ms",
)
"""Durations of a turn that stand side by side; of these, those of `DURATIONS` are compared."""
P95_SAMPLES = 20
CONFIDENCE = 0.99

Runs = tuple[Sequence[Turn], Sequence[Turn]]
"""A turn in the runs of each side that have it."""

_NUMBERS = {number.name: number for number in TURN_NUMBERS if number.name in SHOWN}


def compare_durations(
    turns: Sequence[Runs], limit: LatencyLimit, at_once: int = 1
) -> tuple[list[tuple[NumberComparison, ...]], NumberComparison, Difference | None]:
    """The durations of each turn, those that differ beyond limit and noise among them as `exceeds`; the response
    latency of the whole call, and where it grew so, the difference. `at_once`: of how many calls that is asked."""
    shown = [{name: tuple(_read(side, name) for side in runs) for name in SHOWN} for runs in turns]
    compared: list[list[NumberComparison]] = [[] for _ in turns]
    whole: NumberComparison | None = None
    for name in SHOWN:
        strata: list[Stratum] = [(one[name][0], one[name][1]) for one in shown]
        paired = [one for one in strata if one[0] and one[1]]
        widest = _widest(strata)
        of_turn = CONFIDENCE if widest is None else _of_each(at_once * len(DURATIONS) * len(paired))
        for found, stratum in zip(compared, strata, strict=True):
            found.append(_number(name, [stratum], of_turn, limit, widest))
        if name == HEADLINE:
            of_call = CONFIDENCE if widest is None else _of_each(at_once)
            whole = _number(name, paired, of_call, limit, widest)
    assert whole is not None
    difference = None
    if whole.exceeds and whole.shift is not None and whole.shift.ms > 0:
        before, after = whole.before.median_ms, whole.after.median_ms
        difference = Difference("latency", HEADLINE, None, None, before, after, of_latency(whole), exceeds=True)
    return [tuple(found) for found in compared], whole, difference


def differences(numbers: Sequence[NumberComparison], places: tuple[int | None, int | None]) -> Iterator[Difference]:
    """The differences of a turn of these numbers. What grew and what can no longer be measured exceeds the limit, for
    the response latency."""
    for number in numbers:
        before, after = number.before.median_ms, number.after.median_ms
        # Where there is no answer, one sentence says so.
        told = number.name in DURATIONS and (number.shift is not None or number.name == HEADLINE)
        if number.exceeds and told:
            worse = before is not None and (after is None or after > before)
            text = of_duration(number)
            yield Difference(
                "latency", number.name, *places, before, after, text, exceeds=worse and number.name == HEADLINE
            )


def sample(values: Sequence[int]) -> Sample:
    """How these values are spread."""
    ranked = sorted(values)
    if not ranked:
        return Sample(0, None, None, None, None)
    p95 = nearest_rank(ranked, 0.95) if len(ranked) >= P95_SAMPLES else None
    return Sample(len(ranked), nearest_rank(ranked, 0.5), p95, ranked[0], ranked[-1])


def _read(turns: Sequence[Turn], name: str) -> list[int]:
    values = (_NUMBERS[name].value(turn) for turn in turns)
    return [value for value in values if value is not None]


def _of_each(intervals: int) -> float:
    """The confidence of each of so many intervals that is `CONFIDENCE` for all of them (Bonferroni)."""
    return 1 - (1 - CONFIDENCE) / max(1, intervals)


def _widest(strata: Sequence[Stratum]) -> int | None:
    """How much values of one version differ in one turn, at most; None where there is one of each."""
    return max((max(side) - min(side) for stratum in strata for side in stratum if len(side) > 1), default=None)


def _number(
    name: str, strata: Sequence[Stratum], confidence: float, limit: LatencyLimit, widest: int | None
) -> NumberComparison:
    before, after = (sample([value for stratum in strata for value in stratum[side]]) for side in (0, 1))
    moved = shift(strata, confidence)
    if moved is None:
        # It could be measured in one of the calls alone.
        return NumberComparison(name, before, after, None, exceeds=(before.n == 0) != (after.n == 0))
    was = before.median_ms or 0
    grew = limit.exceeded(was, was + moved.ms) or limit.exceeded(was + moved.ms, was)
    if moved.low_ms is not None and moved.high_ms is not None:
        beyond = moved.low_ms > 0 or moved.high_ms < 0
    else:
        later = all(min(now) > max(then) for then, now in strata if then and now)
        sooner = all(max(now) < min(then) for then, now in strata if then and now)
        beyond = (later or sooner) and abs(moved.ms) > 2 * (widest or 0)
    return NumberComparison(name, before, after, moved, exceeds=grew and beyond)
