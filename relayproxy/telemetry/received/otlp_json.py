"""OTLP trace requests in JSON.

Knows: its fields, of which unknown ones are passed over; that ids are hex digits and large numbers texts; that one bad
span does not spoil a request.
Must not know: protobuf, HTTP, gRPC.
"""

import re
from typing import Any

import msgspec

from relayproxy.conversation.backend_span import Attributes, BackendSpan, SpanEvent
from relayproxy.telemetry.received import received
from relayproxy.telemetry.received.received import MAX_DEPTH, BadSpanError, TraceRequest, UndecodableError
from relayproxy.text import mended

_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
_NONE = msgspec.Raw(b"null")
_Int = int | float | str | None


class _Message(msgspec.Struct, rename="camel", frozen=True):
    """A message of OTLP. Null stands for a field that is not there."""


class _Any(_Message, frozen=True):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: _Int = None
    double_value: _Int = None
    array_value: "_Array | None" = None
    kvlist_value: "_Pairs | None" = None
    bytes_value: str | None = None


class _Pair(_Message, frozen=True):
    key: str = ""
    value: _Any | None = None


class _Array(_Message, frozen=True):
    values: list[_Any | None] | None = None


class _Pairs(_Message, frozen=True):
    values: list[_Pair] | None = None


class _Resource(_Message, frozen=True):
    attributes: list[_Pair] | None = None


class _Scope(_Message, frozen=True):
    name: str | None = None


class _Status(_Message, frozen=True):
    code: int | str | None = None
    message: str | None = None


class _Event(_Message, frozen=True):
    time_unix_nano: _Int = None
    name: str | None = None
    attributes: list[_Pair] | None = None


class _Link(_Message, frozen=True):
    trace_id: str | None = None
    span_id: str | None = None
    attributes: list[_Pair] | None = None


class _Span(_Message, frozen=True):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: _Int = None
    end_time_unix_nano: _Int = None
    attributes: list[_Pair] | None = None
    events: list[_Event] | None = None
    links: list[_Link] | None = None
    status: _Status | None = None
    dropped_attributes_count: int | None = None
    dropped_events_count: int | None = None
    dropped_links_count: int | None = None


class _ScopeSpans(_Message, frozen=True):
    scope: msgspec.Raw = _NONE
    spans: list[msgspec.Raw] | None = None


class _ResourceSpans(_Message, frozen=True):
    resource: msgspec.Raw = _NONE
    scope_spans: list[_ScopeSpans | None] | None = None


class _Request(_Message, frozen=True):
    resource_spans: list[_ResourceSpans | None] | None = None


def decode(body: bytes) -> TraceRequest:
    """The spans of an `ExportTraceServiceRequest`. Raises `UndecodableError`."""
    try:
        request = _read(body, _Request)
    except (msgspec.DecodeError, RecursionError):
        raise UndecodableError("the body is no ExportTraceServiceRequest in JSON") from None
    found = TraceRequest()
    for number, part in enumerate(request.resource_spans or ()):
        if part is None:
            continue
        resource = _attributes(_part(part.resource, _Resource).attributes)
        for at, scoped in enumerate(part.scope_spans or ()):
            if scoped is None:
                continue
            scope = _part(scoped.scope, _Scope).name or ""
            for place, raw in enumerate(scoped.spans or ()):
                try:
                    found.spans.append(_span(raw, resource, scope))
                except BadSpanError as problem:
                    found.reject((number, at, place), problem)
    return found


def _read(raw: bytes | msgspec.Raw, type: Any) -> Any:
    """A message. Halves of surrogate pairs, and bytes that are no UTF-8, are replaced where there are any."""
    try:
        return msgspec.json.decode(raw, type=type)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = bytes(raw).decode("utf-8", "replace").encode()
        return msgspec.json.decode(_ESCAPE.sub(lambda one: rb"\ufffd" if one[1] else one[0], text), type=type)


