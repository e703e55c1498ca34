"""API documents of one session: everything but its messages, as an answer and as a file; its turns.

Knows: every field of these, beside what every document of a session begins with.
Must not know: HTTP; pages.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from msgspec import Meta

from relayproxy.connection import Dial, Ending, SideEnd, SignatureCheck, SignatureState
from relayproxy.console.calls.documents.documents import (
    EndedAt,
    Held,
    ImportedOrNull,
    RecordingId,
    SessionFacts,
    SessionId,
    SessionOutcome,
    SessionTransition,
    StartedAt,
    imported_document,
    session_facts,
)
from relayproxy.console.calls.documents.totals_documents import TotalsDocument, totals_document
from relayproxy.console.calls.documents.turn_documents import (
    FindingDocument,
    TurnDocument,
    finding_document,
    turn_document,
)
from relayproxy.console.calls.findings import FindingView, views
from relayproxy.console.calls.reading import StoredConnection, StoredSession, TurnPage
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, time_or_null
from relayproxy.console.http.times import rfc3339
from relayproxy.conversation.checks.handoff import studio_path
from relayproxy.conversation.model import Handoff, Tier, Turn, Waiting
from relayproxy.store.schema.rows import SessionRow

_MS = 1_000_000
Headers = Annotated[tuple[tuple[str, str], ...], Meta(description="Name and value, in order; secrets are masked.")]


class HandoffDocument(Document, frozen=True):
    """What the backend handed over with `end`."""

    at: Annotated[Time, Meta(description="When `end` arrived.")]
    at_ns: Nanoseconds
    raw: Annotated[str | None, Meta(description="handoffData as text; null when there was none or it was too long.")]
    json: Annotated[Any, Meta(description="The same parsed; null when it is not JSON.")]
    is_string: Annotated[bool, Meta(description="It was sent as a string, which is what Twilio documents.")]
    bytes: Annotated[Count, Meta(description="Its length.")]
    reason_code: Annotated[str | None, Meta(description="Its `reasonCode`.")]
    studio_path: Annotated[str, Meta(description="How a Studio flow reads it.")]


class DialDocument(Document, frozen=True):
    """What the time until the backend's answer went into."""

    dns_ms: float | None
    connect_ms: float | None
    upgrade_ms: float | None


class ConnectionEndingDocument(Document, frozen=True):
    """How the two TCP streams of a connection ended."""

    t_ms: Annotated[float, Meta(description="Since its opening.")]
    first: Annotated[Literal["twilio", "backend", "proxy"] | None, Meta(description="Whose stream finished first.")]
    twilio: Annotated[SideEnd | None, Meta(description="How Twilio's stream finished.")]
    backend: Annotated[SideEnd | None, Meta(description="How the backend's stream finished.")]
    twilio_bytes: Annotated[Count, Meta(description="Received from Twilio.")]
    backend_bytes: Annotated[Count, Meta(description="Received from the backend.")]
    cause: Annotated[str | None, Meta(description="Why the proxy ended it, when it did.")]
    twilio_t_ms: Annotated[float | None, Meta(description="When Twilio's stream was finished, since its opening.")]
    backend_t_ms: Annotated[float | None, Meta(description="When the backend's was.")]


class SignatureDocument(Document, frozen=True):
    """Twilio's signature of a connection, and what was found when it was checked."""

    state: SignatureState
    url: Annotated[str | None, Meta(description="URL that it was checked for, the values of its query masked.")]
    form: Annotated[str | None, Meta(description="How that URL was written for signing, in words; of a valid one.")]
    key: Annotated[str | None, Meta(description="Reference of the key that it was made with; of a valid one.")]
    problem: Annotated[str | None, Meta(description="Why it is wrong, as far as that is known.")]
    signed_url: Annotated[str | None, Meta(description="URL that a wrong one is for, where that was found.")]


class ConnectionDocument(Document, frozen=True):
    """One WebSocket of a session."""

    id: str
    index: Annotated[Count, Meta(description="Its place in the session, from 0.")]
    opened_at: Annotated[Time, Meta(description="When the upgrade request had been read.")]
    opened_at_ns: Nanoseconds
    ended_at: Annotated[Time | None, Meta(description="When both streams were finished.")]
    ended_at_ns: Nanoseconds | None
    route: str
    backend: Annotated[str, Meta(description="URL that was dialled, the values of its query masked.")]
    target: Annotated[str, Meta(description="What was asked for, the values of its query masked.")]
    peer: Annotated[str, Meta(description="Address of the other end.")]
    status: Annotated[int | None, Meta(description="What Twilio was answered: 101 once the call is relayed.")]
    error: Annotated[str | None, Meta(description="Why there is no relayed connection.")]
    connect_ms: Annotated[float | None, Meta(description="Until the backend's answer had been read.")]
    dial: DialDocument | None
    trace_id: str
    span_id: Annotated[str, Meta(description="The parent id of the `traceparent` that the backend got.")]
    parent_span_id: Annotated[str | None, Meta(description="The caller's own span.")]
    request_headers: Headers
    response_headers: Headers
    signature: SignatureDocument
    messages: Annotated[Count, Meta(description="Recorded messages, control frames and gaps included.")]
    ending: ConnectionEndingDocument | None


