"""Percentiles: exact ones of a few numbers, and those of very many in little memory.

Knows: nearest rank, and buckets of a fixed relative width.
Must not know: what is counted.
"""

import math
from array import array
from bisect import insort
from collections.abc import Sequence

from relayproxy.conversation.totals import Spread

_GROWTH = math.log(1.02)
"""Buckets are 2 % wide: a percentile read from them is off by 1 % at most."""


def nearest_rank(ranked: Sequence[int], share: float) -> int:
    """The percentile of sorted values; IndexError of nothing."""
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


class Sample:
    """Whole milliseconds, kept one by one (4 bytes each), so that percentiles are exact."""

    def __init__(self) -> None:
        self._values = array("i")
        self._excluded: dict[str, int] = {}

    def copy(self) -> "Sample":
        made = Sample()
        made._values, made._excluded = self._values[:], dict(self._excluded)
        return made

    def add(self, ms: int | None, why_not: str | None) -> None:
        """Adds a value, or the reason why there is none (None: it is not expected to have one)."""
        if ms is not None:
            insort(self._values, max(-(2**31), min(ms, 2**31 - 1)))
        elif why_not is not None:
            self._excluded[why_not] = self._excluded.get(why_not, 0) + 1

    def spread(self) -> Spread:
        """The spread of the values so far."""
        values = self._values
        if not values:
            return Spread(excluded=dict(self._excluded))
        return Spread(
            n=len(values),
            p50_ms=nearest_rank(values, 0.5),
            p95_ms=nearest_rank(values, 0.95),
            max_ms=values[-1],
            excluded=dict(self._excluded),
        )


class Histogram:
    """Nanoseconds of very many messages; memory does not grow with their number."""

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._n = 0
        self._max = 0
        self._held = 0

    def add(self, ns: int) -> None:
        """Adds a duration."""
        bucket = round(math.log(ns) / _GROWTH) if ns > 1 else 0
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self._n += 1
        if ns > self._max:
            self._max = ns

    def hold(self) -> None:
        """Counts a message whose duration says nothing, since the other side was not taking data."""
        self._held += 1

    def spread(self) -> Spread:
        """The spread in milliseconds, to the microsecond."""
        excluded = {"backpressure": self._held} if self._held else {}
        if not self._n:
            return Spread(excluded=excluded)
        ranked = sorted(self._buckets.items())
        return Spread(self._n, self._rank(ranked, 0.5), self._rank(ranked, 0.95), _ms(self._max), excluded)

    def _rank(self, ranked: Sequence[tuple[int, int]], share: float) -> float:
        wanted, seen = max(1, math.ceil(share * self._n)), 0
        for bucket, count in ranked:
            seen += count
            if seen >= wanted:
                return min(_ms(math.exp(bucket * _GROWTH)), _ms(self._max))
        return _ms(self._max)


def _ms(ns: float) -> float:
    return round(ns / 1e6, 3)
