"""API documents of health.

Knows: every field of these.
Must not know: HTTP; pages; what is healthy.
"""

from typing import Annotated

from msgspec import Meta
from msgspec.structs import asdict

from relayproxy.console.access.audit_log import AuditState
from relayproxy.console.health.diagnosis import refusals
from relayproxy.console.health.diagnosis.diagnosis import diagnose, verdict
from relayproxy.console.health.diagnosis.health_facts import HealthCheck, HealthFacts
from relayproxy.console.health.diagnosis.journal_gaps import JournalGapDocument, journal_gap_document
from relayproxy.console.health.diagnosis.receiver import ReceiverHealthDocument, receiver_document
from relayproxy.console.health.diagnosis.refusals import RefusedDocument, refused_document
from relayproxy.console.health.reachability import CheckState, RelayAnswer
from relayproxy.console.health.staleness import notice
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, time_or_null
from relayproxy.console.http.times import rfc3339
from relayproxy.store.quarantine import MovedDatabase
from relayproxy.store.read.health.heartbeat import (
    DatabaseFacts,
    GapCounts,
    JournalHeartbeat,
    OtlpHeartbeat,
    RecordingsHeartbeat,
    Report,
    RetentionHeartbeat,
)


class RelayHealthDocument(Document, frozen=True):
    """The relay of the console's settings, as it answered."""

    url: Annotated[str | None, Meta(description="Where it was asked.")]
    problem: Annotated[str | None, Meta(description="Why there was no answer.")]
    status: Annotated[str | None, Meta(description="What it says of itself.")]
    journal: str | None
    live_calls: Count | None


class RelayReportDocument(Document, frozen=True):
    """A relay, as it says itself every two seconds."""

    name: str
    pid: int
    status: Annotated[str, Meta(description="`ready`, `degraded`, `full` or `draining`, as of `/.relayproxy/readyz`.")]
    live_calls: Count
    version: str


class JournalHealthDocument(Document, frozen=True):
    """A journal, as its recorder sees it."""

    id: str
    relay_alive: Annotated[bool, Meta(description="A relay writes to it.")]
    segments: Count
    bytes: Count
    unread_bytes: Annotated[Count, Meta(description="Not yet in the database.")]
    relay_silent_ms: Annotated[Count, Meta(description="For how long the relay has shown no life; it does every 2 s.")]
    relay: Annotated[RelayReportDocument | None, Meta(description="Null of one that writes no more.")]


class OtlpHealthDocument(Document, frozen=True):
    """Export of spans or metrics."""

    endpoint: str
    sent: Count
    failed: Count
    dropped: Count
    failing_since: Annotated[Time | None, Meta(description="Null while it works.")]
    failing_since_ns: Nanoseconds | None
    cause: str | None


class KeptDocument(Document, frozen=True):
    """For how long calls are kept after their end."""

    route: Annotated[str | None, Meta(description="Null: of all routes but those that follow.")]
    content_days: Annotated[float, Meta(ge=0, description="What was said; 0: for ever.")]
    numbers_days: Annotated[float, Meta(ge=0, description="Everything; 0: for ever.")]


class RetentionHealthDocument(Document, frozen=True):
    """Retention and erasures."""

    kept: tuple[KeptDocument, ...]
    ran_at: Annotated[Time | None, Meta(description="When it was last through with all that was due.")]
    ran_at_ns: Nanoseconds | None
    due: Annotated[Count, Meta(description="Sessions that were due all the same after that.")]
    content_deleted: Annotated[Count, Meta(description="Sessions that lost their content since the recorder started.")]
    sessions_deleted: Annotated[Count, Meta(description="Sessions that went altogether since then.")]
    open_erasures: Annotated[Count, Meta(description="Erasures that are being carried out.")]
    problem: Annotated[str | None, Meta(description="Why nothing is deleted; null while it works.")]
    problem_since: Annotated[Time | None, Meta(description="Since when.")]
    problem_since_ns: Nanoseconds | None


