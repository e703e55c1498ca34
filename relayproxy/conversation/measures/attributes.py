"""Span attributes: numbers of a turn, an interruption, a session, under their names in OpenTelemetry.

Knows: names of what is no number of the tables; that durations are seconds. Sizes, times and codes only: no content
and no phone number.
Must not know: span ids and times, OpenTelemetry itself.

A name has one type wherever it stands: what is a fact of a turn or an interruption is counted on the root under another
(`relayproxy.turn.unanswered`, `relayproxy.session.unanswered`). No name is also the namespace of others: some stores
cannot hold both.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from relayproxy.conversation.checks.findings import severity
from relayproxy.conversation.content import as_code
from relayproxy.conversation.measures.number import Number, Of
from relayproxy.conversation.measures.numbers import INTERRUPTION_NUMBERS, TURN_NUMBERS
from relayproxy.conversation.measures.session_numbers import SESSION_NUMBERS
from relayproxy.conversation.model import Conversation, Handoff, Interruption, Turn

AttributeValue = str | bool | int | float
LONGEST_ID = 199
"""Characters of an id of a session: Langfuse drops longer ones, and those that are not printable ASCII."""


def turn_attributes(turn: Turn) -> dict[str, AttributeValue]:
    """The attributes of a turn's span; absent numbers are left out."""
    latency = turn.budget.user_bot_latency
    attributes: dict[str, AttributeValue | None] = {
        "gen_ai.operation.name": "invoke_agent",
        "turn.number": turn.number,
        "turn.was_interrupted": turn.interrupted,
        "turn.user_bot_latency_seconds": None if latency is None else latency / 1e9,
        "turn.duration_seconds": None if turn.ended_at is None else (turn.ended_at - turn.started_at) / 1e9,
        "relayproxy.turn.opened_by": turn.opened_by,
        "relayproxy.turn.tier": turn.tier,
        "relayproxy.turn.unanswered": turn.unanswered,
        "relayproxy.turn.asked_again": turn.asked_again or None,
        "relayproxy.turn.cut_off": turn.cut_off or None,
        "relayproxy.turn.unterminated": turn.unterminated,
        "relayproxy.turn.agent_over_caller": turn.agent_over_caller,
        "relayproxy.turn.interruptions": len(turn.interruptions),
        "relayproxy.turn.findings": len(turn.findings),
        "relayproxy.turn.caller_chars": len(turn.caller_text),
        "relayproxy.turn.agent_chars": len(turn.agent_text),
        "relayproxy.turn.unheard_chars": len(turn.unheard_text),
        "relayproxy.turn.heard_basis": turn.heard_basis,
        "relayproxy.turn.lang": as_code(turn.lang),
        "relayproxy.turn.first_kind": turn.first_kind,
        "relayproxy.turn.null_reason": turn.null_reason,
        "relayproxy.turn.reply_complete_estimated": turn.reply_complete_estimated or None,
    }
    return _present(attributes | _numbers(TURN_NUMBERS, turn))


def interruption_attributes(cut: Interruption) -> dict[str, AttributeValue]:
    """The attributes of the event for an interruption."""
    attributes: dict[str, AttributeValue | None] = {
        "relayproxy.interruption.kind": cut.kind,
        "relayproxy.interruption.attribution": cut.attribution,
        "relayproxy.interruption.match": cut.match,
        "relayproxy.interruption.false": cut.false_interruption,
        "relayproxy.barge_in.still_streaming_at_close": cut.still_streaming_at_close,
    }
    return _present(attributes | _numbers(INTERRUPTION_NUMBERS, cut))


def session_attributes(conversation: Conversation) -> dict[str, AttributeValue]:
    """The attributes of the root span, once the session has ended."""
    attributes: dict[str, AttributeValue | None] = {
        "conversation.type": "voice",
        "relayproxy.session.outcome": conversation.outcome,
        "relayproxy.session.ended_by": conversation.ended_by,
        "relayproxy.session.confidence": conversation.confidence,
        "relayproxy.session.predicted_studio_transition": conversation.studio_transition,
        "relayproxy.session.tier": conversation.tier,
        "twilio.error_code": conversation.twilio_error_code,
        "twilio.direction": as_code(conversation.direction),
    }
    severities = Counter[str]()
    for code, count in conversation.totals.findings.items():
        severities[severity(code)] += count
    for level in ("error", "warning", "info"):
        attributes[f"relayproxy.session.findings.{level}"] = severities[level]
    return _present(attributes | _numbers(SESSION_NUMBERS, conversation) | _handoff(conversation.handoff))


def printable_id(text: str) -> str:
    """The id as all viewers take it. One that they would drop is made such an id, always the same one."""
    if text.isascii() and text.isprintable() and len(text) <= LONGEST_ID:
        return text
    readable = "".join(one if one.isascii() and one.isprintable() else "_" for one in text[:64])
    return f"{readable}-{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def end_reason(turn: Turn) -> str | None:
    """The end of a turn's answer in the words of the GenAI conventions' draft; None when there was no answer."""
    if turn.cut_off or turn.null_reason == "session_closed":
        return "session_closed"
    if turn.interrupted or turn.null_reason == "interrupted_before_first_token":
        return "interrupted"
    return None if turn.agent_at is None else "completed"


def _numbers(numbers: Iterable[Number[Of]], of: Of) -> dict[str, AttributeValue | None]:
    attributes: dict[str, AttributeValue | None] = {}
    for number in numbers:
        if number.attribute is not None:
            attributes.update(_named(number.attribute, number.read(of), number.per_second))
    return attributes


def _named(name: str, value: Any, per_second: float | None) -> Iterator[tuple[str, AttributeValue | None]]:
    """A value under its name, durations in seconds; of a Struct or a mapping each value under the name and its own."""
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, Mapping):
        for part, one in value.items():
            yield from _named(f"{name}.{part.removesuffix('_ms')}", one, 1e3 if part.endswith("_ms") else None)
    else:
        yield name, value if value is None or per_second is None else value / per_second


def _handoff(handoff: Handoff | None) -> dict[str, AttributeValue | None]:
    if handoff is None:
        return {"handoff.present": False}
    return {
        # What was not kept has a size all the same.
        "handoff.present": handoff.raw is not None or handoff.bytes > 0,
        "handoff.bytes": handoff.bytes,
        "handoff.json_valid": None if handoff.raw is None else handoff.json is not None,
        "handoff.reason_code": as_code(handoff.reason_code),
    }


def _present(attributes: dict[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}
