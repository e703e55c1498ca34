"""API documents of turns, interruptions, findings and totals.

Knows: every field name of these. Durations are milliseconds; `budget` has its parts in nanoseconds, which sum exactly.
Must not know: HTTP; pages; rows.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from relayproxy.console.calls.findings import FindingView
from relayproxy.console.http.times import moment
from relayproxy.conversation.model import Conversation, Interruption, Played, Spoken, Turn
from relayproxy.conversation.totals import Spread, milliseconds


def _stretch(one: Played | Spoken) -> dict[str, Any]:
    return {**moment("started_at", one.start), **moment("ended_at", one.end), "estimated": one.estimated}


def turn_document(turn: Turn, findings: Iterable[FindingView]) -> dict[str, Any]:
    """One turn. A duration that is null has its reason in `null_reason` (response_latency_ms) or `null_reasons`."""
    budget = turn.budget
    interruptions = [_interruption(cut) for cut in turn.interruptions]
    return {
        "number": turn.number,
        "opened_by": turn.opened_by,
        "tier": turn.tier,
        **moment("started_at", turn.started_at),
        **moment("ended_at", turn.ended_at),
        "caller_text": turn.caller_text,
        **moment("caller_at", turn.caller_at),
        **moment("caller_begun_at", turn.caller_begun_at),
        **moment("caller_done_at", turn.caller_done_at),
        "caller_estimated": turn.caller_estimated,
        "agent_text": turn.agent_text,
        **moment("agent_at", turn.agent_at),
        **moment("agent_done_at", turn.agent_done_at),
        "heard_text": turn.heard_text,
        "unheard_text": turn.unheard_text,
        "heard_basis": turn.heard_basis,
        "played": [_stretch(one) for one in turn.played],
        "marks": [
            {**moment("at", mark.at), "kind": mark.kind, "text": mark.text, "spoken": [*map(_stretch, mark.spoken)]}
            for mark in turn.marks
        ],
        "greeting": turn.greeting,
        "dtmf": turn.dtmf,
        "sent_digits": turn.sent_digits,
        "media": turn.media,
        "languages": turn.languages,
        "lang": turn.lang,
        "response_latency_ms": turn.response_latency_ms,
        "null_reason": turn.null_reason,
        "longest_wait_ms": turn.longest_wait_ms,
        "attribution": turn.attribution,
        "input_delay_ms": milliseconds(budget.input_delay),
        "proxy_in_ms": milliseconds(budget.proxy_in),
        "backend_latency_ms": milliseconds(budget.backend),
        "proxy_out_ms": milliseconds(budget.proxy_out),
        "output_delay_ms": milliseconds(budget.output_delay),
        "user_bot_latency_ms": turn.user_bot_latency_ms,
        "budget": {
            "input_delay_ns": budget.input_delay,
            "proxy_in_ns": budget.proxy_in,
            "backend_ns": budget.backend,
            "proxy_out_ns": budget.proxy_out,
            "output_delay_ns": budget.output_delay,
            "response_latency_ns": budget.response_latency,
            "user_bot_latency_ns": budget.user_bot_latency,
        },
        "time_to_first_token_ms": turn.time_to_first_token_ms,
        "first_reaction_ms": turn.first_reaction_ms,
        "time_to_first_sentence_ms": turn.time_to_first_sentence_ms,
        "aggregation_delay_ms": turn.aggregation_delay_ms,
        "time_to_last_token_ms": turn.time_to_last_token_ms,
        "stream_duration_ms": turn.stream_duration_ms,
        "reply_complete_ms": turn.reply_complete_ms,
        "reply_complete_estimated": turn.reply_complete_estimated,
        "lead_time_ms": turn.lead_time_ms,
        "null_reasons": turn.null_reasons,
        "first_kind": turn.first_kind,
        "chunks": turn.chunks,
        "chunk_gaps": None if turn.chunk_gaps is None else msgspec.to_builtins(turn.chunk_gaps),
        "chunk_rate": turn.chunk_rate,
        "char_rate": turn.char_rate,
        "stalls": turn.stalls,
        "unterminated": turn.unterminated,
        "coalesced_prompts": turn.coalesced_prompts,
        "unanswered": turn.unanswered,
        "asked_again": turn.asked_again,
        "cut_off": turn.cut_off,
        "agent_over_caller": turn.agent_over_caller,
        "interrupted": turn.interrupted,
        "interruption": interruptions[0] if interruptions else None,
        "interruptions": interruptions,
        "findings": [finding_document(view) for view in findings],
    }


def finding_document(view: FindingView) -> dict[str, Any]:
    """One finding with the words of its code."""
    finding, entry = view.finding, view.entry
    return {
        "code": finding.code,
        "severity": entry.severity,
        "title": entry.title,
        "detail": finding.detail,
        "meaning": entry.meaning,
        "action": entry.action,
        **moment("at", finding.at),
        "turn": finding.turn,
        "message": None
        if view.cursor is None
        else {
            "connection": finding.connection,
            "connection_index": view.index,
            "seq": finding.seq,
            "cursor": view.cursor,
        },
        "twilio_code": finding.twilio_code,
    }


def totals_document(conversation: Conversation) -> dict[str, Any]:
    """The numbers of a session that its turns and messages add up to."""
    totals = conversation.totals
    return {
        "gap_bytes": conversation.gap_bytes,
        "responses": totals.responses,
        "interruptions_by_kind": totals.interruptions,
        "interrupted_responses": totals.interrupted_responses,
        "interruption_rate": totals.interruption_rate,
        "false_interruptions": totals.false_interruptions,
        "coalesced_prompts": totals.coalesced_prompts,
        "speculative": totals.speculative,
        "stale_chunks": totals.stale_chunks,
        "stale_chars": totals.stale_chars,
        "stalls": totals.stalls,
        "sent_chars": totals.sent_chars,
        "unheard_chars": totals.unheard_chars,
        "response_latency_ms": _spread(totals.response_latency),
        "backend_latency_ms": _spread(totals.backend_latency),
        "user_bot_latency_ms": _spread(totals.user_bot_latency),
        "time_to_first_sentence_ms": _spread(totals.time_to_first_sentence),
        "overhead_in_ms": _spread(totals.overhead_in),
        "overhead_out_ms": _spread(totals.overhead_out),
        "backend_connect_ms": totals.backend_connect_ms,
        "greeting_latency_ms": totals.greeting_latency_ms,
        "greeting_null_reason": totals.greeting_null_reason,
        "silence": {who: msgspec.to_builtins(silence) for who, silence in totals.silence.items()},
        "handoff_latency_ms": totals.handoff_latency_ms,
        "clipped_chars": totals.clipped_chars,
        "teardown_ms": totals.teardown_ms,
        "violations": totals.violations,
        "consecutive_violations": totals.consecutive_violations,
        "speaking_rate": totals.speaking_rate,
        "findings_by_code": totals.findings,
    }


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "p50": spread.p50_ms,
        "p95": spread.p95_ms,
        "max": spread.max_ms,
        "n": spread.n,
        "excluded": spread.excluded,
    }


def _interruption(cut: Interruption) -> dict[str, Any]:
    return {**msgspec.to_builtins(cut), **moment("at", cut.at)}
