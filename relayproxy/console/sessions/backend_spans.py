"""API of a session's backend spans: what its backend said of its own work, and in which turn it did it.

Knows: every field of these documents; paths, parameters and status codes.
Must not know: SQL, HTML; how spans are received or placed.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, get_args

from aiohttp import web
from msgspec import Meta

from relayproxy.console.calls.backend_work import SessionWork, WorkSpan, read_work, waited_for, whole
from relayproxy.console.calls.deleted_content import require_content
from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.calls.requested import session_of
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, one_of
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.http.times import rfc3339
from relayproxy.conversation.backend.clock import Clock, ClockState
from relayproxy.conversation.backend.placement import TurnTimes
from relayproxy.conversation.backend.time_by_kind import Stretch, sums
from relayproxy.conversation.backend.work import WORK_KINDS
from relayproxy.conversation.backend_span import Kind, Status
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import JoinedBy

MAX_SPANS = 1000
NO_TURN = "none"
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
    turn: Annotated[
        Count | None, Meta(description="Number of the turn that it belongs to; null: to none, or to the whole session.")
    ]
    aligned_at: Annotated[Time, Meta(description="Its beginning by relayproxy's clock, as far as that is known.")]
    aligned_at_ns: Nanoseconds
    turn_offset_ms: Annotated[
        float | None,
        Meta(
            description="From what the turn answers having been written to the backend to its beginning; null without "
            "a turn."
        ),
    ]
    work: Annotated[str, one_of(WORK_KINDS, "What it was busy with.", "WorkKind")]
    model: Annotated[str | None, Meta(description="Of a model call.")]
    input_tokens: Annotated[Count | None, Meta(description="Of a model call.")]
    output_tokens: Annotated[Count | None, Meta(description="Of a model call.")]
    attributes: AttributeValues
    resource: AttributeValues
    events: tuple[SpanEventDocument, ...]
    links: tuple[SpanLinkDocument, ...]
    left_out: Annotated[Count, Meta(description="Attributes, events and links that were not kept, or were cut.")]


class BackendClockDocument(Document, frozen=True):
    """The clock of the backend of one connection, beside relayproxy's."""

    connection: Annotated[str, Meta(description="Id of the connection.")]
    connection_index: Annotated[Count, Meta(description="Its place in the session, from 0.")]
    state: Annotated[
        ClockState,
        one_of(
            get_args(ClockState),
            "`agrees`: the span of the handshake began while relayproxy saw the handshake. `moved`: it did not, and "
            "times are moved by `shift_ms` so that it does. `unknown`: there is no such span, and times are as sent.",
            "ClockState",
        ),
    ]
    shift_ms: Annotated[float, Meta(description="What is added to the times of spans.")]
    uncertainty_ms: Annotated[float | None, Meta(description="By how much they may be wrong even so.")]


class BackendWaitDocument(Document, frozen=True):
    """What a turn waited for the backend for, in nanoseconds. The parts sum to `total_ns`; no moment is told twice."""

    turn: Count
    answered: Annotated[bool, Meta(description="It ended with an answer; false: with the turn.")]
    started_at: Annotated[Time, Meta(description="When what is answered had been written to the backend.")]
    started_at_ns: Nanoseconds
    total_ns: Count
    model_ns: Count
    tool_ns: Count
    database_ns: Count
    http_ns: Annotated[Count, Meta(description="Requests that are not those of a model, a tool or a database.")]
    other_ns: Annotated[Count, Meta(description="Other spans.")]
    outside_ns: Annotated[Count, Meta(description="No span ran: the network, and work without spans.")]


class BackendSpansDocument(Document, frozen=True):
    """A part of the spans of a session's backend, in the order of their tree."""

    items: tuple[BackendSpanDocument, ...]
    next: Annotated[str | None, Meta(description="`after` of the next page; null once all have been given.")]
    total: Annotated[Count, Meta(description="Spans of the session; with `turn`, of that turn.")]
    clocks: Annotated[tuple[BackendClockDocument, ...], Meta(description="Of each connection.")]
    wait: Annotated[
        BackendWaitDocument | None,
        Meta(description="With `turn`; null without spans in it and while it is waited for."),
    ]
    dropped: Annotated[Count, Meta(description="Spans beyond what is kept of a session.")]
    limited: Annotated[Count, Meta(description="Spans without content: more came than is searched for secrets.")]
    received_frames: Annotated[
        Count, Meta(description="Spans of single events of the WebSocket, towards it; only counted.")
    ]
    sent_frames: Annotated[Count, Meta(description="The same, from it.")]


