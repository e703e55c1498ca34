"""Snapshots as OpenTelemetry's data: since the start, or since an earlier one."""

from typing import Any

from opentelemetry.sdk.metrics.export import Gauge, Histogram, Sum

from relayproxy.telemetry.export.metrics_data import TEMPORALITIES, metrics_data
from relayproxy.telemetry.export.readable import resource
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.metrics import METRICS
from relayproxy.telemetry.metrics.tally import Point, Snapshot

LATENCY = METRICS["relayproxy.turn.response_latency"]
BUCKETS = (0,) * (len(metrics.VOICE) - 1)


def data(told: Snapshot, before: Snapshot | None = None, temporality: str = "cumulative") -> dict[str, Any]:
    made = metrics_data(told, resource({}), (10, 20), TEMPORALITIES[temporality], before or {})
    [resource_metrics] = made.resource_metrics
    [scope] = resource_metrics.scope_metrics
    return {metric.name: metric.data for metric in scope.metrics}


def test_kinds_times_and_attributes() -> None:
    found = data(
        {
            LATENCY.name: (Point(("sales", ""), 1.5, (*BUCKETS, 2, 1)),),
            metrics.SESSIONS.name: (Point(("sales", "caller_hangup", "A", "7"), 3),),
            metrics.LAG.name: (Point((), 0.25),),
        }
    )
    latency, sessions, lag = found.values()

    assert (type(latency), type(sessions), type(lag)) == (Histogram, Sum, Gauge)
    [point] = latency.data_points
    assert (point.start_time_unix_nano, point.time_unix_nano) == (10, 20)
    assert (point.count, point.sum, point.attributes) == (3, 1.5, {"route": "sales"})
    assert sessions.data_points[0].attributes == {
        "route": "sales", "outcome": "caller_hangup", "tier": "A", "version": "7",
    }  # fmt: skip
    assert lag.data_points[0].value == 0.25


def test_what_was_counted_before_is_left_out_of_counts_and_not_of_gauges() -> None:
    before: Snapshot = {
        LATENCY.name: (Point(("sales", ""), 1.0, (*BUCKETS, 1, 1)),),
        metrics.GAPS.name: (Point(("sales", "quota"), 2),),
        metrics.LAG.name: (Point((), 5),),
    }
    found = data(
        {
            LATENCY.name: (Point(("help", ""), 0.5, (*BUCKETS, 1, 0)), Point(("sales", ""), 3.0, (*BUCKETS, 3, 1))),
            metrics.GAPS.name: (Point(("sales", "quota"), 2), Point(("sales", "disk"), 1)),
            metrics.LAG.name: (Point((), 3),),
        },
        before,
        "delta",
    )

    assert [(one.count, one.sum, one.bucket_counts[-2:]) for one in found[LATENCY.name].data_points] == [
        (1, 0.5, (1, 0)),
        (2, 2.0, (2, 0)),
    ]
    assert [one.value for one in found[metrics.GAPS.name].data_points] == [0, 1]
    assert found[metrics.LAG.name].data_points[0].value == 3
