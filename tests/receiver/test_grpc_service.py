"""OTLP over gRPC: answers that senders understand, whatever they send."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from relayproxy.errors import SettingError
from relayproxy.receiver import grpc_service
from relayproxy.receiver.grpc_service import GrpcService, _host
from relayproxy.receiver.intake import Intake
from relayproxy.receiver.passing_on import PassingOn
from relayproxy.receiver.requests import Requests
from relayproxy.receiver.spans.trimming import Bounds
from tests.patience import PATIENCE
from tests.telemetry.spans import proto_span, protobuf

EXPORT = "/opentelemetry.proto.collector.{}.v1.{}Service/Export"
LIMIT = 65_536


def requests(intake: Intake | None = None) -> Requests:
    return Requests(Intake() if intake is None else intake, PassingOn({}), Bounds(10, 100))


class Served:
    """A service and a client."""

    def __init__(self, service: GrpcService, channel: grpc.aio.Channel) -> None:
        self.service = service
        self.channel = channel

    async def export(
        self, body: bytes, name: str = "trace", compression: grpc.Compression | None = None, **metadata: str
    ) -> bytes:
        method = self.channel.unary_unary(EXPORT.format(name, name.capitalize()))
        return bytes(await method(body, timeout=PATIENCE, metadata=tuple(metadata.items()), compression=compression))

    def begun(self, **metadata: str) -> grpc.aio.StreamUnaryCall:
        """A call whose message does not come."""
        method = self.channel.stream_unary(EXPORT.format("trace", "Trace"))
        return method(timeout=PATIENCE, metadata=tuple(metadata.items()))


@asynccontextmanager
async def serving(requests: Requests, token: str | None = None) -> AsyncIterator[Served]:
    service = GrpcService(requests, "127.0.0.1:0", LIMIT, token)
    await service.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        yield Served(service, channel)
    await service.stop()


async def test_spans_are_taken_and_bad_ones_rejected_one_by_one() -> None:
    intake = Intake()
    async with serving(requests(intake)) as served:
        stub = TraceServiceStub(served.channel)  # type: ignore[no-untyped-call]
        sent = ExportTraceServiceRequest.FromString(protobuf(proto_span(1), proto_span(2, span_id=b"x"), proto_span(3)))
        answer: ExportTraceServiceResponse = await stub.Export(sent, timeout=PATIENCE)

    assert answer.partial_success.rejected_spans == 1
    assert "spans[1]: spanId has 1 bytes" in answer.partial_success.error_message
    assert [(one.span.span_id, one.peer) for one in intake.take(5, 0)] == [
        (f"{1:016x}", "127.0.0.1"),
        (f"{3:016x}", "127.0.0.1"),
    ]


async def test_metrics_and_logs_are_accepted() -> None:
    taken = requests()
    async with serving(taken) as served:
        assert [await served.export(b"", name) for name in ("metrics", "logs")] == [b"", b""]

    assert taken.counts.unread == 2


@pytest.mark.parametrize(
    ("body", "compression", "authorization", "code"),
    [
        (b"\xff", None, "Bearer owl", "INVALID_ARGUMENT"),
        (b"", None, "", "UNAUTHENTICATED"),
        (b"", None, "Bearer ow", "UNAUTHENTICATED"),
        (bytes(LIMIT + 1), None, "Bearer owl", "RESOURCE_EXHAUSTED"),
        (bytes(50_000_000), grpc.Compression.Gzip, "Bearer owl", "RESOURCE_EXHAUSTED"),
    ],
)
async def test_what_cannot_be_taken_is_refused(
    body: bytes, compression: grpc.Compression | None, authorization: str, code: str
) -> None:
    async with serving(requests(), "owl") as served:
        with pytest.raises(grpc.RpcError) as refused:
            await served.export(body, compression=compression, authorization=authorization)

    assert refused.value.code().name == code


async def test_messages_that_do_not_come_hold_up_nobody_and_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(requests(), "owl") as served:
        waiting = [served.begun(authorization="Bearer owl") for _ in range(50)]
        strangers = [served.begun() for _ in range(50)]
        assert await served.export(protobuf(proto_span(1)), authorization="Bearer owl") == b""
        assert {(await stranger.code()).name for stranger in strangers} == {"UNAUTHENTICATED"}
        monkeypatch.setattr(grpc_service, "READ_TIMEOUT", 0.05)
        assert (await served.begun(authorization="Bearer owl").code()).name == "DEADLINE_EXCEEDED"
        for call in waiting:
            call.cancel()


async def test_a_call_without_a_message_is_refused() -> None:
    async with serving(requests()) as served:
        call = served.begun()
        await call.done_writing()
        assert (await call.code()).name == "INVALID_ARGUMENT"


async def test_when_nothing_more_can_wait_senders_are_to_try_again() -> None:
    intake = Intake(spans=0)
    async with serving(requests(intake)) as served:
        with pytest.raises(grpc.RpcError) as refused:
            await served.export(protobuf(proto_span(1)))

    assert refused.value.code().name == "UNAVAILABLE"


async def test_an_address_that_is_taken_stops_the_start() -> None:
    async with serving(requests()) as served:
        with pytest.raises(SettingError, match=r"receiver\.grpc=127\.0\.0\.1"):
            GrpcService(requests(), f"127.0.0.1:{served.service.port}", 1000, None)


def test_without_grpcio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(SettingError, match=r"receiver\.grpc=127\.0\.0\.1:0: .*: pip install grpcio"):
        GrpcService(requests(), "127.0.0.1:0", 1000, None)


def test_addresses_of_peers_are_read() -> None:
    assert [_host(peer) for peer in ("ipv4:10.0.0.7:4711", "ipv6:[::1]:4711", "ipv6:%5B::1%5D:4711", "unix:")] == [
        "10.0.0.7",
        "::1",
        "::1",
        "",
    ]
