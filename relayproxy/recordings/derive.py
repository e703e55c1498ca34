"""Derivation: rows of the store from a conversation, and a turn from its row.

Knows: which derived value goes into which column; that a turn's texts, which are searched, are not also in its detail.
Must not know: SQL, or how the conversation was derived.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec

from relayproxy.connection import Opening, is_treated, signature_state
from relayproxy.conversation.checks.findings import severity
from relayproxy.conversation.fold.protocol_monitor import PARAMETERS
from relayproxy.conversation.model import Conversation, StoredTurn, Turn
from relayproxy.conversation.totals import milliseconds
from relayproxy.store.read.filters.criteria import LABEL_TEXT, PARAM
from relayproxy.store.schema.rows import SessionLabels, SessionRow, TreatmentRow, TurnRow
from relayproxy.text import storable

_turn = msgspec.json.Decoder(Turn)

MAX_LABELS = 100
"""Labels of one session."""


def to_json(value: object) -> str:
    """The value as JSON. What JSON or UTF-8 cannot hold is kept as text, as near as possible."""
    try:
        return msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, OverflowError):
        return msgspec.json.encode(_plain(msgspec.to_builtins(value, str_keys=True))).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {storable(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def session_row(session: str, opening: Opening, conversation: Conversation, version: str | None = None) -> SessionRow:
    """The session's row. `opening` is that of its first connection, `version` the backend's."""
    totals = conversation.totals
    latency = totals.response_latency
    severities = Counter[str]()
    for code, count in totals.findings.items():
        severities[severity(code)] += count
    return SessionRow(
        id=session,
        session_id=storable(conversation.session_id),
        call_sid=storable(conversation.call_sid),
        account_sid=storable(conversation.account_sid),
        route=storable(opening.route),
        from_number=storable(conversation.from_number),
        to_number=storable(conversation.to_number),
        direction=storable(conversation.direction),
        custom_parameters=to_json(conversation.custom_parameters),
        trace_id=storable(opening.trace_id),
        started_at=conversation.started_at,
        ended_at=conversation.ended_at,
        outcome=conversation.outcome,
        ended_by=conversation.ended_by,
        end_reason=storable(conversation.end_reason),
        studio_transition=conversation.studio_transition,
        twilio_error_code=_number(conversation.twilio_error_code),
        handoff=None if conversation.handoff is None else to_json(conversation.handoff),
        turns=totals.turns,
        interruptions=totals.interruption_count,
        messages=conversation.messages,
        gaps=conversation.gaps,
        unanswered=totals.unanswered,
        asked_again=totals.asked_again,
        errors=severities["error"],
        warnings=severities["warning"],
        confidence=conversation.confidence,
        responses=totals.responses,
        interrupted_responses=totals.interrupted_responses,
        false_interruptions=totals.false_interruptions,
        stale_chunks=totals.stale_chunks,
        unheard_chars=totals.unheard_chars,
        sent_chars=totals.sent_chars,
        response_max_ms=_milliseconds(latency.max_ms),
        longest_wait_ms=_number(totals.longest_wait_ms),
        handoff_reason=storable(conversation.handoff.reason_code or "") if conversation.handoff else None,
        backend=storable(opening.backend.partition("?")[0]),
        backend_version=storable(version),
        strip=conversation.strip,
        response_p50_ms=_milliseconds(latency.p50_ms),
        response_p95_ms=_milliseconds(latency.p95_ms),
        response_n=latency.n,
        signature=signature_state(opening),
        detail=to_json(msgspec.structs.replace(conversation, turns=(), strip="")),
    )


def treatment_rows(openings: Iterable[tuple[str, Opening]]) -> tuple[TreatmentRow, ...]:
    """The rows of sessions that are no ordinary calls; each opening comes with its session."""
    rows = {
        session: TreatmentRow(session, "faults" if opening.shadow_of is None else "shadow", opening.shadow_of)
        for session, opening in openings
        if is_treated(opening)
    }
    return tuple(rows.values())


def turn_row(session: str, turn: Turn) -> TurnRow:
    caller_text, agent_text = storable(turn.caller_text), storable(turn.agent_text)
    heard_agent = _heard_all(turn) and turn.heard_text == agent_text
    rest = msgspec.structs.replace(
        turn,
        caller_text="" if turn.caller_text == caller_text else turn.caller_text,
        agent_text="" if turn.agent_text == agent_text else turn.agent_text,
        heard_text="" if heard_agent else turn.heard_text,
    )
    return TurnRow(
        session=session,
        number=turn.number,
        opened_by=turn.opened_by,
        started_at=turn.started_at,
        ended_at=turn.ended_at,
        caller_text=caller_text,
        agent_text=agent_text,
        response_latency_ms=_number(turn.response_latency_ms),
        backend_latency_ms=_number(milliseconds(turn.budget.backend)),
        user_bot_latency_ms=_number(turn.user_bot_latency_ms),
        longest_wait_ms=_number(turn.longest_wait_ms),
        null_reason=turn.null_reason,
        interrupted=turn.interrupted,
        unanswered=turn.unanswered,
        detail=to_json(StoredTurn.of(rest)),
    )


def turn_of(row: TurnRow) -> Turn:
    """The turn that `turn_row` made the row of. Raises `msgspec.DecodeError` where it cannot be read."""
    turn = _turn.decode(row.detail)
    return msgspec.structs.replace(
        turn,
        caller_text=turn.caller_text or row.caller_text,
        agent_text=turn.agent_text or row.agent_text,
        heard_text=turn.heard_text or (row.agent_text if _heard_all(turn) else ""),
    )


def _heard_all(turn: Turn) -> bool:
    return turn.heard_basis == "all" and not turn.unheard_text


def session_labels(session: str, conversation: Conversation, langs: Iterable[str]) -> SessionLabels:
    """The labels that a session is found by besides its columns; `langs` are those that the caller's prompts were
    in."""
    found = [(f"{PARAM}{_short(name)}", _short(_plain_text(text))) for name, text in _parameters(conversation)]
    found += [("finding", _short(code)) for code in conversation.totals.findings]
    found += [("redacted", kind) for kind in conversation.totals.redacted]
    found += [("lang", _short(lang)) for lang in langs]
    labels = tuple(dict.fromkeys((name, text) for name, text in found if text))[:MAX_LABELS]
    return SessionLabels(session, conversation.started_at, labels)


def _parameters(conversation: Conversation) -> Iterable[tuple[str, Any]]:
    return islice(conversation.custom_parameters.items(), PARAMETERS)


def _plain_text(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value)


def _short(text: str) -> str:
    return storable(text)[:LABEL_TEXT].strip()


def _milliseconds(value: float | None) -> int | None:
    return None if value is None else _number(round(value))


def _number(value: int | None) -> int | None:
    """The value as a 32-bit integer column holds it; None when it does not fit."""
    return value if value is not None and -(2**31) <= value < 2**31 else None
