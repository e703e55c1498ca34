"""Spans reach a collector behind TLS, with a client's certificate where it asks for one, and no other collector."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from relayproxy.settings.otel import Otel, Protocol
from relayproxy.settings.otlp import otlp_export
from relayproxy.telemetry.export.otlp import OtlpExporter
from tests.system.stack import until
from tests.telemetry.collector import collector
from tests.telemetry.export.test_otlp import ROOT, TURN, Configure
from tests.telemetry.export.test_otlp import configure as configure  # a fixture


@dataclass
class Authority:
    """Files of an authority and of a client that it vouches for."""

    own: trustme.CA
    certificate: Path
    client: Path
    client_key: Path


def authority(folder: Path) -> Authority:
    folder.mkdir()
    own = trustme.CA()
    leaf = own.issue_cert("recorder.example.com")
    made = Authority(own, folder / "ca.pem", folder / "client.pem", folder / "client.key")
    own.cert_pem.write_to_path(made.certificate)
    leaf.cert_chain_pems[0].write_to_path(made.client)
    leaf.private_key_pem.write_to_path(made.client_key)
    return made


@asynccontextmanager
async def behind_tls(there: str, of: Authority, *, ask: bool) -> AsyncIterator[str]:
    """A front end with TLS before a plain address; `ask`: it wants a client's certificate."""
    host, _, port = there.removeprefix("http://").partition(":")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    of.own.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
        of.own.configure_trust(context)

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(host, int(port))
        await asyncio.gather(copy(reader, forth), copy(back, writer))

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def sending(otel: Otel) -> OtlpExporter:
    way = otlp_export(otel, "traces", {})
    assert way is not None
    return OtlpExporter.to(way, otel, {"OTEL_BSP_SCHEDULE_DELAY": "20"})


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("mutual", [False, True])
async def test_a_collector_behind_tls_gets_the_spans(
    configure: Configure, tmp_path: Path, protocol: Protocol, mutual: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = authority(tmp_path / "trusted")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority(tmp_path / "other").certificate))
    own = {"client_certificate": trusted.client, "client_key": trusted.client_key} if mutual else {}
    async with collector(tmp_path) as there:
        plain = there.grpc if protocol == "grpc" else there.http
        async with behind_tls(plain, trusted, ask=mutual) as endpoint:
            tls = {"certificate": trusted.certificate, "compression": "gzip", **own}
            exporter = sending(Otel.model_validate({"endpoint": endpoint, "protocol": protocol, **tls}))
            exporter.export([TURN, ROOT])
            await there.received.until(2)
            await asyncio.to_thread(exporter.shutdown)
    assert (exporter.sent, exporter.failed) == (2, 0)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("lacking", ["authority", "client"])
async def test_nobody_else_gets_them(
    configure: Configure, tmp_path: Path, protocol: Protocol, lacking: str, caplog: pytest.LogCaptureFixture
) -> None:
    trusted, other = authority(tmp_path / "trusted"), authority(tmp_path / "other")
    front = other if lacking == "authority" else trusted
    async with (
        collector(tmp_path) as there,
        behind_tls(there.grpc if protocol == "grpc" else there.http, front, ask=lacking == "client") as endpoint,
    ):
        exporter = sending(Otel(endpoint=endpoint, protocol=protocol, certificate=trusted.certificate, timeout=1))
        exporter.export([TURN, ROOT])
        await until(lambda: exporter.failed == 2)
        await asyncio.to_thread(exporter.shutdown)
    assert there.received.spans == []
    assert exporter.sent == 0
    (line,) = caplog.messages
    assert line.startswith("OTLP: spans do not arrive (")
