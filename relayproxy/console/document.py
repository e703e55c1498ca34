"""The JSON twins: sessions, turns and messages as plain values.

Knows: every field name of the API. Times are RFC 3339 UTC with microseconds, and `…_ns` where exactness matters
(wall nanoseconds since the epoch); durations are milliseconds.
Must not know: HTTP; pages.
"""

import base64
from typing import Any

import msgspec

from relayproxy.connection import Opening
from relayproxy.console.messages import write_cursor
from relayproxy.console.preview import kind_of
from relayproxy.console.reading import Connection, Session
from relayproxy.console.times import rfc3339
from relayproxy.conversation.model import Handoff, Interruption, Turn
from relayproxy.store.queries import PlacedMessage
from relayproxy.store.rows import SessionRow

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
        "from": row.from_number,
        "to": row.to_number,
        "direction": row.direction,
        "custom_parameters": msgspec.json.decode(row.custom_parameters),
        "trace_id": row.trace_id,
        "live": row.ended_at is None,
        **_time("started_at", row.started_at),
        **_time("ended_at", row.ended_at),
        "duration_ms": None if row.ended_at is None else (row.ended_at - row.started_at) // _MS,
        "outcome": row.outcome,
        "ended_by": row.ended_by,
        "end_reason": row.end_reason,
        "studio_transition": row.studio_transition,
        "twilio_error_code": row.twilio_error_code,
        "handoff": {"reason_code": handoff.get("reason_code")} if isinstance(handoff, dict) else None,
        "totals": _totals(row),
    }


def session_document(session: Session) -> dict[str, Any]:
    """Everything about one session but its messages."""
    conversation = session.conversation
    return {
        **session_item(session.row),
        "caller_name": conversation.caller_name,
        "setup": conversation.setup,
        "handoff": _handoff(conversation.handoff),
        "connections": [_connection(connection) for connection in session.connections],
        "turns": [_turn(turn) for turn in session.turns],
        "totals": {
            **_totals(session.row),
            "gap_bytes": conversation.gap_bytes,
            "unanswered": sum(turn.unanswered for turn in session.turns),
        },
        "revision": session.row.revision,
    }


def message_item(placed: PlacedMessage) -> dict[str, Any]:
    """One recorded message. `t_ms` counts from its connection's opening; `out_ms` is when it had been passed on."""
    message = placed.message
    return {
        "connection": placed.connection,
        "connection_index": placed.index,
        "seq": message.seq,
        "cursor": write_cursor((placed.index, message.seq)),
        "t_ms": message.t / _MS,
        **_time("at", placed.opened_at + message.t),
        "out_ms": None if message.out is None else message.out / _MS,
        "from": message.sender,
        "kind": message.kind,
        "type": kind_of(message),
        "text": message.text,
        "data": None if message.data is None else base64.b64encode(message.data).decode(),
        "size": message.size,
        "cut": message.cut,
        "sha256": message.sha256,
        "frames": message.frames,
        "compressed": message.compressed,
        "code": message.code,
        "reason": message.reason,
        "note": message.note,
    }


def _time(name: str, ns: int | None) -> dict[str, Any]:
    return {name: None if ns is None else rfc3339(ns), f"{name}_ns": ns}


def _totals(row: SessionRow) -> dict[str, Any]:
    return {
        "turns": row.turns,
        "interruptions": row.interruptions,
        "messages": row.messages,
        "gaps": row.gaps,
        "response_latency_ms": {"p50": row.response_p50_ms, "p95": row.response_p95_ms, "n": row.response_n},
    }


def _handoff(handoff: Handoff | None) -> dict[str, Any] | None:
    if handoff is None:
        return None
    return {
        **_time("at", handoff.at),
        "raw": handoff.raw,
        "json": handoff.json,
        "is_string": handoff.is_string,
        "bytes": handoff.bytes,
        "reason_code": handoff.reason_code,
    }


def _connection(connection: Connection) -> dict[str, Any]:
    row, opening, ending = connection.row, connection.opening, connection.ending
    return {
        "id": row.id,
        "index": connection.index,
        **_time("opened_at", row.opened_at),
        **_time("ended_at", row.ended_at),
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
        "trace_id": opening.trace_id,
        "span_id": opening.span_id,
        "parent_span_id": opening.parent_span_id,
        "request_headers": opening.request_headers,
        "response_headers": opening.response_headers,
    }


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "number": turn.number,
        "opened_by": turn.opened_by,
        **_time("started_at", turn.started_at),
        **_time("ended_at", turn.ended_at),
        "caller_text": turn.caller_text,
        **_time("caller_at", turn.caller_at),
        "agent_text": turn.agent_text,
        **_time("agent_at", turn.agent_at),
        **_time("agent_done_at", turn.agent_done_at),
        "greeting": turn.greeting,
        "dtmf": turn.dtmf,
        "sent_digits": turn.sent_digits,
        "media": turn.media,
        "lang": turn.lang,
        "response_latency_ms": turn.response_latency_ms,
        "null_reason": turn.null_reason,
        "coalesced_prompts": turn.coalesced_prompts,
        "unanswered": turn.unanswered,
        "interrupted": turn.interrupted,
        "interruptions": [_interruption(interruption) for interruption in turn.interruptions],
    }


def _interruption(interruption: Interruption) -> dict[str, Any]:
    return {
        **_time("at", interruption.at),
        "kind": interruption.kind,
        "heard_text": interruption.heard_text,
        "heard_ms": interruption.heard_ms,
        "stale_chunks": interruption.stale_chunks,
        "stale_chars": interruption.stale_chars,
        "attribution": interruption.attribution,
    }
