"""Trace requests for tests, in both encodings."""

from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACE = "5b8efff798038103d269b633813fc60c"
SPAN = "eee19b7ec3c1b174"
START = 1_800_000_000_000_000_000


def protobuf(*spans: Span, **resource: str) -> bytes:
    """A request with these spans, of one scope."""
    request = ExportTraceServiceRequest()
    part = request.resource_spans.add()
    for name, value in resource.items():
        part.resource.attributes.add(key=name.replace("_", ".")).value.string_value = value
    part.scope_spans.add(spans=spans).scope.name = "agent.tracing"
    return request.SerializeToString()


def proto_span(number: int = 1, **known: Any) -> Span:
    values: dict[str, Any] = {
        "trace_id": bytes.fromhex(TRACE),
        "span_id": number.to_bytes(8, "big"),
        "name": "chat gpt",
        "kind": Span.SPAN_KIND_CLIENT,
        "start_time_unix_nano": START,
        "end_time_unix_nano": START + 1000,
    }
    return Span(**(values | known))


def json(*spans: dict[str, Any], **resource: str) -> bytes:
    """The same in JSON."""
    attributes = [{"key": name.replace("_", "."), "value": {"stringValue": text}} for name, text in resource.items()]
    scoped = {"scope": {"name": "agent.tracing"}, "spans": spans}
    return msgspec.json.encode({"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [scoped]}]})


def json_span(number: int = 1, **known: Any) -> dict[str, Any]:
    values = {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "name": "chat gpt",
        "kind": 3,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 1000),
    }
    return values | known


def attribute(name: str, text: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": text}}
