"""Spans reach a real collector over both protocols, and a collector that fails costs nobody anything."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from relayproxy.conversation.measures.spans import Span, SpanEvent
from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import otlp_export
from relayproxy.telemetry.export import otlp
from relayproxy.telemetry.export.otlp import OtlpExporter
from tests.patience import PATIENCE
from tests.telemetry.collector import collector, free_port, values

HELD_UP = 200.0
"""Seconds no step may take; an answer of the collector is waited for longer."""

ROOT = Span(
    name="conversation",
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    parent_span_id=None,
    kind="server",
    start=1_800_000_000_000_000_001,
    end=1_800_000_009_999_999_999,
    attributes={"gen_ai.conversation.id": "VX1", "turns": 1},
    error="backend vanished",
)
TURN = Span(
    name="turn",
    trace_id=ROOT.trace_id,
    span_id="00f067aa0ba902b7",
    parent_span_id=ROOT.span_id,
    kind="internal",
    start=1_800_000_001_000_000_003,
    end=1_800_000_002_000_000_007,
    attributes={"gen_ai.conversation.id": "VX1", "turn.number": 0, "turn.was_interrupted": True, "ratio": 0.25},
    events=(SpanEvent("interrupt", 1_800_000_001_500_000_009, {"heard": "Sure, för"}),),
)

Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Sets the variables given; otherwise no OTEL_… variable and no HTTP proxy is set."""
    for name in list(os.environ):
        if name.startswith("OTEL_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)

    def configure(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return configure


def made() -> OtlpExporter:
    way = otlp_export(Otel(), "traces")
    assert way is not None
    return OtlpExporter.to(way, Otel())


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc", "default"])
async def test_a_collector_gets_the_spans_as_they_are(configure: Configure, tmp_path: Path, protocol: str) -> None:
    async with collector(tmp_path) as there:
        configure(OTEL_EXPORTER_OTLP_ENDPOINT=there.grpc if protocol == "grpc" else there.http)
        if protocol != "default":
            configure(OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
        exporter = made()
        exporter.export([TURN, ROOT])
        await asyncio.to_thread(exporter.shutdown)
        assert (exporter.sent, exporter.failed, exporter.dropped) == (2, 0, 0)
        turn, root = sorted(await there.received.until(2), key=lambda span: span.name != "turn")
    assert {span.trace_id.hex() for span in (turn, root)} == {ROOT.trace_id}
    assert (root.span_id.hex(), root.parent_span_id.hex()) == (ROOT.span_id, "")
    assert (turn.span_id.hex(), turn.parent_span_id.hex()) == (TURN.span_id, ROOT.span_id)
    assert (turn.start_time_unix_nano, turn.end_time_unix_nano) == (TURN.start, TURN.end)
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (ROOT.start, ROOT.end)
    assert values(turn.attributes) == TURN.attributes
    assert values(root.attributes) == ROOT.attributes
    [event] = turn.events
    assert (event.name, event.time_unix_nano) == ("interrupt", TURN.events[0].at)
    assert values(event.attributes) == {"heard": "Sure, för"}
    assert (turn.status.code, root.status.code, root.status.message) == (0, 2, "backend vanished")
    assert {resource["service.name"] for resource in there.received.resources} == {"relayproxy"}


async def test_a_thousand_calls_arrive_whole(configure: Configure, tmp_path: Path) -> None:
    async with collector(tmp_path) as there:
        configure(OTEL_EXPORTER_OTLP_ENDPOINT=there.grpc, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
        configure(OTEL_BSP_SCHEDULE_DELAY="50")
        exporter = made()
        spans = [Span("turn", f"{n:032x}", f"{n:016x}", None, "internal", n, n + 1, {}) for n in range(1, 3001)]
        exporter.export(spans)
        received = await there.received.until(3000)
        await asyncio.to_thread(exporter.shutdown)
    assert {span.trace_id.hex() for span in received} == {span.trace_id for span in spans}
    assert (exporter.sent, exporter.failed, exporter.dropped) == (3000, 0, 0)


@pytest.fixture
def silent() -> Iterator[int]:
    """A port whose connections are accepted by the kernel and never answered, until the test is over and every
    exporter that still waits has been told so."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(64)
        yield sock.getsockname()[1]
    for thread in threading.enumerate():
        if thread.name == "otlp-end":
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("fault", ["refused", "silent"])
def test_a_collector_that_fails_holds_nobody_up(
    configure: Configure, silent: int, protocol: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = silent if fault == "silent" else free_port()
    configure(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20secret",
        OTEL_BSP_MAX_QUEUE_SIZE="1000",
        OTEL_EXPORTER_OTLP_TIMEOUT="300000",
    )
    exporter = made()
    begun = time.monotonic()
    exporter.export([TURN] * 5000)
    exported = time.monotonic()
    exporter.shutdown()
    ended = time.monotonic()
    assert exported - begun < HELD_UP
    assert ended - exported < HELD_UP
    assert exporter.sent == 0
    assert 5000 - 1000 - 512 <= exporter.dropped <= 4000
    assert "secret" not in caplog.text
    assert caplog.messages[0] == "OTLP: spans are dropped, the queue of 1000 is full"
    assert caplog.messages[-1].endswith("spans had not left at the end")
    assert len(caplog.messages) <= 3


def test_a_collector_that_swallows_everything_is_trouble_before_the_exporter_gives_up(
    configure: Configure, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "UNANSWERED", 200_000_000)
    configure(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent}")
    exporter = made()
    begun = time.time_ns()
    exporter.export([TURN] * 600)
    deadline = time.monotonic() + PATIENCE
    while exporter.trouble is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    since, cause = exporter.trouble
    assert begun <= since <= time.time_ns()
    assert cause == "the collector takes spans and does not answer"
    assert exporter.failed == 0
    exporter.shutdown()


def test_a_silent_collector_does_not_keep_the_process(configure: Configure, silent: int) -> None:
    code = (
        "from relayproxy.conversation.measures.spans import Span; from relayproxy.settings.otel import Otel;"
        "from relayproxy.settings.otlp import otlp_export; from relayproxy.telemetry.export.otlp import OtlpExporter;"
        "exporter = OtlpExporter.to(otlp_export(Otel(), 'traces'), Otel());"
        "exporter.export([Span('turn', '1' * 32, '2' * 16, None, 'internal', 1, 2, {})] * 600);"
        "exporter.shutdown(); print('done')"
    )
    configure(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent}")
    for protocol in ("http/protobuf", "grpc"):
        configure(OTEL_EXPORTER_OTLP_PROTOCOL=protocol)
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
        assert (ended.stdout, ended.returncode) == ("done\n", 0)
        assert ended.stderr == "OTLP: 600 spans had not left at the end\n"


class Refusing(BaseHTTPRequestHandler):
    """Answers 401 until told to be content."""

    content = threading.Event()
    asked = threading.Semaphore(0)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.content.is_set() else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.asked.release()

    def log_message(self, format: str, *args: object) -> None: ...


def test_a_wrong_token_is_said_once_and_never_shown(configure: Configure, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        configure(
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}",
            OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer secret",
            OTEL_BSP_SCHEDULE_DELAY="10",
        )
        exporter = made()
        for _ in range(3):
            exporter.export([TURN])
            assert Refusing.asked.acquire(timeout=PATIENCE)
        Refusing.content.set()
        exporter.export([ROOT])
        assert Refusing.asked.acquire(timeout=PATIENCE)
        exporter.shutdown()
        server.shutdown()
    assert (exporter.sent, exporter.failed) == (1, 3)
    assert caplog.messages == [
        "OTLP: spans do not arrive (HTTP 401); calls and recordings are not affected",
        "OTLP: spans arrive again, 3 were lost",
    ]