class RecordingsHealthDocument(Document, frozen=True):
    """The moving of recordings into a bucket or a folder."""

    place: Annotated[str | None, Meta(description="Where they go; null: they stay in the database.")]
    waiting: Annotated[Count, Meta(description="Parts of recordings of calls that are over and still in the database.")]
    waiting_since: Annotated[Time | None, Meta(description="When the first of them came there.")]
    waiting_since_ns: Nanoseconds | None
    moved: Annotated[Count, Meta(description="Parts that were moved since the recorder started.")]
    deletions: Annotated[Count, Meta(description="Objects that are to be deleted yet.")]
    problem: Annotated[str | None, Meta(description="Why nothing is moved or deleted; null while it works.")]
    problem_since: Annotated[Time | None, Meta(description="Since when.")]
    problem_since_ns: Nanoseconds | None


class RecorderHealthDocument(Document, frozen=True):
    """A recorder, as it reported last."""

    process: str
    working: Annotated[bool, Meta(description="It has reported within the last seconds.")]
    ended: Annotated[bool, Meta(description="It has stopped in an orderly way.")]
    reported_at: Annotated[Time, Meta(description="When it reported last.")]
    reported_at_ns: Nanoseconds
    version: str
    host: str
    pid: int
    started_at: Annotated[Time, Meta(description="When it was started.")]
    started_at_ns: Nanoseconds
    data_dir: str
    lag_ms: Annotated[float, Meta(description="The longest that anything takes from the relay to the database.")]
    live_connections: Count
    commits: Count
    commit_at: Annotated[Time | None, Meta(description="The last commit.")]
    commit_at_ns: Nanoseconds | None
    commit_ms: Annotated[float, Meta(description="How long that took.")]
    journal_quota_bytes: Annotated[Count, Meta(description="Of journals, that relays keep for it.")]
    journals: tuple[JournalHealthDocument, ...]
    disk_free_bytes: Count
    disk_total_bytes: Count
    otlp: Annotated[OtlpHealthDocument | None, Meta(description="Spans; null when they are not sent.")]
    otlp_metrics: Annotated[OtlpHealthDocument | None, Meta(description="Metrics; null when they are not sent.")]
    database_error: Annotated[str | None, Meta(description="What the database complained of last.")]
    database_error_at: Annotated[Time | None, Meta(description="When it did.")]
    database_error_at_ns: Nanoseconds | None
    retention: Annotated[
        RetentionHealthDocument | None, Meta(description="Null when a recorder of an earlier version reported.")
    ]
    recordings: Annotated[
        RecordingsHealthDocument | None, Meta(description="Null when a recorder of an earlier version reported.")
    ]


class DatabaseHealthDocument(Document, frozen=True):
    """The database, which answers."""

    kind: Annotated[str, Meta(description="SQLite or PostgreSQL.")]
    version: str
    schema: str
    answer_ms: Annotated[float, Meta(description="How long it takes to answer.")]
    bytes: Count
    wal_bytes: Annotated[Count | None, Meta(description="Of SQLite alone.")]
    disk_free_bytes: Annotated[Count | None, Meta(description="Of SQLite alone.")]
    disk_total_bytes: Count | None
    sessions_at_least: Count


class MovedDatabaseDocument(Document, frozen=True):
    """A damaged SQLite file that was moved out of the way."""

    path: Annotated[str, Meta(description="With its -wal and -shm, where there are any, beside it.")]
    moved_at: Annotated[Time, Meta(description="When.")]
    moved_at_ns: Nanoseconds
    bytes: Annotated[Count, Meta(description="Of all of them.")]


class AuditHealthDocument(Document, frozen=True):
    """The record of who looked."""

    waiting: Annotated[Count, Meta(description="Entries that wait to be written.")]
    lost: Annotated[Count, Meta(description="Entries that found no room.")]
    failing_since: Annotated[Time | None, Meta(description="Null while it can be written.")]
    failing_since_ns: Nanoseconds | None
    cause: Annotated[str | None, Meta(description="Why it cannot be written.")]


