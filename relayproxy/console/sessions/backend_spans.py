"""API of a session's backend spans: what its backend said of its own work.

Knows: every field of these documents; paths, parameters and status codes.
Must not know: SQL, HTML; how spans are received.
"""

import asyncio
from typing import Annotated, Any, get_args

from aiohttp import web
from msgspec import Meta

from relayproxy.console.calls.deleted_content import require_content
from relayproxy.console.calls.requested import session_of
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, one_of
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.http.times import rfc3339
from relayproxy.conversation.backend_span import Kind, Status
from relayproxy.store.read.backend_spans import SessionSpans, StoredSpan, session_spans
from relayproxy.store.schema.rows import JoinedBy

MAX_SPANS = 1000
_MS = 1_000_000
AttributeValues = Annotated[dict[str, Any], Meta(description="By name; values are those of JSON.")]


class SpanEventDocument(Document, frozen=True):
    """Something that happened within a span."""

    at: Time
    at_ns: Nanoseconds
    name: str
    attributes: AttributeValues


class SpanLinkDocument(Document, frozen=True):
    """A reference of a span to another one."""

    trace_id: str
    span_id: str
    attributes: AttributeValues


class BackendSpanDocument(Document, frozen=True):
    """A span that the backend made of its own work. Times are by its own clock."""

    place: Annotated[Count, Meta(description="Its place in the tree: a parent comes before its children.")]
    depth: Annotated[Count, Meta(description="How many of the spans are above it.")]
    parent: Annotated[Count | None, Meta(description="The place of its parent; null at the top.")]
    trace_id: str
    span_id: str
    parent_span_id: str | None
    orphan: Annotated[bool, Meta(description="Its parent has not come.")]
    child_of_call: Annotated[bool, Meta(description="Its parent is the span that the backend's handshake named.")]
    joined_by: Annotated[
        str,
        one_of(
            JoinedBy,
            "What it belongs to the session by: the trace of the handshake; an id that it, its resource or another "
            "span of its trace names; or a guess, by route and time.",
            "JoinedBy",
        ),
    ]
    name: str
    kind: Annotated[Kind, one_of(get_args(Kind))]
    service: str
    scope: Annotated[str, Meta(description="The library that made it.")]
    status: Annotated[Status, one_of(get_args(Status))]
    status_message: str
    started_at: Time
    started_at_ns: Nanoseconds
    ended_at: Time
    ended_at_ns: Nanoseconds
    duration_ms: float
    attributes: AttributeValues
    resource: AttributeValues
    events: tuple[SpanEventDocument, ...]
    links: tuple[SpanLinkDocument, ...]
    left_out: Annotated[Count, Meta(description="Attributes, events and links that were not kept, or were cut.")]


class BackendSpansDocument(Document, frozen=True):
    """A part of the spans of a session's backend, in the order of their tree."""

    items: tuple[BackendSpanDocument, ...]
    next: Annotated[str | None, Meta(description="`after` of the next page; null once all have been given.")]
    total: Annotated[Count, Meta(description="Spans of the session.")]
    dropped: Annotated[Count, Meta(description="Spans beyond what is kept of a session.")]
    limited: Annotated[Count, Meta(description="Spans without content: more came than is searched for secrets.")]
    received_frames: Annotated[
        Count, Meta(description="Spans of single events of the WebSocket, towards it; only counted.")
    ]
    sent_frames: Annotated[Count, Meta(description="The same, from it.")]


async def spans(request: web.Request) -> web.Response:
    """`GET /api/sessions/{id}/spans?limit=&after=`: `after` is the place of the last span that is known. Places move
    while spans come."""
    limit = whole_number(request, "limit", MAX_SPANS, 1, MAX_SPANS)
    first = whole_number(request, "after", -1, 0, 10**9 - 2) + 1
    found = await session_of(request)
    require_content(found.row)
    queries = request.app[APP_CONTEXT].queries
    return json_response(spans_document(await asyncio.to_thread(session_spans, queries, found.row.id, first, limit)))


def spans_document(found: SessionSpans) -> BackendSpansDocument:
    """Some spans of a session."""
    last = found.spans[-1].place if found.spans else found.total
    counts = found.counts
    return BackendSpansDocument(
        items=tuple(map(_span_document, found.spans)),
        next=str(last) if last + 1 < found.total else None,
        total=found.total,
        dropped=counts.dropped,
        limited=counts.limited,
        received_frames=counts.received_frames,
        sent_frames=counts.sent_frames,
    )


def _span_document(one: StoredSpan) -> BackendSpanDocument:
    span, detail = one.span, one.span.detail
    return BackendSpanDocument(
        place=one.place,
        depth=one.depth,
        parent=one.parent,
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        orphan=one.orphan,
        child_of_call=one.child_of_call,
        joined_by=one.joined_by,
        name=span.name,
        kind=span.kind,
        service=span.service,
        scope=span.scope,
        status=span.status,
        status_message=detail.status_message,
        started_at=rfc3339(span.started_at),
        started_at_ns=span.started_at,
        ended_at=rfc3339(span.ended_at),
        ended_at_ns=span.ended_at,
        duration_ms=(span.ended_at - span.started_at) / _MS,
        attributes=detail.attributes,
        resource=detail.resource,
        events=tuple(
            SpanEventDocument(at=rfc3339(event.at), at_ns=event.at, name=event.name, attributes=event.attributes)
            for event in detail.events
        ),
        links=tuple(
            SpanLinkDocument(trace_id=link.trace_id, span_id=link.span_id, attributes=link.attributes)
            for link in detail.links
        ),
        left_out=span.left_out,
    )


ROUTES = (web.get("/api/sessions/{id}/spans", spans),)
