"""Metrics reach a real collector over both protocols, and one that fails costs nobody anything."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import otlp_export
from relayproxy.telemetry.export import otlp_metrics
from relayproxy.telemetry.export.otlp_metrics import OtlpMetrics
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.metrics import METRICS
from relayproxy.telemetry.metrics.tally import Point, Snapshot, Tally
from tests.patience import PATIENCE
from tests.telemetry.collector import collector, values
from tests.telemetry.export.test_exporters import authority, behind_tls

LATENCY = METRICS["relayproxy.turn.response_latency"]
ROUTE = {"route": "sales", "version": "", "tier": "A", "outcome": "caller_hangup"}


def sender(endpoint: str, otel: Otel | None = None, **environ: str) -> OtlpMetrics:
    otel = otel or Otel(endpoint=endpoint, metrics_interval=1)
    way = otlp_export(otel, "metrics", environ)
    assert way is not None
    return OtlpMetrics.to(way, otel, "recorder:here:1-1", environ)


def told(calls: int) -> Snapshot:
    tally = Tally()
    for _ in range(calls):
        tally.cell(LATENCY, ROUTE).observe(0.45)
        tally.cell(metrics.SESSIONS, ROUTE).add(1)
    return tally.snapshot() | {metrics.LAG.name: (Point((), calls / 4),)}


def point_of(metric: Any) -> Any:
    """The only point of a metric of OTLP."""
    [point] = getattr(metric, metric.WhichOneof("data")).data_points
    return point


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_a_collector_gets_sums_gauges_and_histograms(tmp_path: Path, protocol: str) -> None:
    before = time.time_ns()
    async with collector(tmp_path) as there:
        one = sender(there.grpc if protocol == "grpc" else there.http, OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
        one.take(told(3))
        await asyncio.to_thread(one.shutdown)
        found = await there.received.until_metrics(lambda named: len(named) == 3)
        [resource] = there.received.metric_resources
    assert (one.sent, one.failed, one.trouble) == (1, 0, None)
    assert (resource["service.name"], resource["service.instance.id"]) == ("relayproxy", "recorder:here:1-1")
    latency = found["relayproxy.turn.response_latency"]
    point = point_of(latency)
    assert (latency.unit, latency.histogram.aggregation_temporality) == ("s", 2), "cumulative"
    assert "time to the first TTS token" in latency.description
    assert (point.count, list(point.explicit_bounds)) == (3, list(metrics.VOICE))
    assert point.sum == pytest.approx(1.35)
    assert [n for n in point.bucket_counts if n] == [3]
    assert point.bucket_counts[metrics.VOICE.index(0.5)] == 3
    assert before <= point.start_time_unix_nano <= point.time_unix_nano <= time.time_ns()
    assert values(point.attributes) == {"route": "sales"}
    sessions = found["relayproxy.sessions"]
    assert sessions.sum.is_monotonic
    assert point_of(sessions).as_double == 3
    assert values(point_of(sessions).attributes) == {"route": "sales", "outcome": "caller_hangup", "tier": "A"}
    assert point_of(found["relayproxy.recorder.lag"]).as_double == 0.75


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_a_collector_that_asks_for_a_certificate_gets_them(tmp_path: Path, protocol: str) -> None:
    trusted = authority(tmp_path / "trusted")
    async with collector(tmp_path) as there:
        plain = there.grpc if protocol == "grpc" else there.http
        async with behind_tls(plain, trusted, ask=True) as endpoint:
            tls = {"certificate": trusted.certificate, "compression": "gzip"}
            own = {"client_certificate": trusted.client, "client_key": trusted.client_key}
            one = sender("", Otel.model_validate({"endpoint": endpoint, "protocol": protocol, **tls, **own}))
            one.take(told(1))
            await asyncio.to_thread(one.shutdown)
            await there.received.until_metrics(lambda named: len(named) == 3)
    assert (one.sent, one.failed) == (1, 0)


async def test_with_delta_each_sending_tells_what_has_come_since(tmp_path: Path) -> None:
    async with collector(tmp_path) as there:
        one = sender(there.http, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta")
        one.take(told(3))
        first = await there.received.until_metrics(lambda named: "relayproxy.sessions" in named)
        first = dict(first)
        one.take(told(5))
        await asyncio.to_thread(one.shutdown)
        last = await there.received.until_metrics(lambda named: point_of(named["relayproxy.sessions"]).as_double == 2)
    assert point_of(first["relayproxy.sessions"]).as_double == 3
    assert last["relayproxy.sessions"].sum.aggregation_temporality == 1
    was, now = (point_of(named["relayproxy.turn.response_latency"]) for named in (first, last))
    assert (was.count, now.count) == (3, 2)
    assert now.start_time_unix_nano == was.time_unix_nano


def test_numbers_of_a_recorder_that_has_stopped_counting_are_not_sent_as_of_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(otlp_metrics, "STALE", 0.0)
    one = sender("http://127.0.0.1:1")
    one.take(told(1))
    one.shutdown()
    assert (one.sent, one.failed) == (0, 0)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a collector that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_silent_collector_holds_nobody_up_and_does_not_keep_the_process(silent: int) -> None:
    code = (
        "import sys; from relayproxy.settings.otel import Otel; from relayproxy.settings.otlp import otlp_export;"
        "from relayproxy.telemetry.export.otlp_metrics import OtlpMetrics;"
        "from relayproxy.telemetry.metrics import metrics; from relayproxy.telemetry.metrics.tally import Point;"
        "otel = Otel(endpoint=sys.argv[1], metrics_interval=1);"
        "environ = {'OTEL_EXPORTER_OTLP_PROTOCOL': sys.argv[2]};"
        "one = OtlpMetrics.to(otlp_export(otel, 'metrics', environ), otel, 'recorder:here:1-1', environ);"
        "one.take({metrics.LAG.name: (Point((), 1.0),)}); one.shutdown(); print('done')"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, f"http://127.0.0.1:{silent}", protocol],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for protocol in ("http/protobuf", "grpc")
    ]  # fmt: skip
    for process in started:
        assert process.communicate(timeout=PATIENCE) == ("done\n", "OTLP: the last metrics had not left at the end\n")
        assert process.returncode == 0


class Failing(BaseHTTPRequestHandler):
    """Answers with the status and the body that it is told."""

    status = 200
    body = b""
    asked = threading.Semaphore(0)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)
        self.asked.release()

    def log_message(self, format: str, *args: object) -> None: ...


REFUSAL = ExportMetricsServiceResponse(
    partial_success=ExportMetricsPartialSuccess(rejected_data_points=2, error_message="canary")
)


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (401, b"canary", "HTTP 401"),
        (413, b"", "HTTP 413"),
        (307, b"", "HTTP 307"),
        (200, REFUSAL.SerializeToString(), "the collector rejects some of them"),
    ],
)
def test_a_failure_is_said_once_and_no_secret_with_it(
    status: int, body: bytes, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    Failing.status, Failing.body, Failing.asked = status, body, threading.Semaphore(0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Failing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/canary?token=canary"
        one = sender(url, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer canary")
        for number in (1, 2):
            one.take(told(number))
            assert Failing.asked.acquire(timeout=PATIENCE)
        Failing.status, Failing.body = 200, b""
        one.take(told(3))
        one.shutdown()
        server.shutdown()
    assert (one.sent, one.failed, one.trouble) == (1, 2, None)
    assert caplog.messages == [
        f"OTLP: metrics do not arrive ({cause}); calls and recordings are not affected",
        "OTLP: metrics arrive again",
    ]
    assert "canary" not in caplog.text + one.endpoint
