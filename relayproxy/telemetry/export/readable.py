"""Conversion of span values to OpenTelemetry spans.

Knows: the ids, times and attributes of a span value as those of a span that the SDK has ended.
Must not know: where spans are sent; how values were derived.
"""

from collections.abc import Mapping

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from relayproxy import __version__
from relayproxy.conversation.measures.attributes import AttributeValue
from relayproxy.conversation.measures.spans import Span
from relayproxy.text import mended

SCOPE = InstrumentationScope("relayproxy", __version__)
KINDS = {"server": SpanKind.SERVER, "internal": SpanKind.INTERNAL}
INT64 = range(-(2**63), 2**63)


def resource(told: Mapping[str, str]) -> Resource:
    """The sender with these attributes; its name and version, where none are among them, are the product's."""
    return Resource.create({"service.name": "relayproxy", "service.version": __version__, **told})


def readable(span: Span, sender: Resource) -> ReadableSpan:
    """The span with exactly these ids and times, sampled. A server span's parent is the caller's, hence remote."""
    trace_id = int(span.trace_id, 16)
    parent = int(span.parent_span_id, 16) if span.parent_span_id else None
    return ReadableSpan(
        name=span.name,
        context=_context(trace_id, int(span.span_id, 16), remote=False),
        parent=None if parent is None else _context(trace_id, parent, remote=span.kind == "server"),
        resource=sender,
        attributes=_attributes(span.attributes),
        events=[Event(event.name, _attributes(event.attributes), event.at) for event in span.events],
        links=[
            Link(_context(int(link.trace_id, 16), int(link.span_id, 16), remote=False), _attributes(link.attributes))
            for link in span.links
        ],
        kind=KINDS[span.kind],
        instrumentation_scope=SCOPE,
        status=Status(StatusCode.UNSET) if span.error is None else Status(StatusCode.ERROR, mended(span.error)),
        start_time=span.start,
        end_time=span.end,
    )


def _context(trace_id: int, span_id: int, *, remote: bool) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _attributes(values: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {mended(name): _encodable(value) for name, value in values.items()}


def _encodable(value: AttributeValue) -> AttributeValue:
    # A value that protobuf cannot hold would fail the whole batch, other calls' spans included.
    if isinstance(value, str):
        return mended(value)
    return str(value) if isinstance(value, int) and value not in INT64 else value
