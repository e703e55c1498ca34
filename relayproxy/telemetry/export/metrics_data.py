"""Conversion of a snapshot to OpenTelemetry's data of metrics.

Knows: sums, gauges and histograms of the SDK, since the start or since an earlier snapshot.
Must not know: how they are sent.
"""

from collections.abc import Iterator, Sequence

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as Data
from opentelemetry.sdk.resources import Resource

from relayproxy.telemetry.export.readable import SCOPE
from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.metrics import METRICS
from relayproxy.telemetry.metrics.tally import Point, Snapshot

TEMPORALITIES = {"cumulative": AggregationTemporality.CUMULATIVE, "delta": AggregationTemporality.DELTA}


def metrics_data(
    told: Snapshot, sender: Resource, span: tuple[int, int], temporality: AggregationTemporality, before: Snapshot
) -> MetricsData:
    """The snapshot as data. `span`: the wall nanoseconds from when on and until when it counts; `before`: what had
    been counted then, which is nothing at the start."""
    data = [_data(METRICS[name], points, span, temporality, before.get(name, ())) for name, points in told.items()]
    scope = ScopeMetrics(SCOPE, data, "")
    return MetricsData([ResourceMetrics(sender, [scope], "")])


def _data(
    metric: Metric,
    points: Sequence[Point],
    span: tuple[int, int],
    temporality: AggregationTemporality,
    before: Sequence[Point],
) -> Data:
    start, end = span
    data: Gauge | Sum | Histogram
    if metric.kind == "gauge":
        data = Gauge([NumberDataPoint(_attributes(metric, one), start, end, one.value) for one in points])
    elif metric.kind == "counter":
        counts = [NumberDataPoint(_attributes(metric, one), start, end, one.value) for one in _since(points, before)]
        data = Sum(counts, temporality, is_monotonic=True)
    else:
        data = Histogram([_histogram(metric, one, span) for one in _since(points, before)], temporality)
    return Data(metric.name, metric.meaning, metric.unit, data)


def _histogram(metric: Metric, point: Point, span: tuple[int, int]) -> HistogramDataPoint:
    return HistogramDataPoint(
        _attributes(metric, point),
        *span,
        count=sum(point.counts),
        sum=point.value,
        bucket_counts=point.counts,
        explicit_bounds=metric.bounds,
        min=None,  # type: ignore[arg-type]  # optional in the protocol
        max=None,  # type: ignore[arg-type]
    )


def _since(points: Sequence[Point], before: Sequence[Point]) -> Iterator[Point]:
    """The points less what they had counted before."""
    known = {point.labels: point for point in before}
    for point in points:
        old = known.get(point.labels)
        if old is None:
            yield point
        else:
            counts = tuple([new - gone for new, gone in zip(point.counts, old.counts, strict=True)])
            yield Point(point.labels, point.value - old.value, counts)


def _attributes(metric: Metric, point: Point) -> dict[str, str]:
    return {name: value for name, value in zip(metric.labels, point.labels, strict=True) if value}
