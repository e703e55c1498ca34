"""Trace requests in protobuf: what a real exporter sends, and what one bad span among good ones becomes."""

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode

from relayproxy.telemetry.received.otlp_protobuf import decode
from relayproxy.telemetry.received.received import UndecodableError
from tests.telemetry.spans import START, TRACE, proto_span, protobuf


def made() -> list[ReadableSpan]:
    """Two spans of the SDK, the child first."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "agent", "n": 3}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("agent.tracing")
    with tracer.start_as_current_span("turn", kind=SpanKind.SERVER) as turn:
        link = Link(turn.get_span_context(), {"why": "x"})
        with tracer.start_as_current_span("chat gpt", kind=SpanKind.CLIENT, links=[link]) as chat:
            chat.set_attributes({"a": "é", "b": True, "c": 2**62, "d": 1.5, "e": ["x", "y"], "f": [1, 2]})
            chat.add_event("first token", {"ms": 5})
            chat.set_status(StatusCode.ERROR, "no answer")
    provider.shutdown()
    return list(exporter.get_finished_spans())


def test_what_the_sdk_sends_is_read_whole() -> None:
    chat, turn = sdk = made()

    request = decode(encode_spans(sdk).SerializeToString())

    first, second = request.spans
    assert (request.rejected, request.message) == (0, "")
    assert first.parent_span_id == second.span_id
    assert (first.name, first.kind, first.status, first.detail.status_message) == (
        "chat gpt",
        "client",
        "error",
        "no answer",
    )
    assert (first.service, first.scope, first.detail.resource["n"]) == ("agent", "agent.tracing", 3)
    assert (first.started_at, first.ended_at) == (chat.start_time, chat.end_time)
    assert first.detail.attributes == {"a": "é", "b": True, "c": 2**62, "d": 1.5, "e": ["x", "y"], "f": [1, 2]}
    (event,), (link,) = first.detail.events, first.detail.links
    assert (event.name, event.attributes) == ("first token", {"ms": 5})
    assert (link.span_id, link.attributes) == (second.span_id, {"why": "x"})
    assert second.parent_span_id is None
    assert turn.context is not None
    assert second.trace_id == f"{turn.context.trace_id:032x}"


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"trace_id": b"x"}, "traceId has 1 bytes, 16 are expected"),
        ({"trace_id": bytes(16)}, "traceId is all zeros"),
        ({"span_id": b""}, "spanId has 0 bytes, 8 are expected"),
        ({"parent_span_id": b"abc"}, "parentSpanId has 3 bytes, 8 are expected"),
    ],
)
def test_a_bad_span_is_rejected_alone(known: dict[str, bytes], why: str) -> None:
    request = decode(protobuf(proto_span(1), proto_span(2, **known), proto_span(3)))

    assert [int(span.span_id, 16) for span in request.spans] == [1, 3]
    assert (request.rejected, request.message) == (1, f"resourceSpans[0].scopeSpans[0].spans[1]: {why}")


def test_what_is_odd_is_taken() -> None:
    odd = proto_span(
        1,
        parent_span_id=bytes(8),
        kind=77,
        start_time_unix_nano=2**64 - 1,
        end_time_unix_nano=0,
        flags=0xFFFF_FFFF,
        trace_state="\0",
    )

    (span,) = decode(protobuf(odd)).spans

    assert (span.parent_span_id, span.kind, span.started_at, span.ended_at) == (None, "internal", 2**63 - 1, 0)


def test_texts_that_are_no_utf_8_spoil_nothing() -> None:
    body = protobuf(proto_span(1, name="broken-name"), proto_span(2), service_name="broken-name")

    first, second = decode(body.replace(b"broken-name", b"\xff\xfe\x00\xed\xa0\x80-name")).spans

    assert first.name == first.service == second.service == "��\0���-name"
    assert second.name == "chat gpt"


def nested(number: int, depth: int) -> bytes:
    """A span with a value in that many arrays, which protobuf itself would not write."""

    def field(number: int, content: bytes) -> bytes:
        length, size = len(content), b""
        while length > 127:
            size, length = size + bytes([length % 128 + 128]), length // 128
        return bytes([number * 8 + 2]) + size + bytes([length]) + content

    value = field(1, b"end")
    for _ in range(depth):
        value = field(5, field(1, value))
    attribute = field(9, field(1, b"deep") + field(2, value))
    return field(2, proto_span(number).SerializeToString() + attribute)


def test_a_span_whose_values_are_nested_too_deep_is_rejected_alone() -> None:
    scoped = nested(1, 1) + nested(2, 500) + nested(3, 20)
    size = bytes([len(scoped) % 128 + 128, len(scoped) // 128])
    outer = bytes([(len(scoped) + 3) % 128 + 128, (len(scoped) + 3) // 128])

    request = decode(b"\x0a" + outer + b"\x12" + size + scoped)

    assert [int(span.span_id, 16) for span in request.spans] == [1, 3]
    assert request.spans[0].detail.attributes == {"deep": ["end"]}
    assert "nested too deep" in request.message


@pytest.mark.parametrize("body", [b"\xff", b"{}", protobuf(proto_span())[:-9]])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode(body)


def test_an_empty_request_has_no_spans() -> None:
    assert decode(b"").spans == decode(protobuf()).spans == []


def test_times_and_ids_are_those_that_came() -> None:
    (span,) = decode(protobuf(proto_span(7))).spans

    assert (span.trace_id, span.span_id, span.started_at) == (TRACE, f"{7:016x}", START)
