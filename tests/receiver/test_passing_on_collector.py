"""What the SDK sends arrives at a collector that was not written here, by way of the receiver."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from relayproxy.receiver.passing_on import Parcel
from tests.receiver.stage import TRACE, receiving
from tests.receiver.test_passing_on import started, to, until
from tests.receiver.test_process import HANDSHAKE, answer
from tests.telemetry.collector import ROTEL, collector
from tests.telemetry.export.test_exporters import authority, behind_tls
from tests.telemetry.spans import proto_span, protobuf


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


@pytest.mark.skipif(ROTEL is None, reason="rotel has no wheel for this platform")
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("key_apart", [True, False])
async def test_a_collector_behind_tls_that_asks_for_a_certificate_gets_them(
    tmp_path: Path, protocol: str, key_apart: bool
) -> None:
    trusted = authority(tmp_path / "trusted")
    tls: dict[str, Any] = {"certificate": trusted.certificate, "client_certificate": trusted.client}
    if key_apart:
        tls["client_key"] = trusted.client_key
    else:
        trusted.client.write_bytes(trusted.client_key.read_bytes() + trusted.client.read_bytes())
    async with collector(tmp_path) as rotel:
        plain = rotel.http if protocol == "http/protobuf" else rotel.grpc
        async with behind_tls(plain, trusted, ask=True) as endpoint:
            # As for spans of calls, the case of the scheme says nothing, and with gRPC the path does not either.
            url = endpoint.replace("https", "HTTPS") + ("/otlp" if protocol == "grpc" else "")
            body = protobuf(proto_span(1))
            async with started(to(url, protocol=protocol, **tls)) as passing_on:
                passing_on.put(Parcel("traces", body, "application/x-protobuf", inflated=body))
                await until(lambda: passing_on.sent or passing_on.failed)

                assert (passing_on.sent, passing_on.trouble) == (1, None)
            await rotel.received.until(1)
