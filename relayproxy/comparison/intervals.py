"""Intervals: how sure a difference is that comes from a few values.

Knows: exact tests of ranks and of counts.
Must not know: what the values are.

The interval of a shift is exact: the null distribution of how many values of one side exceed values of the other
(Mann and Whitney), summed over turns, so that only values of the same turn are compared. It assumes nothing about the
form of the distribution and draws no random numbers, and says that there are too few values where there are: with five
values, a bootstrap would give an interval that is too narrow. With one run of each side it is the sign test's.
"""

import math
import statistics
from collections.abc import Iterable, Sequence

from relayproxy.comparison.model import Shift

Stratum = tuple[Sequence[int], Sequence[int]]
"""The values of one turn, before and after."""

MAX_EXACT = 400
"""Pairs of values up to which the distribution is computed; of more, the normal distribution is as good."""


def shift(strata: Iterable[Stratum], confidence: float = 0.95) -> Shift | None:
    """How much later values are after than before; None where no turn has values of both."""
    paired = [(before, after) for before, after in strata if before and after]
    differences = sorted(now - was for before, after in paired for was in before for now in after)
    if not differences:
        return None
    estimate = round(statistics.median(differences))
    if len(differences) == 1:
        return Shift(estimate, None, None, confidence)
    out = _outside([(len(before), len(after)) for before, after in paired], (1 - confidence) / 2)
    if out is None:
        return Shift(estimate, None, None, confidence)
    return Shift(estimate, differences[out], differences[-1 - out], confidence)


def _outside(sizes: Sequence[tuple[int, int]], tail: float) -> int | None:
    """How many of the sorted differences lie beyond each end of the interval; None where there are too few for one."""
    total = sum(before * after for before, after in sizes)
    if total <= MAX_EXACT:
        below, count = 0.0, -1
        for chance in _distribution(sizes):
            below += chance
            if below > tail:
                break
            count += 1
        return count if count >= 0 else None
    deviation = math.sqrt(sum(before * after * (before + after + 1) for before, after in sizes) / 12)
    count = math.floor(total / 2 + statistics.NormalDist().inv_cdf(tail) * deviation - 0.5)
    return count if count >= 0 else None


def _distribution(sizes: Sequence[tuple[int, int]]) -> list[float]:
    """The chance of each number of pairs in which the later value is larger, when nothing has changed."""
    found = [1.0]
    for before, after in sizes:
        one = _rank_sums(before, after)
        longer = [0.0] * (len(found) + len(one) - 1)
        for i, left in enumerate(found):
            for j, right in enumerate(one):
                longer[i + j] += left * right
        found = longer
    return found


def _rank_sums(before: int, after: int) -> list[float]:
    """The same for one turn: the coefficients of the Gaussian binomial."""
    counts = [1]
    for i in range(1, after + 1):
        # Times 1 - q^(before + i), divided by 1 - q^i.
        counts += [0] * (before + i)
        for place in range(len(counts) - 1, before + i - 1, -1):
            counts[place] -= counts[place - before - i]
        for place in range(i, len(counts)):
            counts[place] += counts[place - i]
        del counts[before * i + 1 :]
    every = math.comb(before + after, after)
    return [count / every for count in counts]


def chance_of_counts(before: int, of_before: int, after: int, of_after: int) -> float:
    """The chance that counts of the same frequency differ as much as these (Fisher's exact test, both sides)."""
    total, n = before + after, of_before + of_after

    def chance(first: int) -> float:
        return math.comb(of_before, first) * math.comb(of_after, total - first) / math.comb(n, total)

    seen = chance(before)
    possible = range(max(0, total - of_after), min(total, of_before) + 1)
    return min(1.0, sum(one for first in possible if (one := chance(first)) <= seen * (1 + 1e-9)))
