"""The span tree of a conversation, as plain values.

Knows: names, ids, times and attributes of spans. Sizes, times and ids only: no content and no phone number.
Must not know: OpenTelemetry, or how the conversation was derived.
"""

import re
from hashlib import blake2b
from typing import Literal

import msgspec

from relayproxy.connection import Opening
from relayproxy.conversation.model import Conversation, Handoff, Interruption, Turn

AttributeValue = str | bool | int | float


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


_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""A reason code that is a code; a sentence may say anything."""

_FAILED = {"backend_disconnect", "backend_connect_failed", "protocol_error", "proxy_error"}


def spans(conversation: Conversation, opening: Opening) -> tuple[Span, ...]:
    """Every span that is final now: settled turns, and the root once the session has ended.

    `opening` is that of the session's first connection. Ids are deterministic: the same turn of the same session
    has the same id whenever it is asked for.
    """
    common = _common(conversation, opening)
    final = [turn for turn in conversation.turns[: conversation.settled_turns] if turn.ended_at is not None]
    tree = [_turn(turn, opening, common) for turn in final]
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
    latencies = [turn.response_latency_ms for turn in conversation.turns if turn.response_latency_ms is not None]
    attributes = common | {
        "conversation.type": "voice",
        "relayproxy.session.turns": len(conversation.turns),
        "relayproxy.session.responses_measured": len(latencies),
        "relayproxy.session.interruptions": sum(len(turn.interruptions) for turn in conversation.turns),
        "relayproxy.session.unanswered": sum(turn.unanswered for turn in conversation.turns),
        "relayproxy.session.messages": conversation.messages,
        "relayproxy.session.gaps": conversation.gaps,
        "handoff.present": conversation.handoff is not None and conversation.handoff.raw is not None,
    }
    for name, value in (
        ("relayproxy.session.outcome", conversation.outcome),
        ("relayproxy.session.ended_by", conversation.ended_by),
        ("relayproxy.session.predicted_studio_transition", conversation.studio_transition),
        ("twilio.error_code", conversation.twilio_error_code),
        ("twilio.direction", conversation.direction),
    ):
        if value is not None:
            attributes[name] = value
    if conversation.handoff is not None:
        attributes |= _handoff(conversation.handoff)
    return Span(
        name="conversation",
        trace_id=opening.trace_id,
        span_id=opening.span_id,
        parent_span_id=opening.parent_span_id,
        kind="server",
        start=conversation.started_at,
        end=max(end, conversation.started_at),
        attributes=attributes,
        error=conversation.outcome if conversation.outcome in _FAILED else None,
    )


def _handoff(handoff: Handoff) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "handoff.bytes": handoff.bytes,
        "handoff.json_valid": handoff.json is not None,
    }
    if handoff.reason_code is not None and _CODE.fullmatch(handoff.reason_code):
        attributes["handoff.reason_code"] = handoff.reason_code
    return attributes


def _turn(turn: Turn, opening: Opening, common: dict[str, AttributeValue]) -> Span:
    attributes = common | {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": opening.route,
        "turn.number": turn.number,
        "turn.was_interrupted": turn.interrupted,
        "relayproxy.turn.opened_by": turn.opened_by,
        "relayproxy.turn.unanswered": turn.unanswered,
        "relayproxy.turn.coalesced_prompts": turn.coalesced_prompts,
        "relayproxy.turn.caller_chars": len(turn.caller_text),
        "relayproxy.turn.agent_chars": len(turn.agent_text),
    }
    if turn.response_latency_ms is not None:
        attributes["relayproxy.turn.response_latency"] = turn.response_latency_ms / 1000
    elif turn.null_reason is not None:
        attributes["relayproxy.turn.null_reason"] = turn.null_reason
    if turn.lang is not None:
        attributes["relayproxy.turn.lang"] = turn.lang
    end = turn.ended_at if turn.ended_at is not None else turn.started_at
    return Span(
        name="turn",
        trace_id=opening.trace_id,
        span_id=blake2b(f"{opening.connection_id}/{turn.number}".encode(), digest_size=8).hexdigest(),
        parent_span_id=opening.span_id,
        kind="internal",
        start=turn.started_at,
        end=max(end, turn.started_at),
        attributes=attributes,
        events=_events(turn),
    )


def _events(turn: Turn) -> tuple[Event, ...]:
    events = [_interrupt(interruption) for interruption in turn.interruptions]
    if turn.agent_at is not None:
        events.append(Event("first", turn.agent_at))
    if turn.agent_done_at is not None:
        events.append(Event("last", turn.agent_done_at))
    return tuple(sorted(events, key=lambda event: event.at))


def _interrupt(interruption: Interruption) -> Event:
    attributes: dict[str, AttributeValue] = {
        "relayproxy.interruption.kind": interruption.kind,
        "relayproxy.interruption.attribution": interruption.attribution,
        "relayproxy.barge_in.stale_chunks": interruption.stale_chunks,
        "relayproxy.barge_in.stale_chars": interruption.stale_chars,
    }
    if interruption.heard_ms is not None:
        attributes["relayproxy.interruption.heard_duration"] = interruption.heard_ms / 1000
    return Event("interrupt", interruption.at, attributes)
