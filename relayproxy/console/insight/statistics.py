"""Statistics: percentiles and rates over many calls, with confidence intervals.

Knows: nearest rank over turns, sums over sums, and the range in which a number of so few may as well lie.
Must not know: what is counted, how it is read or shown.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, Literal

from msgspec import Meta

from relayproxy.console.http.documents import Count, Document

FEW = 30
"""Of fewer, a number says little."""
EDGES = (50, 100, 200, 300, 400, 500, 600, 800, 1000, 1250, 1500, 2000, 2500, 3000, 4000, 5000, 7500, 10_000, 20_000)
"""Upper edges of the histogram, milliseconds; finer where a voice is judged. Longer ones have a bucket of their own."""
_Z = 1.96

Significance = Literal["better", "worse", "unclear", "few", "none"]
"""`unclear`: chance alone may make such a difference. `few`: too few to say. `none`: one side has no number."""


class Latencies:
    """Whole milliseconds with how often each occurs, and how many there are not, by reason."""

    def __init__(self, counts: Mapping[int, int], excluded: Mapping[str, int] | None = None) -> None:
        self._values = sorted(counts)
        self._ranks = list(accumulate(counts[value] for value in self._values))
        self.n = self._ranks[-1] if self._ranks else 0
        self.excluded = Counter(dict(excluded or {}))

    @property
    def max(self) -> int | None:
        return self._values[-1] if self._values else None

    def percentile(self, share: float) -> int | None:
        """The nearest rank; None of nothing."""
        return self._at(math.ceil(share * self.n)) if self.n else None

    def interval(self, share: float) -> tuple[int, int] | None:
        """The 95 % confidence interval of the percentile, were turns independent: the values at the ranks that many
        standard deviations away. None of nothing."""
        if not self.n:
            return None
        middle, width = share * self.n, _Z * math.sqrt(self.n * share * (1 - share))
        return self._at(math.floor(middle - width)), self._at(math.ceil(middle + width) + 1)

    def histogram(self) -> tuple[int, ...]:
        """The number of latencies in each bucket: up to each edge of `EDGES`, and beyond the last one."""
        found = [0] * (len(EDGES) + 1)
        before = 0
        for value, rank in zip(self._values, self._ranks, strict=True):
            found[bisect_left(EDGES, value)] += rank - before
            before = rank
        return tuple(found)

    def _at(self, rank: int) -> int:
        return self._values[bisect_left(self._ranks, max(1, min(rank, self.n)))]


@dataclass(frozen=True, slots=True)
class Rate:
    """Some of all, as sums over everything: never a mean of rates."""

    part: int
    n: int

    @property
    def value(self) -> float | None:
        return self.part / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's, 95 %; None of nothing."""
        if self.n <= 0:
            return None
        # A damaged count of one call must not take the page away.
        p, z = min(1.0, max(0.0, self.part / self.n)), _Z
        middle = (p + z * z / (2 * self.n)) / (1 + z * z / self.n)
        width = z / (1 + z * z / self.n) * math.sqrt(p * (1 - p) / self.n + z * z / (4 * self.n * self.n))
        return middle - width, middle + width


class Figure(Document, frozen=True):
    """One number of one side, and what it stands on. Less is better for all of them."""

    value: float | None
    n: Annotated[Count, Meta(description="How many it stands on.")]
    interval: Annotated[tuple[float, float] | None, Meta(description="Where it may as well lie, with 95 % confidence.")]


def verdict(a: Figure, b: Figure) -> Significance:
    """The significance of the change of a number from `a` to `b`. It takes intervals that do not touch to call it
    better or worse."""
    if a.value is None or b.value is None or a.interval is None or b.interval is None:
        return "none"
    if min(a.n, b.n) < FEW:
        return "few"
    if b.interval[1] < a.interval[0]:
        return "better"
    return "worse" if b.interval[0] > a.interval[1] else "unclear"
