"""API documents of sessions as items of lists and of their call.

Knows: what every document of a session begins with. Times are RFC 3339 in UTC with microseconds, and `…_ns` where
exactness matters (wall nanoseconds since the epoch); durations are milliseconds.
Must not know: HTTP; pages.
"""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from relayproxy.connection import Side, SignatureState
from relayproxy.console.calls.documents.codes import OutcomeCode, TransitionCode
from relayproxy.console.calls.documents.totals_documents import ListedTotalsDocument, listed_totals
from relayproxy.console.http.documents import Document, End, Nanoseconds, Time, one_of, time_or_null
from relayproxy.console.http.times import rfc3339
from relayproxy.console.words import SIGNATURES
from relayproxy.conversation.measures.numbers import description
from relayproxy.conversation.model import Confidence, EndedBy
from relayproxy.conversation.words import CONFIDENCES
from relayproxy.store.schema.rows import ImportRow, SessionRow

MAX_CALL_SESSIONS = 50
_MS = 1_000_000
_objects = msgspec.json.Decoder(dict[str, Any])
_CONFIDENCE = "; ".join(f"`{code}`: {words.meaning}" for code, words in CONFIDENCES.items())
_SIGNATURES = ", ".join(f"`{state}` {words}" for state, words in SIGNATURES.items())

RecordingId = Annotated[str, Meta(description="The recording's own id.")]
SessionId = Annotated[str | None, Meta(description="Twilio's VX id; null when no setup message came.")]
Held = Annotated[
    tuple[Side, ...],
    Meta(
        description="The ends of whose words some are held back until it is known what of them must not be stored: "
        "`twilio` for the caller, `backend` for the agent."
    ),
]
StartedAt = Annotated[Time, Meta(description="When its first connection was opened.")]
EndedAt = Annotated[Time | None, Meta(description="When it was over; null while it is live.")]
SessionOutcome = Annotated[OutcomeCode | None, Meta(description="How it ended; null while it is live.")]
SessionTransition = Annotated[TransitionCode | None, Meta(description="The way that the Studio widget took.")]


class SessionFacts(Document, frozen=True):
    """What every document of a session begins with."""

    id: RecordingId
    session_id: SessionId
    call_sid: Annotated[str | None, Meta(description="Twilio's CA id.")]
    account_sid: Annotated[str | None, Meta(description="Twilio's AC id.")]
    route: Annotated[str, Meta(description="The relay's route.")]
    backend_version: Annotated[
        str | None,
        Meta(description="Version of the backend; null when nothing tells it (setting `version_from`)."),
    ]
    from_: Annotated[str | None, Meta(description="The calling number.")] = field(name="from")
    to: Annotated[str | None, Meta(description="The called number.")]
    direction: Annotated[str | None, Meta(description="inbound or outbound.")]
    custom_parameters: Annotated[
        dict[str, Any] | None,
        Meta(description="Custom parameters of the setup message; null where they cannot be read."),
    ]
    trace_id: Annotated[str, Meta(description="Trace that the backend was given in `traceparent`.")]
    live: bool
    started_at: StartedAt
    started_at_ns: Nanoseconds
    ended_at: EndedAt
    ended_at_ns: Nanoseconds | None
    content_deleted_at: Annotated[
        Time | None,
        Meta(description="When what was said was deleted, and with it numbers and parameters; null while it is kept."),
    ]
    content_deleted_at_ns: Nanoseconds | None
    duration_ms: Annotated[int | None, Meta(description=description("session", "duration_ms"))]
    outcome: SessionOutcome
    ended_by: Annotated[Annotated[str, one_of(EndedBy)] | None, Meta(description="Who ended it.")]
    end_reason: Annotated[str | None, Meta(description="How it ended, as a sentence.")]
    studio_transition: SessionTransition
    twilio_error_code: Annotated[int | None, Meta(description="The error that Twilio logs.")]
    confidence: Annotated[
        Annotated[str, one_of(Confidence)] | None,
        Meta(description=f"How sure outcome and Studio transition are. {_CONFIDENCE}."),
    ]
    signature: Annotated[
        Annotated[str, one_of(SignatureState)] | None,
        Meta(description=f"Twilio's signature of its first connection: {_SIGNATURES}. Null in older recordings."),
    ]


