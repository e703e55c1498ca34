"""The receiver as a process, with senders that were not written here."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from relayproxy.errors import SettingError
from relayproxy.receiver.process import rules_by_route, ways
from relayproxy.settings.model import Settings
from relayproxy.store.read.health.receiver_heartbeat import receiver_reports
from tests.receiver.stage import TRACE, Stage, receiving
from tests.receiver.test_passing_on import endpoint
from tests.telemetry.spans import json, json_span

HANDSHAKE = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


class Heard(SpanExporter):
    """Passes spans to an exporter, and keeps its results."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter
        self.results: list[SpanExportResult] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.results.append(self.exporter.export(spans))
        return self.results[-1]

    def shutdown(self) -> None:
        self.exporter.shutdown()


def answer(exporter: SpanExporter, context: dict[str, str], **attributes: str) -> list[SpanExportResult]:
    """A backend's turn: a model call and a tool within it, each sent as it ends."""
    heard = Heard(exporter)
    provider = TracerProvider(resource=Resource({"service.name": "agent"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(heard))
    tracer = provider.get_tracer("agent")
    parent = TraceContextTextMapPropagator().extract(context)
    named = {name.replace("_", "."): value for name, value in attributes.items()}
    with tracer.start_as_current_span("turn", parent, attributes=named):
        with tracer.start_as_current_span("chat gpt"):
            pass
        with tracer.start_as_current_span("execute_tool find_table"):
            pass
    provider.shutdown()
    return heard.results


def http(stage: Stage, compression: Compression) -> SpanExporter:
    return HttpExporter(f"{stage.url}/v1/traces", compression=compression)


async def outline(stage: Stage, session: str) -> list[tuple[str, int, str]]:
    await stage.until(lambda: stage.spans(session).total == 3)
    return [(one.span.name, one.depth, one.joined_by) for one in stage.spans(session).spans]


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
async def test_the_sdks_spans_over_http_join_by_the_handshake(tmp_path: Path, compression: Compression) -> None:
    async with receiving(tmp_path) as stage:
        stage.call()
        results = await asyncio.to_thread(answer, http(stage, compression), HANDSHAKE)

        assert results == [SpanExportResult.SUCCESS] * 3
        assert await outline(stage, "a") == [
            ("turn", 0, "trace"),
            ("chat gpt", 1, "trace"),
            ("execute_tool find_table", 1, "trace"),
        ]


async def test_over_grpc_and_by_nothing_but_the_call_sid(tmp_path: Path) -> None:
    async with receiving(tmp_path, grpc="127.0.0.1:0") as stage:
        stage.call(call_sid="CA1")
        port = stage.grpc
        exporter = GrpcExporter(f"http://127.0.0.1:{port}", insecure=True)
        results = await asyncio.to_thread(answer, exporter, {}, call_sid="CA1")

        assert results == [SpanExportResult.SUCCESS] * 3
        assert [by for _, _, by in await outline(stage, "a")] == ["id"] * 3


async def test_it_tells_what_it_does(tmp_path: Path) -> None:
    async with endpoint() as viewer, receiving(tmp_path, otel={"endpoint": viewer.url}) as stage:
        stage.call()
        await stage.post(json(json_span(1), json_span(2, spanId="")))
        await viewer.came.acquire()
        await stage.until(lambda: [one for one in receiver_reports(stage.queries) if one.heartbeat.kept])

        (report,) = receiver_reports(stage.queries)
        told = report.heartbeat
        assert (told.receiver, told.requests, told.spans, told.rejected, told.kept) == (stage.url, 1, 1, 1, 1)
        assert told.passed_on is not None
        assert told.passed_on.endpoints == (viewer.url,)

    assert [one.heartbeat.ended for one in receiver_reports(stage.queries)] == [True]


async def test_what_was_taken_is_written_at_the_end(tmp_path: Path) -> None:
    async with receiving(tmp_path) as stage:
        stage.call()
        await stage.post(json(*(json_span(number) for number in range(1, 300))))

    assert stage.spans().total == 299


async def test_a_database_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with receiving(tmp_path) as stage:
        stage.call()
        with sqlite3.connect(tmp_path / "relayproxy.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            await stage.post(json(json_span(1)))
            began = loop.time()
            stage.stop.set()
            await stage.running
            took = loop.time() - began
            other.execute("ROLLBACK")
        other.close()

    assert took < 20, "SQLite alone would wait for as long as it is told to"


async def test_an_address_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    async with receiving(tmp_path / "one") as stage:
        listen = stage.url.removeprefix("http://")
        with pytest.raises(SettingError, match=rf"receiver\.listen={listen}: another program listens there"):
            async with receiving(tmp_path / "other", listen=listen):
                pass


def test_every_signal_has_its_endpoint() -> None:
    settings = Settings.model_validate({"otel": {"endpoint": "http://127.0.0.1:4318"}})

    assert {signal: way.endpoint for signal, way in ways(settings).items()} == {
        signal: f"http://127.0.0.1:4318/v1/{signal}" for signal in ("traces", "metrics", "logs")
    }
    assert ways(Settings()) == {}


def test_a_routes_own_way_of_recording_holds() -> None:
    routes = {"sales": {"backend": "ws://10.0.0.7", "record": "metadata"}}
    rules = rules_by_route(Settings.model_validate({"routes": routes}))

    assert (rules("sales").record, rules("default").record, rules("gone").record) == (
        "metadata",
        "redacted",
        "redacted",
    )