class CallItemDocument(Document, frozen=True):
    """A session of a call, in short."""

    id: RecordingId
    session_id: SessionId
    started_at: StartedAt
    started_at_ns: Nanoseconds
    ended_at: EndedAt
    ended_at_ns: Nanoseconds | None
    outcome: SessionOutcome
    studio_transition: SessionTransition


class WaitingDocument(Document, frozen=True):
    """A caller who waits for an answer at this moment."""

    turn: Count
    since: Annotated[Time, Meta(description="From when on.")]
    since_ns: Nanoseconds
    waiting_ms: Annotated[Count, Meta(description="Up to now.")]


class WholeSession(SessionFacts, frozen=True):
    """Fields that an answer and a file have in common."""

    handoff: HandoffDocument | None
    totals: TotalsDocument
    recorded: Annotated[
        str, Meta(description="What is recorded of it: `full`, `redacted` (without secrets), `metadata` (no words).")
    ]
    redacted: Annotated[
        dict[str, Count],
        Meta(description="Secrets that were masked before anything was stored, by kind: `card_number`, `keys` …"),
    ]
    caller_name: str | None
    setup: Annotated[dict[str, Any], Meta(description="The whole setup message.")]
    tier: Annotated[Tier, Meta(description="B when speaker events and tokens-played were on, else A.")]
    waiting: WaitingDocument | None
    held: Held
    connections: Annotated[tuple[ConnectionDocument, ...], Meta(description="First opened first.")]
    call: Annotated[
        tuple[CallItemDocument, ...],
        Meta(description="The first sessions of the same call, this one among them."),
    ]
    claims: Annotated[
        tuple[CallItemDocument, ...],
        Meta(
            description="Other sessions that claim the same `session_id`. A connection joins a session only when "
            "account, call SID, numbers and the state of Twilio's signature agree, the earlier connection is gone "
            "and has been for an hour at most."
        ),
    ]
    imported: ImportedOrNull
    shadow_of: Annotated[
        RecordingId | None,
        Meta(
            description="The call that it is a shadow of: its backend is a second one, which nobody hears. Null where "
            "it is none, or the call is gone."
        ),
    ]
    shadows: Annotated[tuple[CallItemDocument, ...], Meta(description="The shadows of this call.")]
    faults: Annotated[tuple[str, ...], Meta(description="Faults that were injected into the call, in words.")]
    to_be_erased: Annotated[
        bool, Meta(description="An erasure that was ordered means it: all that is kept of it goes when it ends.")
    ]


Findings = Annotated[tuple[FindingDocument, ...], Meta(description="In order of time, at most 20 of one code.")]
Revision = Annotated[Count, Meta(description="Grows with every change.")]


class SessionDocument(WholeSession, frozen=True):
    """Everything about one session but its messages."""

    turns: Annotated[tuple[TurnDocument, ...], Meta(description="The first turns.")]
    turns_next: Annotated[str | None, Meta(description="Goes on at `/turns?after=`; null when these are all.")]
    unreadable_turns: Annotated[
        Count,
        Meta(description="Of the first turns, those whose stored form cannot be read; they are left out."),
    ]
    findings: Findings
    revision: Revision


class SessionFileDocument(WholeSession, frozen=True):
    """Everything about one session but its messages, with all of its turns."""

    findings: Findings
    revision: Revision
    turns: tuple[TurnDocument, ...]


class TurnsDocument(Document, frozen=True):
    """A part of the turns of a session."""

    items: tuple[TurnDocument, ...]
    next: Annotated[str | None, Meta(description="`after` of the next page; null once all have been given.")]
    unreadable: Annotated[
        Count, Meta(description="Turns of this page whose stored form cannot be read; they are left out.")
    ]


def session_document(session: StoredSession, findings: Iterable[FindingView], now: int) -> SessionDocument:
    """The session as of `now` (wall nanoseconds); its first turns, and from where `/turns` goes on."""
    return SessionDocument(
        **_whole(session, now),
        turns=tuple(turn_items(session, session.turns)),
        turns_next=_turns_next(session.last, session.row.turns),
        unreadable_turns=session.unreadable,
        findings=tuple(map(finding_document, findings)),
        revision=session.revision,
    )


def session_file(session: StoredSession, findings: Iterable[FindingView], now: int) -> SessionFileDocument:
    """The file of the session as of `now` (wall nanoseconds), without its turns."""
    return SessionFileDocument(
        **_whole(session, now),
        findings=tuple(map(finding_document, findings)),
        revision=session.revision,
        turns=(),
    )