class RecentGapsDocument(Document, frozen=True):
    """What could not be recorded of sessions that began in that time."""

    last_hour: GapCounts
    last_24_hours: GapCounts


class ConsoleHealthDocument(Document, frozen=True):
    """The process that answers."""

    version: str
    python: str
    host: str
    pid: int
    started_at: Annotated[Time, Meta(description="When it was started.")]
    started_at_ns: Nanoseconds
    watchers: Annotated[Count, Meta(description="Pages that wait for changes.")]


class HealthDocument(Document, frozen=True):
    """What works, what does not, and what to do."""

    state: CheckState
    summary: Annotated[str, Meta(description="All checks in one sentence.")]
    stale: Annotated[str | None, Meta(description="Why what is shown is old; null while nothing is over 10 s behind.")]
    more: Annotated[Count, Meta(description="Other checks that are not in order either.")]
    checked_at: Annotated[Time, Meta(description="When all this was looked at.")]
    checked_at_ns: Nanoseconds
    checks: tuple[HealthCheck, ...]
    relay: RelayHealthDocument
    recorders: Annotated[
        tuple[RecorderHealthDocument, ...], Meta(description="The last report of each, the newest first.")
    ]
    receivers: Annotated[
        tuple[ReceiverHealthDocument, ...], Meta(description="Of spans of backends: the last report of each.")
    ]
    database: DatabaseHealthDocument | None
    database_problem: Annotated[str | None, Meta(description="Why it cannot be read.")]
    databases_moved_aside: Annotated[
        tuple[MovedDatabaseDocument, ...],
        Meta(
            description="Damaged SQLite files that were moved out of the way and still are where they were put, the "
            "newest first."
        ),
    ]
    audit: AuditHealthDocument
    clock_step_s: Annotated[
        float,
        Meta(description="Seconds by which the wall clock was set since the console started; negative: back."),
    ]
    gaps: RecentGapsDocument
    refused: Annotated[tuple[RefusedDocument, ...], Meta(description="Those with Twilio's signature first.")]
    journal_gaps: Annotated[tuple[JournalGapDocument, ...], Meta(description="Of the last 24 hours, the newest first.")]
    console: ConsoleHealthDocument


def health_document(facts: HealthFacts, console: ConsoleHealthDocument) -> HealthDocument:
    """All that is known, and what it means."""
    checks = diagnose(facts)
    found = verdict(checks)
    return HealthDocument(
        state=found.state,
        summary=found.sentence,
        stale=notice(facts, found).stale,
        more=found.more,
        checked_at=rfc3339(facts.now),
        checked_at_ns=facts.now,
        checks=checks,
        relay=_relay(facts.relay),
        recorders=tuple(_recorder(facts, report) for report in facts.reports),
        receivers=tuple(receiver_document(facts, report) for report in facts.receivers),
        database=_database(facts.database) if facts.database else None,
        database_problem=facts.database_problem,
        databases_moved_aside=tuple(map(_moved, facts.aside)),
        audit=_audit(facts.audit),
        clock_step_s=round(facts.step, 3),
        gaps=RecentGapsDocument(last_hour=facts.hour, last_24_hours=facts.day),
        refused=tuple(map(refused_document, refusals.refused(facts.reports))),
        journal_gaps=tuple(map(journal_gap_document, facts.lost)),
        console=console,
    )


def _relay(answer: RelayAnswer) -> RelayHealthDocument:
    said = answer.said
    return RelayHealthDocument(
        url=answer.url,
        problem=answer.problem,
        status=said.status if said else None,
        journal=said.journal if said else None,
        live_calls=said.live_calls if said else None,
    )


