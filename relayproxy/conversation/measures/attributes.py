"""What a span says: numbers of a turn, an interruption, a session, under their names in OpenTelemetry.

Knows: attribute names and units (seconds). Sizes, times and codes only: no content and no phone number.
Must not know: span ids and times, OpenTelemetry itself.

A name has one type wherever it stands: what is a fact of a turn or an interruption is counted on the root under another
(`relayproxy.turn.unanswered`, `relayproxy.session.unanswered`). No name is also the namespace of others: some stores
cannot hold both.
"""

import re
from collections import Counter

from relayproxy.conversation.checks.findings import severity
from relayproxy.conversation.model import Conversation, Handoff, Interruption, Turn
from relayproxy.conversation.totals import Totals

AttributeValue = str | bool | int | float

_CODE = re.compile(r"(?!(?:[^0-9]*[0-9]){7})[A-Za-z0-9_.-]{1,64}")
"""What reads like a code; a sentence may say anything, and seven digits may be a phone number."""


def turn_attributes(turn: Turn, agent: str) -> dict[str, AttributeValue]:
    """Of a turn's span; what is absent is left out."""
    budget = turn.budget
    attributes: dict[str, AttributeValue | None] = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": agent,
        "turn.number": turn.number,
        "turn.was_interrupted": turn.interrupted,
        "turn.user_bot_latency_seconds": _seconds(budget.user_bot_latency, 1e9),
        "turn.duration_seconds": None if turn.ended_at is None else (turn.ended_at - turn.started_at) / 1e9,
        "relayproxy.turn.opened_by": turn.opened_by,
        "relayproxy.turn.tier": turn.tier,
        "relayproxy.turn.unanswered": turn.unanswered,
        "relayproxy.turn.asked_again": turn.asked_again or None,
        "relayproxy.turn.cut_off": turn.cut_off or None,
        "relayproxy.turn.unterminated": turn.unterminated,
        "relayproxy.turn.agent_over_caller": turn.agent_over_caller,
        "relayproxy.turn.coalesced_prompts": turn.coalesced_prompts,
        "relayproxy.turn.interruptions": len(turn.interruptions),
        "relayproxy.turn.findings": len(turn.findings),
        "relayproxy.turn.caller_chars": len(turn.caller_text),
        "relayproxy.turn.agent_chars": len(turn.agent_text),
        "relayproxy.turn.unheard_chars": len(turn.unheard_text),
        "relayproxy.turn.heard_basis": turn.heard_basis,
        "relayproxy.turn.lang": _code(turn.lang),
        "relayproxy.turn.first_kind": turn.first_kind,
        "relayproxy.turn.null_reason": turn.null_reason,
        "relayproxy.turn.response_latency": _seconds(budget.response_latency, 1e9),
        "relayproxy.turn.longest_wait": _seconds(turn.longest_wait_ms),
        "relayproxy.turn.input_delay": _seconds(budget.input_delay, 1e9),
        "relayproxy.turn.proxy_in": _seconds(budget.proxy_in, 1e9),
        "relayproxy.turn.backend_latency": _seconds(budget.backend, 1e9),
        "relayproxy.turn.proxy_out": _seconds(budget.proxy_out, 1e9),
        "relayproxy.turn.output_delay": _seconds(budget.output_delay, 1e9),
        "relayproxy.turn.user_bot_latency": _seconds(budget.user_bot_latency, 1e9),
        "relayproxy.turn.time_to_first_token": _seconds(turn.time_to_first_token_ms),
        "relayproxy.turn.first_reaction": _seconds(turn.first_reaction_ms),
        "relayproxy.turn.time_to_first_sentence": _seconds(turn.time_to_first_sentence_ms),
        "relayproxy.turn.aggregation_delay": _seconds(turn.aggregation_delay_ms),
        "relayproxy.turn.time_to_last_token": _seconds(turn.time_to_last_token_ms),
        "relayproxy.turn.stream_duration": _seconds(turn.stream_duration_ms),
        "relayproxy.turn.reply_complete": _seconds(turn.reply_complete_ms),
        "relayproxy.turn.reply_complete_estimated": turn.reply_complete_estimated or None,
        "relayproxy.turn.lead_time": _seconds(turn.lead_time_ms),
        "relayproxy.turn.chunks": turn.chunks,
        "relayproxy.turn.stalls": turn.stalls,
        "relayproxy.turn.chunk_rate": turn.chunk_rate,
        "relayproxy.turn.char_rate": turn.char_rate,
    }
    gaps = turn.chunk_gaps
    if gaps is not None:
        for name, ms in (("p50", gaps.p50_ms), ("p95", gaps.p95_ms), ("max", gaps.max_ms)):
            attributes[f"relayproxy.turn.chunk_gap.{name}"] = _seconds(ms)
    return _present(attributes)


def interruption_attributes(cut: Interruption) -> dict[str, AttributeValue]:
    """Of the event for an interruption."""
    return _present(
        {
            "relayproxy.interruption.kind": cut.kind,
            "relayproxy.interruption.attribution": cut.attribution,
            "relayproxy.interruption.heard_duration": _seconds(cut.heard_ms),
            "relayproxy.interruption.unheard_chars": cut.unheard_chars,
            "relayproxy.interruption.unheard_ratio": cut.unheard_ratio,
            "relayproxy.interruption.match": cut.match,
            "relayproxy.interruption.false": cut.false_interruption,
            "relayproxy.barge_in.stale_chunks": cut.stale_chunks,
            "relayproxy.barge_in.stale_chars": cut.stale_chars,
            "relayproxy.barge_in.reaction_time": _seconds(cut.reaction_ms),
            "relayproxy.barge_in.still_streaming_at_close": cut.still_streaming_at_close,
            "relayproxy.barge_in.stop_time": _seconds(cut.stop_ms),
            "relayproxy.barge_in.recovery": _seconds(cut.recovery_ms),
        }
    )


