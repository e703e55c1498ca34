"""Row values: what is written to and read from the tables.

Knows: one frozen class for each table, and the batch that is committed at once.
Must not know: SQL, or how values were derived.
"""

from dataclasses import dataclass
from typing import Literal

Treatment = Literal["shadow", "faults"]
"""Why a session is no ordinary call: its backend is a second one that nobody hears, or faults were injected."""
JoinedBy = Literal["trace", "id", "guess"]
"""What a backend's span belongs to its session by: the trace that the backend got in its handshake; an id of the call
that the span, its resource or another span of its trace names; or its route and time alone."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    id: str
    session_id: str | None
    call_sid: str | None
    account_sid: str | None
    route: str
    from_number: str | None
    to_number: str | None
    direction: str | None
    custom_parameters: str
    trace_id: str
    started_at: int
    ended_at: int | None
    outcome: str | None
    ended_by: str | None
    end_reason: str | None
    studio_transition: str | None
    twilio_error_code: int | None
    handoff: str | None
    turns: int
    interruptions: int
    messages: int
    gaps: int
    unanswered: int
    asked_again: int
    errors: int
    warnings: int
    confidence: str | None
    responses: int
    interrupted_responses: int
    false_interruptions: int
    stale_chunks: int
    unheard_chars: int
    sent_chars: int
    response_max_ms: int | None
    longest_wait_ms: int | None
    handoff_reason: str | None
    backend: str
    backend_version: str | None
    strip: str
    response_p50_ms: int | None
    response_p95_ms: int | None
    response_n: int
    detail: str
    signature: str | None = None
    """A `connection.SignatureState`; None where an earlier version stored it."""
    revision: int = 0
    """Set by the archive: 1 on insert, one more at each update. What a writer puts here is ignored."""
    content_deleted_at: int | None = None
    """Set when retention deletes what was said, and null again should the session be written anew."""


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    id: str
    session: str
    journal: str
    number: int
    opened_at: int
    opened_mono: int
    ended_at: int | None
    opening: str
    ending: str | None
    next_seq: int
    resume: str | None
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class TurnRow:
    session: str
    number: int
    opened_by: str
    started_at: int
    ended_at: int | None
    caller_text: str
    agent_text: str
    response_latency_ms: int | None
    backend_latency_ms: int | None
    user_bot_latency_ms: int | None
    longest_wait_ms: int | None
    null_reason: str | None
    interrupted: bool
    unanswered: bool
    detail: str


@dataclass(frozen=True, slots=True)
class SessionLabels:
    """All labels of a session that are derived; those that people gave stay as they are."""

    session: str
    started_at: int
    labels: tuple[tuple[str, str], ...]
    """(name, value), each once."""


@dataclass(frozen=True, slots=True)
class ChunkRow:
    connection: str
    first_seq: int
    n: int
    lines: bytes


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A part of a connection's recording that came as a file. `lines` is packed."""

    connection: str
    part: int
    first_seq: int
    n: int
    lines: bytes


@dataclass(frozen=True, slots=True)
class ImportRow:
    """When a session came as a file, who brought it, and the program and version that had written the file."""

    session: str
    at: int
    actor: str
    produced_by: str


@dataclass(frozen=True, slots=True)
class TreatmentRow:
    """What sets a session apart from ordinary calls. `shadow_of` is the id of the connection that it is a shadow of."""

    session: str
    kind: Treatment
    shadow_of: str | None = None


@dataclass(frozen=True, slots=True)
class JournalRow:
    """The committed position of a journal: everything before `offset` of `segment`."""

    id: str
    segment: int
    offset: int


@dataclass(frozen=True, slots=True)
class JournalGapRow:
    """`size` bytes of a journal, 0 for files that are gone, that could not be read: whose calls they hold is not
    known. They came between `since` and `until` (wall nanoseconds). `cause`: see `journal.reader.Damage`."""

    journal: str
    segment: int
    offset: int
    size: int
    cause: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class BackendSpanRow:
    trace_id: str
    span_id: str
    session: str
    joined_by: str
    parent_span_id: str | None
    started_at: int
    ended_at: int
    kind: str
    status: str
    left_out: int
    service: str
    scope: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class BackendSpanCountsRow:
    session: str
    spans: int = 0
    received_frames: int = 0
    sent_frames: int = 0
    dropped: int = 0
    limited: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows that one commit writes, all or nothing. Sessions, connections, turns, journals and their
    gaps replace what was there."""

    journals: tuple[JournalRow, ...] = ()
    sessions: tuple[SessionRow, ...] = ()
    connections: tuple[ConnectionRow, ...] = ()
    turns: tuple[TurnRow, ...] = ()
    turn_counts: tuple[tuple[str, int], ...] = ()
    """(session, n): the session has exactly the turns 0 … n-1; turns from n on are removed (a fold may
    take a provisional turn back)."""
    newly_named: tuple[str, ...] = ()
    """Sessions that have just told a VX id that no other session had."""
    labels: tuple[SessionLabels, ...] = ()
    """Of sessions whose derived labels are to be replaced."""
    treatments: tuple[TreatmentRow, ...] = ()
    chunks: tuple[ChunkRow, ...] = ()
    recordings: tuple[RecordingRow, ...] = ()
    """Of connections that were never chunks here."""
    imports: tuple[ImportRow, ...] = ()
    finished: tuple[str, ...] = ()
    """Connections whose chunks become one recording in this commit."""
    dropped_sessions: tuple[str, ...] = ()
    """Provisional sessions whose connection turned out to belong to another one: the row and its turns go."""
    dropped_connections: tuple[str, ...] = ()
    """Connections of which nothing is kept: the row, its chunks and recordings go."""
    dropped_journals: tuple[str, ...] = ()
    """Journals that are read to their end and whose files are going away."""
    journal_gaps: tuple[JournalGapRow, ...] = ()
