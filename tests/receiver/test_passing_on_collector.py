"""What the SDK sends arrives at a collector that was not written here, by way of the receiver."""

import asyncio
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from tests.receiver.stage import TRACE, receiving
from tests.receiver.test_process import HANDSHAKE, answer
from tests.telemetry.collector import ROTEL, collector


@pytest.mark.skipif(ROTEL is None, reason="rotel has no wheel for this platform")
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_over_http_and_grpc(tmp_path: Path, protocol: str) -> None:
    async with collector(tmp_path) as rotel:
        otel = {"endpoint": rotel.http if protocol == "http/protobuf" else rotel.grpc, "protocol": protocol}
        async with receiving(tmp_path / "data", otel=otel) as stage:
            stage.call()
            exporter = OTLPSpanExporter(f"{stage.url}/v1/traces", compression=Compression.Gzip)
            assert await asyncio.to_thread(answer, exporter, HANDSHAKE) == [SpanExportResult.SUCCESS] * 3

            spans = await rotel.received.until(3)
            await stage.until(lambda: stage.spans().total == 3)

    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert sorted(span.name for span in spans) == ["chat gpt", "execute_tool find_table", "turn"]
    assert rotel.received.resources[0]["service.name"] == "agent"
