"""OTLP over gRPC, from the exporter that OpenTelemetry's own SDK has for it."""

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from relayproxy.errors import SettingError
from relayproxy.receiver.grpc_service import GrpcService, _host
from relayproxy.receiver.intake import Intake
from relayproxy.receiver.passing_on import PassingOn
from relayproxy.receiver.requests import Requests
from relayproxy.receiver.trimming import Bounds
from tests.telemetry.spans import proto_span, protobuf

EXPORT = "/opentelemetry.proto.collector.{}.v1.{}Service/Export"


def requests(intake: Intake | None = None) -> Requests:
    return Requests(Intake() if intake is None else intake, PassingOn({}), Bounds(10, 100))


class Served:
    """A service for as long as the block lasts."""

    def __init__(self, requests: Requests, token: str | None = None) -> None:
        self.service = GrpcService(requests, "127.0.0.1:0", 65_536, token)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.service.port}")

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.service.stop()

    def export(self, body: bytes, name: str = "trace", **metadata: str) -> bytes:
        method = self.channel.unary_unary(EXPORT.format(name, name.capitalize()))
        return bytes(method(body, timeout=30, metadata=tuple(metadata.items())))


def test_spans_are_taken_and_bad_ones_rejected_one_by_one() -> None:
    intake = Intake()
    with Served(requests(intake)) as served:
        answer = ExportTraceServiceResponse.FromString(
            served.export(protobuf(proto_span(1), proto_span(2, span_id=b"x")))
        )

    assert answer.partial_success.rejected_spans == 1
    assert "spans[1]: spanId has 1 bytes" in answer.partial_success.error_message
    (one,) = intake.take(5, 0)
    assert (one.span.span_id, one.peer) == (f"{1:016x}", "127.0.0.1")


def test_metrics_and_logs_are_accepted() -> None:
    taken = requests()
    with Served(taken) as served:
        assert [served.export(b"", name) for name in ("metrics", "logs")] == [b"", b""]

    assert taken.counts.unread == 2


@pytest.mark.parametrize(
    ("body", "metadata", "code"),
    [
        (b"\xff", {"authorization": "Bearer owl"}, "INVALID_ARGUMENT"),
        (b"", {}, "UNAUTHENTICATED"),
        (b"", {"authorization": "Bearer ow"}, "UNAUTHENTICATED"),
        (bytes(70_000), {"authorization": "Bearer owl"}, "RESOURCE_EXHAUSTED"),
    ],
)
def test_what_cannot_be_taken_is_refused(body: bytes, metadata: dict[str, str], code: str) -> None:
    with Served(requests(), "owl") as served, pytest.raises(grpc.RpcError) as refused:
        served.export(body, **metadata)

    assert refused.value.code().name == code


def test_when_nothing_more_can_wait_senders_are_to_try_again() -> None:
    intake = Intake(spans=0)
    with Served(requests(intake)) as served, pytest.raises(grpc.RpcError) as refused:
        served.export(protobuf(proto_span(1)))

    assert refused.value.code().name == "UNAVAILABLE"


def test_an_address_that_is_taken_stops_the_start() -> None:
    with Served(requests()) as served, pytest.raises(SettingError, match=r"receiver\.grpc=127\.0\.0\.1"):
        GrpcService(requests(), f"127.0.0.1:{served.service.port}", 1000, None)


def test_addresses_of_peers_are_read() -> None:
    assert [_host(peer) for peer in ("ipv4:10.0.0.7:4711", "ipv6:[::1]:4711", "ipv6:%5B::1%5D:4711", "unix:")] == [
        "10.0.0.7",
        "::1",
        "::1",
        "",
    ]