async def spans(request: web.Request) -> web.Response:
    """`GET /api/sessions/{id}/spans?limit=&after=&turn=`: `after` is the place of the last span that is known. Places
    move while spans come."""
    limit = whole_number(request, "limit", MAX_SPANS, 1, MAX_SPANS)
    after = whole_number(request, "after", -1, 0, 10**9 - 2)
    turn = None if request.query.get("turn") == NO_TURN else whole_number(request, "turn", -1, 0, 10**9 - 1)
    found = await session_of(request)
    require_content(found.row)
    queries = request.app[APP_CONTEXT].queries
    return json_response(await asyncio.to_thread(_document, queries, found, turn, after, limit))


def _document(queries: Queries, found: StoredSession, turn: int | None, after: int, limit: int) -> BackendSpansDocument:
    """Some spans of a session; `turn`: those of a turn, None those of none, -1 all."""
    session = read_work(queries, found)
    wanted = session.spans if turn == -1 else session.of_turn(turn)
    rest = [span for span in wanted if span.node.place > after]
    counts = session.counts
    return BackendSpansDocument(
        items=tuple(_span_document(session, one) for one in whole(queries, found.row.id, rest[:limit])),
        next=str(rest[limit - 1].node.place) if len(rest) > limit else None,
        total=len(wanted),
        clocks=tuple(_clock(found, index, clock) for index, clock in enumerate(session.clocks)),
        wait=_wait(queries, found, session, turn),
        dropped=counts.dropped,
        limited=counts.limited,
        received_frames=counts.received_frames,
        sent_frames=counts.sent_frames,
    )


def _clock(found: StoredSession, index: int, clock: Clock) -> BackendClockDocument:
    return BackendClockDocument(
        connection=found.connections[index].row.id,
        connection_index=index,
        state=clock.state,
        shift_ms=clock.shift / _MS,
        uncertainty_ms=None if clock.uncertainty is None else clock.uncertainty / _MS,
    )


def _wait(
    queries: Queries, found: StoredSession, session: SessionWork, number: int | None
) -> BackendWaitDocument | None:
    turn = session.turns.get(-1 if number is None else number)
    if turn is None:
        return None
    of_turn = session.of_turn(turn.number)
    stretches = waited_for(queries, found.row.id, of_turn, turn) if of_turn else ()
    return wait_document(turn, stretches) if stretches else None


def wait_document(turn: TurnTimes, stretches: Sequence[Stretch]) -> BackendWaitDocument:
    """What the wait of a turn went into."""
    parts = sums(stretches)
    return BackendWaitDocument(
        turn=turn.number,
        answered=turn.first_at is not None,
        started_at=rfc3339(turn.sent_at),
        started_at_ns=turn.sent_at,
        total_ns=sum(parts.values()),
        model_ns=parts["model"],
        tool_ns=parts["tool"],
        database_ns=parts["database"],
        http_ns=parts["http"],
        other_ns=parts["other"],
        outside_ns=parts["outside"],
    )


def _span_document(session: SessionWork, one: WorkSpan) -> BackendSpanDocument:
    placed, node, work = one.placed, one.placed.node, one.work
    span, detail = node.span, node.span.detail
    turn = None if placed.turn is None else session.turns[placed.turn]
    return BackendSpanDocument(
        place=node.place,
        depth=node.depth,
        parent=node.parent,
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        orphan=node.orphan,
        child_of_call=node.child_of_call,
        joined_by=node.joined_by,
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
        turn=placed.turn,
        aligned_at=rfc3339(placed.started_at),
        aligned_at_ns=placed.started_at,
        turn_offset_ms=None if turn is None else (placed.started_at - turn.sent_at) / _MS,
        work=work.kind,
        model=work.model,
        input_tokens=work.input_tokens,
        output_tokens=work.output_tokens,
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
