"""Metric record: the definition of one metric, and its names.

Knows: kinds, units, buckets; how a name of OpenTelemetry becomes one of Prometheus.
Must not know: any metric; values.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["histogram", "counter", "gauge"]
By = Literal["recorder", "console"]

_SUFFIXES = {"s": "seconds", "By": "bytes", "1": "ratio", "{chunk}/s": "per_second", "{char}/s": "per_second"}
"""What the unit of a metric becomes in its Prometheus name; units that only say what is counted are left out."""


# Compared by identity: it is the key of what is counted.
@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric."""

    name: str
    """In OpenTelemetry."""
    kind: Kind
    unit: str
    """UCUM; empty where there is nothing to count."""
    meaning: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, in its unit."""
    by: By = "recorder"
    """The process whose numbers it tells; a recorder's have the label `recorder` in Prometheus."""

    @property
    def suffix(self) -> str:
        """Its unit in Prometheus; empty where it has none."""
        return _SUFFIXES.get(self.unit, "")

    @property
    def family(self) -> str:
        """The name of its family in Prometheus: counters and histograms add to it (`sample`)."""
        name = self.name.replace(".", "_")
        return name if not self.suffix or name.endswith(f"_{self.suffix}") else f"{name}_{self.suffix}"

    @property
    def samples(self) -> tuple[str, ...]:
        """The names of its samples in Prometheus."""
        endings = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
        return tuple(self.family + ending for ending in endings[self.kind])

    @property
    def sample_labels(self) -> tuple[str, ...]:
        """The labels of its samples in Prometheus, but for the `le` of buckets."""
        return ("recorder", *self.labels) if self.by == "recorder" else self.labels
