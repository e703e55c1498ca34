"""The span tree of a conversation, as plain values.

Knows: names, ids and times of spans. Sizes, times and ids only: no content and no phone number.
Must not know: OpenTelemetry, how the conversation was derived, what a span says of its numbers.

A session is one `conversation` with a `turn` for each turn (readers of voice traces look for that name; the one of the
GenAI conventions is in `gen_ai.operation.name`), and in a turn what its time went into:

    input_wait   `clientSpeaking` off → final prompt; begins before its turn, which begins with the prompt
    backend      prompt written to the backend → first speakable message of the answer read
    stream       first token → last token, written to Twilio
    playback     first sound → end of the speech or the interruption that stopped it

Between them lie `proxy_in`, `proxy_out` and `output_delay` of the budget, to the nanosecond. Nothing but `input_wait`
leaves its turn: what went on beyond it ends there and is marked `relayproxy.truncated`.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal

import msgspec

from relayproxy.connection import Opening
from relayproxy.conversation.measures.attributes import (
    AttributeValue,
    interruption_attributes,
    session_attributes,
    turn_attributes,
)
from relayproxy.conversation.measures.parts import first_sentence_at, parts
from relayproxy.conversation.model import Conversation, Turn


class SpanEvent(msgspec.Struct, frozen=True):
    """A point in time on a span; `at` is wall nanoseconds."""

    name: str
    at: int
    attributes: dict[str, AttributeValue] = {}


class Span(msgspec.Struct, frozen=True):
    """One span; ids are lower-case hex (32 and 16 digits), times wall nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    kind: Literal["server", "internal"]
    start: int
    end: int
    attributes: dict[str, AttributeValue]
    events: tuple[SpanEvent, ...] = ()
    error: str | None = None
    """A description when the span failed; its status is then ERROR."""


INTERRUPTIONS = 4
"""Interruptions of one turn that get an event: tracing systems are slow with many."""
_FAILED = {"backend_disconnect", "backend_connect_failed", "protocol_error", "proxy_error"}


def spans(conversation: Conversation, opening: Opening, version: str | None = None) -> tuple[Span, ...]:
    """Every span that is final now: settled turns with what is in them, and the root once the session has ended.
    Turns that the conversation no longer lists have none.

    `opening` is that of the session's first connection, `version` the backend's. Ids are deterministic: the same turn
    of the same session has the same id whenever it is asked for.
    """
    common = _common(conversation, opening)
    if version is not None:
        common["relayproxy.backend.version"] = version
    settled = (turn for turn in conversation.turns if turn.number < conversation.settled_turns)
    final = [turn for turn in settled if turn.ended_at is not None]
    tree = [span for turn in final for span in _turn(turn, opening, common)]
    if conversation.ended_at is not None:
        tree.append(_root(conversation, opening, conversation.ended_at, common))
    return tuple(tree)


def _common(conversation: Conversation, opening: Opening) -> dict[str, AttributeValue]:
    session = conversation.session_id or opening.connection_id
    attributes: dict[str, AttributeValue] = {
        "gen_ai.conversation.id": session,
        "session.id": session,
        "conversation.id": session,
        "relayproxy.route": opening.route,
    }
    if conversation.call_sid is not None:
        attributes["twilio.call_sid"] = conversation.call_sid
    return attributes


def _root(conversation: Conversation, opening: Opening, end: int, common: dict[str, AttributeValue]) -> Span:
    return Span(
        name="conversation",
        trace_id=opening.trace_id,
        span_id=opening.span_id,
        parent_span_id=opening.parent_span_id,
        kind="server",
        start=conversation.started_at,
        end=max(end, conversation.started_at),
        attributes=common | session_attributes(conversation),
        error=conversation.outcome if conversation.outcome in _FAILED else None,
    )


def _turn(turn: Turn, opening: Opening, common: dict[str, AttributeValue]) -> Iterator[Span]:
    end = turn.ended_at if turn.ended_at is not None else turn.started_at
    span = Span(
        name="turn",
        trace_id=opening.trace_id,
        span_id=_id(opening, turn),
        parent_span_id=opening.span_id,
        kind="internal",
        start=turn.started_at,
        end=max(end, turn.started_at),
        attributes=common | turn_attributes(turn, opening.route),
        events=_events(turn),
    )
    yield span
    for part in parts(turn):
        earliest = min(part.start, span.end) if part.name == "input_wait" else span.start
        start, until = (min(max(at, earliest), span.end) for at in (part.start, part.end))
        more: dict[str, AttributeValue] = {"turn.number": turn.number}
        if part.estimated:
            more["relayproxy.estimated"] = True
        if (start, until) != (part.start, part.end):
            more["relayproxy.truncated"] = True
        yield Span(
            name=part.name,
            trace_id=opening.trace_id,
            span_id=_id(opening, turn, part.name),
            parent_span_id=span.span_id,
            kind="internal",
            start=start,
            end=until,
            attributes=common | more,
        )


def _id(opening: Opening, turn: Turn, part: str = "") -> str:
    name = f"{opening.connection_id}/{turn.number}" + (f"/{part}" if part else "")
    return blake2b(name.encode(), digest_size=8).hexdigest()


def _events(turn: Turn) -> tuple[SpanEvent, ...]:
    events = []
    if turn.agent_at is not None:
        events.append(SpanEvent("first", turn.agent_at))
    sentence_at = first_sentence_at(turn)
    if sentence_at is not None:
        events.append(SpanEvent("first_sentence", sentence_at))
    if turn.agent_done_at is not None:
        events.append(SpanEvent("last", turn.agent_done_at))
    events += [
        SpanEvent("interrupt", cut.at, interruption_attributes(cut)) for cut in turn.interruptions[:INTERRUPTIONS]
    ]
    return tuple(sorted(events, key=lambda event: event.at))