def session_attributes(conversation: Conversation) -> dict[str, AttributeValue]:
    """Of the root span, once the session has ended."""
    started, ended = conversation.started_at, conversation.ended_at
    attributes: dict[str, AttributeValue | None] = {
        "conversation.type": "voice",
        "relayproxy.session.duration": None if ended is None else max(0, ended - started) / 1e9,
        "relayproxy.session.outcome": conversation.outcome,
        "relayproxy.session.ended_by": conversation.ended_by,
        "relayproxy.session.confidence": conversation.confidence,
        "relayproxy.session.predicted_studio_transition": conversation.studio_transition,
        "relayproxy.session.tier": conversation.tier,
        "relayproxy.session.messages": conversation.messages,
        "relayproxy.session.gaps": conversation.gaps,
        "twilio.error_code": conversation.twilio_error_code,
        "twilio.direction": _code(conversation.direction),
    }
    totals = conversation.totals
    return _present(attributes | _totals(totals) | _spreads(totals) | _handoff(conversation.handoff))


def _totals(totals: Totals) -> dict[str, AttributeValue | None]:
    attributes: dict[str, AttributeValue | None] = {
        "relayproxy.session.turns": totals.turns,
        "relayproxy.session.responses": totals.responses,
        "relayproxy.session.interruptions": totals.interruption_count,
        "relayproxy.session.interrupted_responses": totals.interrupted_responses,
        "relayproxy.session.false_interruptions": totals.false_interruptions,
        "relayproxy.session.unanswered": totals.unanswered,
        "relayproxy.session.asked_again": totals.asked_again,
        "relayproxy.session.longest_wait": _seconds(totals.longest_wait_ms),
        "relayproxy.session.coalesced_prompts": totals.coalesced_prompts,
        "relayproxy.session.speculative": totals.speculative,
        "relayproxy.session.stale_chunks": totals.stale_chunks,
        "relayproxy.session.stale_chars": totals.stale_chars,
        "relayproxy.session.stalls": totals.stalls,
        "relayproxy.session.agent_chars": totals.sent_chars,
        "relayproxy.session.unheard_chars": totals.unheard_chars,
        "relayproxy.session.speaking_rate": totals.speaking_rate,
        "relayproxy.session.greeting_latency": _seconds(totals.greeting_latency_ms),
        "relayproxy.session.backend_connect": _seconds(totals.backend_connect_ms),
        "relayproxy.session.handoff_latency": _seconds(totals.handoff_latency_ms),
        "relayproxy.session.teardown": _seconds(totals.teardown_ms),
        "relayproxy.session.clipped": totals.clipped_chars,
        "relayproxy.interruption.rate": totals.interruption_rate,
        "relayproxy.protocol.violations": totals.violations,
        "relayproxy.protocol.consecutive_malformed": totals.consecutive_violations,
    }
    for kind, count in totals.interruptions.items():
        attributes[f"relayproxy.interruption.count.{kind}"] = count
    for who, silence in totals.silence.items():
        name = f"relayproxy.silence.dead_air.{who}"
        attributes[f"{name}.total"] = _seconds(silence.total_ms)
        attributes[f"{name}.longest"] = _seconds(silence.longest_ms)
        attributes[f"{name}.episodes"] = silence.episodes
        attributes[f"{name}.estimated"] = silence.estimated
    severities = Counter[str]()
    for code, count in totals.findings.items():
        severities[severity(code)] += count
        attributes[f"relayproxy.finding.{code}"] = count
    for level in ("error", "warning", "info"):
        attributes[f"relayproxy.session.findings.{level}"] = severities[level]
    return attributes


def _spreads(totals: Totals) -> dict[str, AttributeValue | None]:
    """Percentiles, each with how many it is of and how many are not in it."""
    spreads = {
        "relayproxy.session.response_latency": totals.response_latency,
        "relayproxy.session.backend_latency": totals.backend_latency,
        "relayproxy.session.user_bot_latency": totals.user_bot_latency,
        "relayproxy.session.time_to_first_sentence": totals.time_to_first_sentence,
        "relayproxy.message.overhead.in": totals.overhead_in,
        "relayproxy.message.overhead.out": totals.overhead_out,
    }
    attributes: dict[str, AttributeValue | None] = {}
    for name, spread in spreads.items():
        attributes[f"{name}.p50"] = _seconds(spread.p50_ms)
        attributes[f"{name}.p95"] = _seconds(spread.p95_ms)
        attributes[f"{name}.max"] = _seconds(spread.max_ms)
        attributes[f"{name}.n"] = spread.n
        for why, count in spread.excluded.items():
            attributes[f"{name}.excluded.{why}"] = count
    return attributes


def _handoff(handoff: Handoff | None) -> dict[str, AttributeValue | None]:
    if handoff is None:
        return {"handoff.present": False}
    return {
        # What was not kept has a size all the same.
        "handoff.present": handoff.raw is not None or handoff.bytes > 0,
        "handoff.bytes": handoff.bytes,
        "handoff.json_valid": None if handoff.raw is None else handoff.json is not None,
        "handoff.reason_code": _code(handoff.reason_code),
    }


def _code(text: str | None) -> str | None:
    return text if text is not None and _CODE.fullmatch(text) else None


def _seconds(value: float | None, of: float = 1e3) -> float | None:
    return None if value is None else value / of


def _present(attributes: dict[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None}
