"""Rows for tests: what matters is given, the rest is filled in."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from relayproxy.conversation.backend_span import BackendSpan, SpanDetail
from relayproxy.conversation.message import Message, write_lines
from relayproxy.store.schema.rows import ChunkRow, ConnectionRow, SessionLabels, SessionRow, TurnRow

NOON = 1_800_000_000_000_000_000


def session(id: str, **known: Any) -> SessionRow:
    row = SessionRow(
        id=id,
        session_id=f"VX-{id}",
        call_sid=f"CA-{id}",
        account_sid="AC1",
        route="default",
        from_number="+15550100001",
        to_number="+15550100002",
        direction="inbound",
        custom_parameters="{}",
        trace_id="ab" * 16,
        started_at=NOON,
        ended_at=None,
        outcome=None,
        ended_by=None,
        end_reason=None,
        studio_transition=None,
        twilio_error_code=None,
        handoff=None,
        turns=0,
        interruptions=0,
        messages=0,
        gaps=0,
        unanswered=0,
        asked_again=0,
        errors=0,
        warnings=0,
        confidence=None,
        responses=0,
        interrupted_responses=0,
        false_interruptions=0,
        stale_chunks=0,
        unheard_chars=0,
        sent_chars=0,
        response_max_ms=None,
        longest_wait_ms=None,
        handoff_reason=None,
        backend="wss://agent.example.com/ws",
        backend_version=None,
        strip="",
        response_p50_ms=None,
        response_p95_ms=None,
        response_n=0,
        detail="{}",
    )
    return replace(row, **known)


def connection(id: str, **known: Any) -> ConnectionRow:
    row = ConnectionRow(
        id=id,
        session=id,
        journal="j1",
        number=1,
        opened_at=NOON,
        opened_mono=1,
        ended_at=None,
        opening="{}",
        ending=None,
        next_seq=0,
        resume=None,
    )
    return replace(row, **known)


def span(number: int, **known: Any) -> BackendSpan:
    """The span with that id, in a trace of its own unless told otherwise, of a model call of half a second."""
    made = BackendSpan(
        trace_id=f"{number:032x}",
        span_id=f"{number:016x}",
        parent_span_id=None,
        name="chat gpt",
        kind="client",
        started_at=NOON + number,
        ended_at=NOON + number + 500_000_000,
        service="agent",
        detail=SpanDetail(attributes={"gen_ai.request.model": "gpt"}),
    )
    return structs.replace(made, **known)


def turn(session: str, number: int, **known: Any) -> TurnRow:
    row = TurnRow(
        session=session,
        number=number,
        opened_by="prompt",
        started_at=NOON,
        ended_at=None,
        caller_text="a table for two",
        agent_text="Sure, for when?",
        response_latency_ms=750,
        backend_latency_ms=740,
        user_bot_latency_ms=None,
        longest_wait_ms=None,
        null_reason=None,
        interrupted=False,
        unanswered=False,
        detail="{}",
    )
    return replace(row, **known)


def message(seq: int, text: str = "hello") -> Message:
    return Message(seq, seq * 1_000_000, "twilio" if seq % 2 else "backend", "text", text=text, size=len(text))


def said(first: int, n: int, text: str = "hello") -> list[Message]:
    return [message(seq, text) for seq in range(first, first + n)]


def chunk(connection: str, messages: Sequence[Message]) -> ChunkRow:
    return ChunkRow(connection, messages[0].seq, len(messages), write_lines(messages))


def labels(session: str, *labels: tuple[str, str], started_at: int = NOON) -> SessionLabels:
    return SessionLabels(session, started_at, labels)
