"""Metrics as Prometheus' own parsers read them."""

import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.metrics import METRICS
from relayproxy.telemetry.metrics.prometheus import render
from relayproxy.telemetry.metrics.tally import Point, Snapshot, Tally

OPEN = "application/openmetrics-text; version=1.0.0"
LATENCY = METRICS["relayproxy.turn.response_latency"]


def told() -> Snapshot:
    tally = Tally()
    for seconds in (0.45, 0.55, 30.0):
        tally.cell(LATENCY, {"route": "sales", "version": "7"}).observe(seconds)
    tally.cell(metrics.SESSIONS, {"route": 'a"b\\c\nd', "outcome": "unknown", "tier": "A", "version": ""}).add(3)
    return tally.snapshot() | {metrics.LAG.name: (Point((), 0.25),)}


def parsed(accept: str, recorders: dict[str, Snapshot], own: Snapshot | None = None) -> dict[str, Family]:
    body, content_type = render(recorders, own or {}, accept)
    assert content_type.startswith("application/openmetrics-text" if accept == OPEN else "text/plain; version=0.0.4")
    families = (open_metrics if accept == OPEN else plain)(body.decode())
    return {family.name: family for family in families}


@pytest.mark.parametrize("accept", ["", OPEN])
def test_histograms_counters_and_gauges_of_every_recorder(accept: str) -> None:
    found = parsed(accept, {"one": told(), "two": told()}, {metrics.DATABASE_UP.name: (Point((), 1),)})

    latency = found["relayproxy_turn_response_latency_seconds"]
    assert (latency.type, latency.unit) == ("histogram", "seconds" if accept == OPEN else "")
    assert "time to the first TTS token" in latency.documentation
    labels = {"recorder": "two", "route": "sales", "version": "7"}
    values = {(one.name.rpartition("_")[2], one.labels.get("le")): one.value
              for one in latency.samples if one.labels.items() >= labels.items()}  # fmt: skip
    assert (values["bucket", "0.4"], values["bucket", "0.5"], values["bucket", "0.6"]) == (0, 1, 2)
    assert (values["bucket", "20.0"], values["bucket", "+Inf"], values["count", None]) == (2, 3, 3)
    assert values["sum", None] == pytest.approx(31.0)
    [one, two] = found["relayproxy_sessions"].samples
    assert (one.name, one.value) == ("relayproxy_sessions_total", 3)
    assert one.labels["route"] == 'a"b\\c\nd'
    assert (one.labels["recorder"], two.labels["recorder"]) == ("one", "two")
    assert [sample.labels for sample in found["relayproxy_database_up"].samples] == [{}]
    assert found["relayproxy_recorder_lag_seconds"].samples[0].value == 0.25


def test_without_numbers_there_is_no_family() -> None:
    assert parsed("", {}) == {}


def test_what_another_version_tells_in_another_shape_is_left_out() -> None:
    other = {
        "relayproxy.unheard_of": (Point((), 1),),
        LATENCY.name: (Point(("sales", "7"), 1.0, (1, 2)), Point(("sales",), 1.0, (0,) * 20)),
        metrics.SESSIONS.name: (Point(("sales",), 1),),
        metrics.LAG.name: (Point((), 7),),
    }
    assert parsed("", {"one": other}).keys() == {"relayproxy_recorder_lag_seconds"}