def turns_document(session: StoredSession, page: TurnPage) -> TurnsDocument:
    """Some turns of the session, and the cursor of what follows."""
    return TurnsDocument(
        items=tuple(turn_items(session, page.turns)),
        next=_turns_next(page.last, session.row.turns),
        unreadable=page.unreadable,
    )


def turn_items(session: StoredSession, turns: Iterable[Turn]) -> Iterable[TurnDocument]:
    """Turns of the session, one by one."""
    return (turn_document(turn, views(session, turn.findings)) for turn in turns)


def _turns_next(last: int | None, total: int) -> str | None:
    return str(last) if last is not None and last + 1 < total else None


def _whole(session: StoredSession, now: int) -> dict[str, Any]:
    conversation, waiting = session.conversation, session.conversation.waiting
    return {
        **session_facts(session.row),
        "handoff": None if conversation.handoff is None else _handoff(conversation.handoff),
        "totals": totals_document(session.row, conversation),
        "recorded": conversation.record or "full",
        "redacted": conversation.totals.redacted,
        "caller_name": conversation.caller_name,
        "setup": conversation.setup,
        "tier": conversation.tier,
        "waiting": _waiting(waiting, now) if waiting is not None and session.live else None,
        "held": conversation.held if session.live else (),
        "connections": tuple(map(_connection, session.connections)),
        "call": tuple(map(_call_item, session.call)),
        "claims": tuple(map(_call_item, session.claims)),
        "imported": imported_document(session.imported),
        "shadow_of": session.call_of_shadow,
        "shadows": tuple(map(_call_item, session.shadows)),
        "faults": session.faults,
        "to_be_erased": session.to_be_erased,
    }


def _handoff(handoff: Handoff) -> HandoffDocument:
    return HandoffDocument(
        at=rfc3339(handoff.at),
        at_ns=handoff.at,
        raw=handoff.raw,
        json=handoff.json,
        is_string=handoff.is_string,
        bytes=handoff.bytes,
        reason_code=handoff.reason_code,
        studio_path=studio_path(),
    )


def _waiting(waiting: Waiting, now: int) -> WaitingDocument:
    return WaitingDocument(
        turn=waiting.turn,
        since=rfc3339(waiting.since),
        since_ns=waiting.since,
        waiting_ms=max(0, now - waiting.since) // _MS,
    )


def _call_item(row: SessionRow) -> CallItemDocument:
    return CallItemDocument(
        id=row.id,
        session_id=row.session_id,
        started_at=rfc3339(row.started_at),
        started_at_ns=row.started_at,
        ended_at=time_or_null(row.ended_at),
        ended_at_ns=row.ended_at,
        outcome=row.outcome,
        studio_transition=row.studio_transition,
    )


def _connection(connection: StoredConnection) -> ConnectionDocument:
    row, opening = connection.row, connection.opening
    return ConnectionDocument(
        id=row.id,
        index=connection.index,
        opened_at=rfc3339(row.opened_at),
        opened_at_ns=row.opened_at,
        ended_at=time_or_null(row.ended_at),
        ended_at_ns=row.ended_at,
        route=opening.route,
        backend=opening.backend,
        target=opening.target,
        peer=opening.peer,
        status=opening.status,
        error=opening.error,
        connect_ms=_ms(opening.connected_after),
        dial=None if opening.dial is None else _dial(opening.dial),
        trace_id=opening.trace_id,
        span_id=opening.span_id,
        parent_span_id=opening.parent_span_id,
        request_headers=opening.request_headers,
        response_headers=opening.response_headers,
        signature=_signature(connection),
        messages=row.next_seq,
        ending=None if connection.ending is None else _ending(connection.ending),
    )


def _signature(connection: StoredConnection) -> SignatureDocument:
    found = connection.opening.signature or SignatureCheck(connection.signature)
    return SignatureDocument(
        state=found.state,
        url=found.url,
        form=found.form,
        key=found.key,
        problem=found.problem,
        signed_url=found.signed_url,
    )


def _dial(dial: Dial) -> DialDocument:
    return DialDocument(dns_ms=_ms(dial.dns), connect_ms=_ms(dial.connect), upgrade_ms=_ms(dial.upgrade))


def _ending(ending: Ending) -> ConnectionEndingDocument:
    return ConnectionEndingDocument(
        t_ms=ending.t / _MS,
        first=ending.first,
        twilio=ending.twilio,
        backend=ending.backend,
        twilio_bytes=ending.twilio_bytes,
        backend_bytes=ending.backend_bytes,
        cause=ending.cause,
        twilio_t_ms=_ms(ending.twilio_t),
        backend_t_ms=_ms(ending.backend_t),
    )


def _ms(ns: int | None) -> float | None:
    return None if ns is None else ns / _MS