def _recorder(facts: HealthFacts, report: Report) -> RecorderHealthDocument:
    heartbeat = report.heartbeat
    return RecorderHealthDocument(
        process=report.process,
        working=facts.fresh(report),
        ended=heartbeat.ended,
        reported_at=rfc3339(report.at),
        reported_at_ns=report.at,
        version=heartbeat.version,
        host=heartbeat.host,
        pid=heartbeat.pid,
        started_at=rfc3339(heartbeat.started_at),
        started_at_ns=heartbeat.started_at,
        data_dir=heartbeat.data_dir,
        lag_ms=heartbeat.lag_ms,
        live_connections=heartbeat.calls,
        commits=heartbeat.commits,
        commit_at=time_or_null(heartbeat.commit_at),
        commit_at_ns=heartbeat.commit_at,
        commit_ms=heartbeat.commit_ms,
        journal_quota_bytes=heartbeat.quota,
        journals=tuple(map(_journal, heartbeat.journals)),
        disk_free_bytes=heartbeat.disk_free,
        disk_total_bytes=heartbeat.disk_total,
        otlp=_otlp(heartbeat.otlp) if heartbeat.otlp else None,
        otlp_metrics=_otlp(heartbeat.otlp_metrics) if heartbeat.otlp_metrics else None,
        database_error=heartbeat.trouble,
        database_error_at=time_or_null(heartbeat.trouble_at),
        database_error_at_ns=heartbeat.trouble_at,
        retention=None if heartbeat.retention is None else _retention(heartbeat.retention),
        recordings=None if heartbeat.recordings is None else _recordings(heartbeat.recordings),
    )


def _recordings(told: RecordingsHeartbeat) -> RecordingsHealthDocument:
    return RecordingsHealthDocument(
        place=told.place,
        waiting=told.waiting,
        waiting_since=time_or_null(told.waiting_since),
        waiting_since_ns=told.waiting_since,
        moved=told.moved,
        deletions=told.deletions,
        problem=told.problem,
        problem_since=time_or_null(told.problem_at),
        problem_since_ns=told.problem_at,
    )


def _retention(told: RetentionHeartbeat) -> RetentionHealthDocument:
    return RetentionHealthDocument(
        kept=tuple(
            KeptDocument(route=route or None, content_days=days[0], numbers_days=days[1])
            for route, days in told.by_route.items()
        ),
        ran_at=time_or_null(told.ran_at),
        ran_at_ns=told.ran_at,
        due=told.due,
        content_deleted=told.content,
        sessions_deleted=told.sessions,
        open_erasures=told.erasures,
        problem=told.problem,
        problem_since=time_or_null(told.problem_at),
        problem_since_ns=told.problem_at,
    )


def _journal(one: JournalHeartbeat) -> JournalHealthDocument:
    told = one.relay
    return JournalHealthDocument(
        id=one.id,
        relay_alive=one.alive,
        segments=one.segments,
        bytes=one.bytes,
        unread_bytes=one.unread,
        relay_silent_ms=one.silent_ms,
        relay=None if told is None else RelayReportDocument(**asdict(told)),
    )


def _otlp(otlp: OtlpHeartbeat) -> OtlpHealthDocument:
    return OtlpHealthDocument(
        endpoint=otlp.endpoint,
        sent=otlp.sent,
        failed=otlp.failed,
        dropped=otlp.dropped,
        failing_since=time_or_null(otlp.failing_since),
        failing_since_ns=otlp.failing_since,
        cause=otlp.cause,
    )


def _database(database: DatabaseFacts) -> DatabaseHealthDocument:
    return DatabaseHealthDocument(
        kind=database.kind,
        version=database.version,
        schema=database.schema,
        answer_ms=round(database.answer_ms, 3),
        bytes=database.size,
        wal_bytes=database.wal,
        disk_free_bytes=database.free,
        disk_total_bytes=database.total,
        sessions_at_least=database.sessions,
    )


def _moved(one: MovedDatabase) -> MovedDatabaseDocument:
    return MovedDatabaseDocument(path=str(one.path), moved_at=rfc3339(one.at), moved_at_ns=one.at, bytes=one.bytes)


def _audit(audit: AuditState) -> AuditHealthDocument:
    return AuditHealthDocument(
        waiting=audit.waiting,
        lost=audit.lost,
        failing_since=time_or_null(audit.failing_since),
        failing_since_ns=audit.failing_since,
        cause=audit.cause or None,
    )