class ImportedDocument(Document, frozen=True):
    """How a session came that was not recorded here."""

    at: Annotated[Time, Meta(description="When its file was imported.")]
    at_ns: Nanoseconds
    actor: Annotated[str, Meta(description="Who brought it; `cli:` begins those of the command line.")]
    produced_by: Annotated[str, Meta(description="Program and version that had written the file.")]


ImportedOrNull = Annotated[
    ImportedDocument | None, Meta(description="Set of a session that came as a file; null of a call of this relay.")
]


class ListedHandoffDocument(Document, frozen=True):
    """What `end` handed over, in short."""

    reason_code: str | None


class SessionItemDocument(SessionFacts, frozen=True):
    """A session as one of its call."""

    handoff: Annotated[ListedHandoffDocument | None, Meta(description="What `end` handed over; null without.")]
    totals: ListedTotalsDocument


class CallDocument(Document, frozen=True):
    """A call: its first sessions, first first."""

    call_sid: str
    items: tuple[SessionItemDocument, ...]
    next: End
    complete: Annotated[
        bool, Meta(description=f"False when the call has more sessions than these, its first {MAX_CALL_SESSIONS}.")
    ]


def imported_document(found: ImportRow | None) -> ImportedDocument | None:
    """How a session came; None of one that was recorded here."""
    if found is None:
        return None
    return ImportedDocument(at=rfc3339(found.at), at_ns=found.at, actor=found.actor, produced_by=found.produced_by)


def session_facts(row: SessionRow) -> dict[str, Any]:
    """The fields of `SessionFacts`."""
    return {
        "id": row.id,
        "session_id": row.session_id,
        "call_sid": row.call_sid,
        "account_sid": row.account_sid,
        "route": row.route,
        "backend_version": row.backend_version,
        "from_": row.from_number,
        "to": row.to_number,
        "direction": row.direction,
        "custom_parameters": _object(row.custom_parameters),
        "trace_id": row.trace_id,
        "live": row.ended_at is None,
        "started_at": rfc3339(row.started_at),
        "started_at_ns": row.started_at,
        "ended_at": time_or_null(row.ended_at),
        "ended_at_ns": row.ended_at,
        "content_deleted_at": time_or_null(row.content_deleted_at),
        "content_deleted_at_ns": row.content_deleted_at,
        "duration_ms": None if row.ended_at is None else (row.ended_at - row.started_at) // _MS,
        "outcome": row.outcome,
        "ended_by": row.ended_by,
        "end_reason": row.end_reason,
        "studio_transition": row.studio_transition,
        "twilio_error_code": row.twilio_error_code,
        "confidence": row.confidence,
        "signature": row.signature,
    }


def item_fields(row: SessionRow) -> dict[str, Any]:
    """The fields of `SessionItemDocument`."""
    return {
        **session_facts(row),
        "handoff": None if row.handoff is None else ListedHandoffDocument(reason_code=_reason(row)),
        "totals": listed_totals(row),
    }


def _reason(row: SessionRow) -> str | None:
    handoff = _object(row.handoff or "")
    if handoff is None:
        return row.handoff_reason or None
    reason = handoff.get("reason_code")
    return reason if isinstance(reason, str) else None


def _object(stored: str) -> dict[str, Any] | None:
    """None where it cannot be read."""
    try:
        return _objects.decode(stored)
    except msgspec.DecodeError:
        return None


def call_document(call_sid: str, rows: Iterable[SessionRow], *, complete: bool) -> CallDocument:
    """A call with its first sessions. There are no further pages; not `complete`: it has more."""
    items = tuple(SessionItemDocument(**item_fields(row)) for row in rows)
    return CallDocument(call_sid=call_sid, items=items, next=None, complete=complete)
