"""Prometheus text of metrics.

Knows: the formats, Prometheus' text and OpenMetrics, and which one a request's `Accept` asks for.
Must not know: where the numbers come from.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import exposition
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.metrics import METRICS
from relayproxy.telemetry.metrics.tally import Point, Snapshot


def render(recorders: Mapping[str, Snapshot], own: Snapshot, accept: str) -> tuple[bytes, str]:
    """All metrics as a body and its media type. `recorders`: what each one tells, by its name; `own`: what the console
    tells. What this version does not know is left out."""
    encode, content_type = exposition.choose_encoder(accept)
    return encode(_Families(recorders, own)), content_type


class _Families(Collector):
    def __init__(self, recorders: Mapping[str, Snapshot], own: Snapshot) -> None:
        self._recorders = recorders
        self._own = own

    def collect(self) -> Iterator[Family]:
        for metric in METRICS.values():
            samples = [*self._samples(metric)]
            if samples:
                yield _family(metric, samples)

    def _samples(self, metric: Metric) -> Iterator[tuple[tuple[str, ...], Point]]:
        if metric.by == "console":
            yield from ((point.labels, point) for point in _known(metric, self._own))
        else:
            for name, told in self._recorders.items():
                yield from (((name, *point.labels), point) for point in _known(metric, told))


def _known(metric: Metric, told: Snapshot) -> Iterator[Point]:
    """The points, without those that another version tells in another shape."""
    buckets = len(metric.bounds) + 1 if metric.bounds else 0
    for point in told.get(metric.name, ()):
        if len(point.labels) == len(metric.labels) and len(point.counts) == buckets:
            yield point


def _family(metric: Metric, samples: Iterable[tuple[tuple[str, ...], Point]]) -> Family:
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(
            metric.family, metric.meaning, labels=metric.sample_labels, unit=metric.suffix
        )
        bounds = [*map(floatToGoString, metric.bounds), "+Inf"]
        for labels, point in samples:
            histogram.add_metric(labels, [*zip(bounds, accumulate(point.counts), strict=True)], point.value)
        return histogram
    family = (CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily)(
        metric.family, metric.meaning, labels=metric.sample_labels, unit=metric.suffix
    )
    for labels, point in samples:
        family.add_metric(labels, point.value)
    return family
