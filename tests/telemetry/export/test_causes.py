"""The cause for which spans do not arrive: an endpoint that fails in any way costs its spans and nothing else."""

import itertools
import logging
import os
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from relayproxy.conversation.measures.spans import Span
from relayproxy.recorder.recorder import Recorder
from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import otlp_export
from relayproxy.telemetry.export.otlp import OtlpExporter
from tests.patience import PATIENCE
from tests.recorder.stage import Journal, Stage, prompt, setup, token
from tests.telemetry.collector import free_port
from tests.telemetry.endpoints import ENDPOINTS, Endpoint, http_endpoint

LOST = "OTLP: spans do not arrive ({}); calls and recordings are not affected"
over_both = pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])


class Counting:
    """Hands spans on, and counts them."""

    def __init__(self, exporter: OtlpExporter) -> None:
        self.exporter = exporter
        self.handed = 0

    def export(self, spans: list[Span]) -> None:
        self.handed += len(spans)
        self.exporter.export(spans)

    @property
    def settled(self) -> bool:
        """Every span has arrived or is lost, and both are counted."""
        found = self.exporter
        return found.sent + found.failed + found.dropped == self.handed


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[[int, str, int], Counting]:
    for name in list(os.environ):
        if name.startswith("OTEL_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    caplog.set_level(logging.INFO)

    def export(port: int, protocol: str, timeout: int) -> Counting:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20canary",
            "OTEL_EXPORTER_OTLP_TIMEOUT": str(timeout),
            "OTEL_BSP_SCHEDULE_DELAY": "10",
        }
        way = otlp_export(Otel(), "traces", environ)
        assert way is not None
        return Counting(OtlpExporter.to(way, Otel(), environ))

    return export


def a_call(stage: Stage, recorder: Recorder, journal: Journal, number: int) -> None:
    """A call is made, recorded and stored."""
    call = journal.call()
    call.twilio(setup(f"VX{number}", f"CA{number}"))
    call.twilio(prompt("Hello?"))
    call.backend(token("Good morning.", last=True))
    call.end()
    recorder.finish()
    stored = stage.stored(call.id)
    assert stored.session.ended_at is not None
    assert [turn.agent_text for turn in stored.turns] == ["", "Good morning."]


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@over_both
@pytest.mark.parametrize(
    ("fault", "causes"),
    [
        ("refused", ("UNAVAILABLE", "ConnectionError")),
        ("hangs", ("DEADLINE_EXCEEDED", "ReadTimeout", "ConnectionError")),
        (401, ("UNAUTHENTICATED", "HTTP 401")),
        (413, ("RESOURCE_EXHAUSTED", "HTTP 413")),
        (429, ("RESOURCE_EXHAUSTED", "HTTP 429")),
        (503, ("UNAVAILABLE", "HTTP 503")),
    ],
)
def test_calls_are_recorded_and_the_loss_is_counted_and_said_once(
    stage: Stage,
    export: Callable[[int, str, int], Counting],
    caplog: pytest.LogCaptureFixture,
    protocol: str,
    fault: str | int,
    causes: tuple[str, ...],
) -> None:
    port, journal, endpoint = free_port(), stage.journal(), Endpoint()
    if fault != "hangs":
        endpoint.gate.set()
    if isinstance(fault, int):
        endpoint.statuses = itertools.repeat(fault)
    with ExitStack() as servers:
        if fault != "refused":
            servers.enter_context(ENDPOINTS[protocol](port, endpoint))
        spans = export(port, protocol, 400)
        recorder = stage.recorder(exporter=spans)
        for number in range(3):
            a_call(stage, recorder, journal, number)
        wait(lambda: spans.settled)
        assert (spans.exporter.sent, spans.exporter.failed) == (0, spans.handed)
        assert spans.exporter.trouble is not None
        assert spans.exporter.trouble[1] in causes
        assert [line for line in caplog.messages if "OTLP" in line] == [LOST.format(spans.exporter.trouble[1])]

        # Once it has come to its senses, spans arrive.
        if fault == "refused":
            servers.enter_context(ENDPOINTS[protocol](port, endpoint))
        endpoint.statuses = iter(())
        endpoint.gate.set()
        tries = itertools.count(3)

        def arrives() -> bool:
            a_call(stage, recorder, journal, next(tries))
            wait(lambda: spans.settled)
            return spans.exporter.sent > 0

        wait(arrives)
        spans.exporter.shutdown()
    _, again = (line for line in caplog.messages if "OTLP" in line)
    assert again == f"OTLP: spans arrive again, {spans.exporter.failed} were lost"
    assert endpoint.secrets == {"Bearer canary"}
    assert "canary" not in caplog.text


@over_both
@pytest.mark.parametrize("status", [429, 503])
def test_what_may_come_right_is_tried_again(
    stage: Stage,
    export: Callable[[int, str, int], Counting],
    caplog: pytest.LogCaptureFixture,
    protocol: str,
    status: int,
) -> None:
    port, endpoint = free_port(), Endpoint(iter((status, status)))
    endpoint.gate.set()
    with ENDPOINTS[protocol](port, endpoint):
        spans = export(port, protocol, 30_000)
        a_call(stage, stage.recorder(exporter=spans), stage.journal(), 0)
        wait(lambda: spans.settled)
        spans.exporter.shutdown()
    assert (spans.exporter.sent, spans.exporter.failed) == (spans.handed, 0)
    assert endpoint.requests[0] == endpoint.requests[1] == endpoint.requests[2]
    assert not [line for line in caplog.messages if "OTLP" in line]


@over_both
def test_a_slow_endpoint_is_not_waited_for(
    stage: Stage, export: Callable[[int, str, int], Counting], caplog: pytest.LogCaptureFixture, protocol: str
) -> None:
    port, journal, endpoint = free_port(), stage.journal(), Endpoint()
    with ENDPOINTS[protocol](port, endpoint):
        spans = export(port, protocol, 30_000)
        recorder = stage.recorder(exporter=spans)
        a_call(stage, recorder, journal, 0)
        assert endpoint.asked.wait(PATIENCE)
        # The first request is not answered yet.
        a_call(stage, recorder, journal, 1)
        assert spans.exporter.sent == 0
        endpoint.gate.set()
        wait(lambda: spans.settled)
        spans.exporter.shutdown()
    assert (spans.exporter.sent, spans.exporter.failed) == (spans.handed, 0)
    assert not [line for line in caplog.messages if "OTLP" in line]


@pytest.mark.parametrize(
    ("rejected", "status", "cause"),
    [(2, 200, "the collector rejects spans"), (0, 302, "HTTP 302"), (0, 307, "HTTP 307")],
)
def test_what_only_looks_like_success_over_http_is_counted_too(
    stage: Stage,
    export: Callable[[int, str, int], Counting],
    caplog: pytest.LogCaptureFixture,
    rejected: int,
    status: int,
    cause: str,
) -> None:
    port, endpoint = free_port(), Endpoint(itertools.repeat(status), rejected=rejected)
    endpoint.gate.set()
    with http_endpoint(port, endpoint):
        spans = export(port, "http/protobuf", 30_000)
        a_call(stage, stage.recorder(exporter=spans), stage.journal(), 0)
        wait(lambda: spans.settled)
        lost = sum(map(len, (one.resource_spans[0].scope_spans[0].spans for one in endpoint.requests)))
        lost = lost if status != 200 else rejected * len(endpoint.requests)
        assert (spans.exporter.failed, spans.exporter.sent) == (lost, spans.handed - lost)
        spans.exporter.shutdown()
    assert [line for line in caplog.messages if "OTLP" in line] == [LOST.format(cause)]
