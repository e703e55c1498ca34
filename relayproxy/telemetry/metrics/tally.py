"""Tally: counts and histograms of one process's life, and their snapshot.

Knows: cells by metric and label values; that the number of label values is bounded.
Must not know: any metric; where snapshots go.
"""

from bisect import bisect_left
from collections.abc import Mapping

import msgspec

from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.text import storable

OTHER = "other"
"""What further label values are counted as."""
VALUES = 100
"""Values of one label that are told apart, for all metrics together."""
SETS = 500
"""Sets of label values that are told apart in one metric."""
VALUE_LENGTH = 64
"""Characters of a label's value; a longer one is cut."""
LARGEST = 1e9
"""The largest number that counts; what callers and backends send may hold any, and one would spoil a sum for ever."""


class Point(msgspec.Struct, frozen=True, array_like=True):
    """One set of label values, in the order of the metric's labels."""

    labels: tuple[str, ...]
    value: float
    """Of a histogram the sum."""
    counts: tuple[int, ...] = ()
    """Of a histogram: in each bucket, the last beyond all bounds."""


Snapshot = dict[str, tuple[Point, ...]]
"""The points of each metric, by its name."""


class Cell:
    """The count or histogram of one set of label values."""

    __slots__ = ("_bounds", "counts", "value")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.value = 0.0
        self.counts = [0] * (len(bounds) + 1) if bounds else []

    def add(self, amount: float) -> None:
        """Counts so much; nothing below 0."""
        self.value += max(0, min(amount, LARGEST))

    def observe(self, value: float) -> None:
        """Takes a value into the histogram; one below 0 as 0, since sums must not fall."""
        value = max(0.0, min(value, LARGEST))
        self.value += value
        self.counts[bisect_left(self._bounds, value)] += 1


class Tally:
    """All cells. For one thread."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[tuple[str, ...], Cell]] = {}
        self._values: dict[str, set[str]] = {}

    def cell(self, metric: Metric, labels: Mapping[str, str]) -> Cell:
        """The cell of the metric for those of the labels that it has."""
        key = tuple([labels[name] for name in metric.labels])
        cells = self._cells.setdefault(metric.name, {})
        found = cells.get(key)
        if found is None:
            key = tuple([self._bounded(name, value) for name, value in zip(metric.labels, key, strict=True)])
            if len(cells) >= SETS and key not in cells:
                key = (OTHER,) * len(key)
            found = cells.get(key)
            if found is None:
                found = cells[key] = Cell(metric.bounds)
        return found

    def snapshot(self) -> Snapshot:
        """Everything so far."""
        return {
            name: tuple([Point(key, cell.value, tuple(cell.counts)) for key, cell in cells.items()])
            for name, cells in self._cells.items()
        }

    def _bounded(self, label: str, value: str) -> str:
        value = storable(value)[:VALUE_LENGTH]
        seen = self._values.setdefault(label, set())
        if value not in seen:
            if len(seen) >= VALUES:
                return OTHER
            seen.add(value)
        return value