def _part(raw: msgspec.Raw, type: Any) -> Any:
    """What a span may be without: an empty one where it cannot be read."""
    try:
        return _read(raw, type | None) or type()
    except (msgspec.DecodeError, RecursionError):
        return type()


def _span(raw: msgspec.Raw, resource: Attributes, scope: str) -> BackendSpan:
    try:
        one = _read(raw, _Span)
    except msgspec.ValidationError as problem:
        raise BadSpanError(f"a field has a wrong type ({_place(problem)})") from None
    except (msgspec.DecodeError, RecursionError):
        raise BadSpanError("it is no JSON, or its values are nested too deep") from None
    status = one.status or _Status()
    counts = (one.dropped_attributes_count, one.dropped_events_count, one.dropped_links_count)
    return received.span(
        ids=(
            _id("traceId", one.trace_id, received.TRACE_ID),
            _id("spanId", one.span_id, received.SPAN_ID),
            _id("parentSpanId", one.parent_span_id, received.SPAN_ID),
        ),
        name=one.name or "",
        kind=_enum(one.kind, "SPAN_KIND_", ("UNSPECIFIED", *(kind.upper() for kind in received.KINDS[1:]))),
        times=(_whole(one.start_time_unix_nano), _whole(one.end_time_unix_nano)),
        status=(_enum(status.code, "STATUS_CODE_", tuple(s.upper() for s in received.STATUSES)), status.message or ""),
        attributes=_attributes(one.attributes),
        events=tuple(
            SpanEvent(
                received.moment(_whole(event.time_unix_nano)), mended(event.name or ""), _attributes(event.attributes)
            )
            for event in one.events or ()
        ),
        links=received.links(
            (_hex(link.trace_id), _hex(link.span_id), _attributes(link.attributes)) for link in one.links or ()
        ),
        left_out=sum(max(count or 0, 0) for count in counts),
        resource=resource,
        scope=scope,
    )


def _place(problem: msgspec.ValidationError) -> str:
    """The field, without what it holds."""
    _, found, place = str(problem).rpartition(" - at `")
    return place.rstrip("`") if found else "the span itself"


def _id(name: str, value: str | None, size: int) -> bytes:
    if value and (len(value) != 2 * size or not _hex(value)):
        raise BadSpanError(f"{name} has {len(value)} characters, {2 * size} hex digits are expected")
    return _hex(value)


def _hex(value: str | None) -> bytes:
    try:
        return bytes.fromhex(value or "") if value and " " not in value else b""
    except ValueError:
        return b""


def _enum(value: int | str | None, prefix: str, names: tuple[str, ...]) -> int:
    if isinstance(value, str):
        name = value.removeprefix(prefix)
        return names.index(name) if name in names else 0
    return value or 0


def _whole(value: _Int) -> int:
    if isinstance(value, str):
        if not re.fullmatch(r"-?[0-9]{1,20}", value, re.ASCII):
            raise BadSpanError("a time or a whole number is none")
        return int(value)
    try:
        return int(value or 0)
    except (OverflowError, ValueError):
        raise BadSpanError("a time or a whole number is none") from None


def _attributes(pairs: list[_Pair] | None, depth: int = 0) -> Attributes:
    found: Attributes = {}
    for pair in pairs or ():
        received.put(found, pair.key, _value(pair.value, depth))
    return found


def _value(value: _Any | None, depth: int) -> Any:
    if value is None:
        return None
    if value.string_value is not None or value.bytes_value is not None:
        return mended(value.string_value if value.string_value is not None else value.bytes_value or "")
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return _whole(value.int_value)
    if value.double_value is not None:
        return value.double_value
    if value.array_value is not None and depth < MAX_DEPTH:
        return [_value(one, depth + 1) for one in value.array_value.values or ()]
    if value.kvlist_value is not None and depth < MAX_DEPTH:
        return _attributes(value.kvlist_value.values, depth + 1)
    return None
