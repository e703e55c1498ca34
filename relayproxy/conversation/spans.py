"""The span tree of a conversation, as plain values.

Knows: names, ids and times of spans. Sizes, times and ids only: no content and no phone number.
Must not know: OpenTelemetry, how the conversation was derived, what a span says of its numbers.

A session is one `conversation` with a `turn` for each turn, and in a turn what its time went into: `input_wait`,
`backend`, `stream`, `playback`. `input_wait` begins before its turn, which begins with the prompt.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal

import msgspec

from relayproxy.connection import Opening
from relayproxy.conversation.attributes import (
    AttributeValue,
    interruption_attributes,
    session_attributes,
    turn_attributes,
)
from relayproxy.conversation.model import Conversation, Turn


class Event(msgspec.Struct, frozen=True):
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
    events: tuple[Event, ...] = ()
    error: str | None = None
    """A description when the span failed; its status is then ERROR."""


INTERRUPTIONS = 4
"""Events for the interruptions of one turn at most: tracing systems are slow with many."""
_MS = 1_000_000
_FAILED = {"backend_disconnect", "backend_connect_failed", "protocol_error", "proxy_error"}


def spans(conversation: Conversation, opening: Opening) -> tuple[Span, ...]:
    """Every span that is final now: settled turns with what is in them, and the root once the session has ended.

    `opening` is that of the session's first connection. Ids are deterministic: the same turn of the same session
    has the same id whenever it is asked for.
    """
    common = _common(conversation, opening)
    final = [turn for turn in conversation.turns[: conversation.settled_turns] if turn.ended_at is not None]
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
    for name, start, until, estimated in _parts(turn):
        more: dict[str, AttributeValue] = {"turn.number": turn.number}
        if estimated:
            more["relayproxy.estimated"] = True
        yield Span(
            name=name,
            trace_id=opening.trace_id,
            span_id=_id(opening, turn, name),
            parent_span_id=span.span_id,
            kind="internal",
            start=start,
            end=max(until, start),
            attributes=common | more,
        )


def _id(opening: Opening, turn: Turn, part: str = "") -> str:
    name = f"{opening.connection_id}/{turn.number}" + (f"/{part}" if part else "")
    return blake2b(name.encode(), digest_size=8).hexdigest()


def _parts(turn: Turn) -> Iterator[tuple[str, int, int, bool]]:
    """What a turn's time went into: name, start, end, and whether that is estimated."""
    budget, asked_at = turn.budget, turn.caller_at
    if asked_at is not None:
        if budget.input_delay is not None and budget.input_delay > 0:
            yield "input_wait", asked_at - budget.input_delay, asked_at, False
        if budget.proxy_in is not None and budget.backend is not None:
            sent_at = asked_at + budget.proxy_in
            yield "backend", sent_at, sent_at + budget.backend, False
    if turn.agent_at is None:
        return
    if turn.agent_done_at is not None and turn.stream_duration_ms is not None:
        first_at = turn.agent_at if turn.first_kind == "text" else turn.agent_done_at - turn.stream_duration_ms * _MS
        yield "stream", first_at, turn.agent_done_at, False
    heard_until = _heard_until(turn)
    if heard_until is not None:
        sound_at = turn.agent_at + (budget.output_delay or 0)
        yield "playback", sound_at, heard_until, budget.output_delay is None or turn.reply_complete_estimated


def _heard_until(turn: Turn) -> int | None:
    if turn.interruptions:
        return turn.interruptions[0].at
    if turn.reply_complete_ms is None or turn.caller_at is None:
        return None
    return turn.caller_at + turn.reply_complete_ms * _MS


def _events(turn: Turn) -> tuple[Event, ...]:
    events = [Event("interrupt", cut.at, interruption_attributes(cut)) for cut in turn.interruptions[:INTERRUPTIONS]]
    if turn.agent_at is not None:
        events.append(Event("first", turn.agent_at))
    if turn.caller_at is not None and turn.time_to_first_sentence_ms is not None:
        events.append(Event("first_sentence", turn.caller_at + turn.time_to_first_sentence_ms * _MS))
    if turn.agent_done_at is not None:
        events.append(Event("last", turn.agent_done_at))
    return tuple(sorted(events, key=lambda event: event.at))
