"""OTLP trace requests in protobuf.

Knows: the messages of OTLP, read so that neither a text that is no UTF-8 nor one bad span spoils a request.
Must not know: JSON, HTTP, gRPC.
"""

from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from relayproxy.conversation.backend_span import Attributes, BackendSpan, SpanEvent
from relayproxy.telemetry.received import received
from relayproxy.telemetry.received.received import MAX_DEPTH, BadSpanError, TraceRequest, UndecodableError

_FILES = (common_pb2, resource_pb2, trace_pb2, trace_service_pb2)
_PARTS = {("ResourceSpans", "resource"), ("ScopeSpans", "scope"), ("ScopeSpans", "spans")}
"""Messages that are read one by one, after what they stand in."""


def decode(body: bytes) -> TraceRequest:
    """The spans of an `ExportTraceServiceRequest`. Raises `UndecodableError`."""
    try:
        request = _message("collector.trace.v1.ExportTraceServiceRequest").FromString(body)
    except DecodeError:
        raise UndecodableError("the body is no ExportTraceServiceRequest in protobuf") from None
    found = TraceRequest()
    for number, part in enumerate(request.resource_spans):
        resource = _attributes_of("resource.v1.Resource", part.resource)
        for at, scoped in enumerate(part.scope_spans):
            scope = _scope(scoped.scope)
            for place, raw in enumerate(scoped.spans):
                try:
                    found.spans.append(_span(raw, resource, scope))
                except BadSpanError as problem:
                    found.reject((number, at, place), problem)
    return found


def _span(raw: bytes, resource: Attributes, scope: str) -> BackendSpan:
    try:
        one = _message("trace.v1.Span").FromString(raw)
    except DecodeError:
        raise BadSpanError("it is no Span in protobuf, or its values are nested too deep") from None
    return received.span(
        ids=(one.trace_id, one.span_id, one.parent_span_id),
        name=_text(one.name),
        kind=one.kind,
        times=(one.start_time_unix_nano, one.end_time_unix_nano),
        status=(one.status.code, _text(one.status.message)),
        attributes=_attributes(one.attributes),
        events=tuple(
            SpanEvent(received.moment(event.time_unix_nano), _text(event.name), _attributes(event.attributes))
            for event in one.events
        ),
        links=received.links((link.trace_id, link.span_id, _attributes(link.attributes)) for link in one.links),
        left_out=one.dropped_attributes_count + one.dropped_events_count + one.dropped_links_count,
        resource=resource,
        scope=scope,
    )


def _attributes_of(name: str, raw: bytes) -> Attributes:
    try:
        return _attributes(_message(name).FromString(raw).attributes)
    except DecodeError:
        return {}


def _scope(raw: bytes) -> str:
    try:
        return _text(_message("common.v1.InstrumentationScope").FromString(raw).name)
    except DecodeError:
        return ""


def _attributes(pairs: Iterable[Any], depth: int = 0) -> Attributes:
    found: Attributes = {}
    for pair in pairs:
        received.put(found, _text(pair.key), _value(pair.value, depth))
    return found


def _value(value: Any, depth: int) -> Any:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return _text(value.string_value)
    if kind in ("bool_value", "int_value", "double_value"):
        return getattr(value, kind)
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    if kind == "array_value" and depth < MAX_DEPTH:
        return [_value(one, depth + 1) for one in value.array_value.values]
    if kind == "kvlist_value" and depth < MAX_DEPTH:
        return _attributes(value.kvlist_value.values, depth + 1)
    return None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


@cache
def _message(name: str) -> Any:
    """The class of a message, by its name in OTLP."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"opentelemetry.proto.{name}"))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    """The messages of OTLP with other types of the same encoding: texts are bytes, since protobuf refuses a whole
    request for one text that is no UTF-8, and so are the messages of `_PARTS`."""
    pool = descriptor_pool.DescriptorPool()
    for file in _FILES:
        described = FileDescriptorProto()
        file.DESCRIPTOR.CopyToProto(described)
        for message in described.message_type:
            _as_bytes(message)
        pool.Add(described)
    return pool


def _as_bytes(message: DescriptorProto) -> None:
    for nested in message.nested_type:
        _as_bytes(nested)
    for one in message.field:
        if one.type == FieldDescriptorProto.TYPE_STRING or (message.name, one.name) in _PARTS:
            one.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
            one.ClearField("type_name")
