"""API documents of sessions and calls.

Knows: every field name of the API. Times are RFC 3339 UTC with microseconds, and `…_ns` where exactness matters
(wall nanoseconds since the epoch); durations are milliseconds.
Must not know: HTTP; pages.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from relayproxy.connection import Opening
from relayproxy.console.calls.findings import FindingView, views
from relayproxy.console.calls.reading import StoredConnection, StoredSession
from relayproxy.console.calls.turn_documents import finding_document, totals_document, turn_document
from relayproxy.console.http.times import moment
from relayproxy.conversation.checks.handoff import studio_path
from relayproxy.conversation.model import Handoff
from relayproxy.store.schema.rows import SessionRow

_MS = 1_000_000


def session_item(row: SessionRow) -> dict[str, Any]:
    """A session as an item of the list."""
    handoff = msgspec.json.decode(row.handoff) if row.handoff else None
    return {
        "id": row.id,
        "session_id": row.session_id,
        "call_sid": row.call_sid,
        "account_sid": row.account_sid,
        "route": row.route,
        "backend_version": row.backend_version,
        "from": row.from_number,
        "to": row.to_number,
        "direction": row.direction,
        "custom_parameters": msgspec.json.decode(row.custom_parameters),
        "trace_id": row.trace_id,
        "live": row.ended_at is None,
        **moment("started_at", row.started_at),
        **moment("ended_at", row.ended_at),
        "duration_ms": None if row.ended_at is None else (row.ended_at - row.started_at) // _MS,
        "outcome": row.outcome,
        "ended_by": row.ended_by,
        "end_reason": row.end_reason,
        "studio_transition": row.studio_transition,
        "twilio_error_code": row.twilio_error_code,
        "confidence": row.confidence,
        "handoff": {"reason_code": handoff.get("reason_code")} if isinstance(handoff, dict) else None,
        "totals": _totals(row),
    }


def session_document(session: StoredSession, findings: Iterable[FindingView], now: int) -> dict[str, Any]:
    """Everything about one session but its messages, as of `now` (wall nanoseconds); its first turns, and from where
    `/turns` goes on."""
    conversation, waiting = session.conversation, session.conversation.waiting
    return {
        **session_item(session.row),
        "caller_name": conversation.caller_name,
        "setup": conversation.setup,
        "tier": conversation.tier,
        "handoff": _handoff(conversation.handoff),
        "waiting": None
        if waiting is None or not session.live
        else {"turn": waiting.turn, **moment("since", waiting.since), "waiting_ms": max(0, now - waiting.since) // _MS},
        "connections": [_connection(connection) for connection in session.connections],
        "call": [call_item(row) for row in session.call],
        "claims": [call_item(row) for row in session.claims],
        "turns": [turn_document(turn, views(session, turn.findings)) for turn in session.turns],
        "turns_next": turns_next(session.last, session.row.turns),
        "unreadable_turns": session.unreadable,
        "findings": [finding_document(view) for view in findings],
        "totals": totals_document(session.row, conversation),
        "revision": session.row.revision,
    }


def turns_next(last: int | None, total: int) -> str | None:
    """The cursor of what follows the last one of some turns, of so many in all; None when nothing does."""
    return str(last) if last is not None and last + 1 < total else None


def call_item(row: SessionRow) -> dict[str, Any]:
    """A session as one of its call."""
    return {
        "id": row.id,
        "session_id": row.session_id,
        **moment("started_at", row.started_at),
        **moment("ended_at", row.ended_at),
        "outcome": row.outcome,
        "studio_transition": row.studio_transition,
    }


def call_document(call_sid: str, rows: Iterable[SessionRow], *, complete: bool) -> dict[str, Any]:
    """A call: its first sessions, first first. There are no further pages; not `complete`: it has more."""
    return {"call_sid": call_sid, "items": [session_item(row) for row in rows], "next": None, "complete": complete}


def _totals(row: SessionRow) -> dict[str, Any]:
    return {
        "turns": row.turns,
        "interruptions": row.interruptions,
        "messages": row.messages,
        "gaps": row.gaps,
        "unanswered": row.unanswered,
        "asked_again": row.asked_again,
        "longest_wait_ms": row.longest_wait_ms,
        "findings": {"error": row.errors, "warning": row.warnings},
        "response_latency_ms": {"p50": row.response_p50_ms, "p95": row.response_p95_ms, "n": row.response_n},
    }


def _handoff(handoff: Handoff | None) -> dict[str, Any] | None:
    if handoff is None:
        return None
    return {
        **moment("at", handoff.at),
        "raw": handoff.raw,
        "json": handoff.json,
        "is_string": handoff.is_string,
        "bytes": handoff.bytes,
        "reason_code": handoff.reason_code,
        "studio_path": studio_path(),
    }


def _connection(connection: StoredConnection) -> dict[str, Any]:
    row, opening, ending = connection.row, connection.opening, connection.ending
    return {
        "id": row.id,
        "index": connection.index,
        **moment("opened_at", row.opened_at),
        **moment("ended_at", row.ended_at),
        **_opening(opening),
        "messages": row.next_seq,
        "ending": None
        if ending is None
        else {
            "t_ms": ending.t / _MS,
            "first": ending.first,
            "twilio": ending.twilio,
            "backend": ending.backend,
            "twilio_bytes": ending.twilio_bytes,
            "backend_bytes": ending.backend_bytes,
            "cause": ending.cause,
            "twilio_t_ms": None if ending.twilio_t is None else ending.twilio_t / _MS,
            "backend_t_ms": None if ending.backend_t is None else ending.backend_t / _MS,
        },
    }


def _opening(opening: Opening) -> dict[str, Any]:
    return {
        "route": opening.route,
        "backend": opening.backend,
        "target": opening.target,
        "peer": opening.peer,
        "status": opening.status,
        "error": opening.error,
        "connect_ms": None if opening.connected_after is None else opening.connected_after / _MS,
        "dial": None
        if opening.dial is None
        else {
            f"{name}_ms": None if part is None else part / _MS
            for name, part in (
                ("dns", opening.dial.dns),
                ("connect", opening.dial.connect),
                ("upgrade", opening.dial.upgrade),
            )
        },
        "trace_id": opening.trace_id,
        "span_id": opening.span_id,
        "parent_span_id": opening.parent_span_id,
        "request_headers": opening.request_headers,
        "response_headers": opening.response_headers,
    }
