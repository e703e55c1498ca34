"""Heartbeats of recorders, and facts about the database itself.

Knows: that a recorder reports every few seconds in one row of its own; what of a database can be asked cheaply.
Must not know: what is healthy and what is not.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from shutil import disk_usage
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, Engine, column, delete, func, select, table, text

from relayproxy.refusals import RefusalCount
from relayproxy.store.engine import is_in_place, sqlite_path, writing
from relayproxy.store.errors import NotReady, ReplacedError, StoreError, store_errors
from relayproxy.store.read.filters import criteria
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import tables
from relayproxy.store.schema.mapping import upsert
from relayproxy.store.schema.revisions import not_ready_reason

EVERY = 2.0
"""Seconds between two reports of a recorder."""
KEPT = 7 * 24 * 3600
"""Seconds for which a process's last report is kept."""
_MARGIN = 5_000_000_000
"""Nanoseconds by which a report may be older than it says, or a clock be ahead of another."""
COUNTED = 100_000
"""Sessions that are counted at most."""


class RelayHeartbeat(msgspec.Struct, frozen=True):
    """A relay as it says itself: `status` is `ready`, `degraded`, `full` or `draining`."""

    name: str
    pid: int
    status: str
    live_calls: int
    version: str


class JournalHeartbeat(msgspec.Struct, frozen=True):
    """One journal as its recorder sees it."""

    id: str
    alive: bool
    """A relay writes to it."""
    segments: int
    bytes: int
    unread: int
    """Bytes that have not been played yet."""
    silent_ms: int = 0
    """How long its relay has shown no life, as observed by this recorder."""
    relay: RelayHeartbeat | None = None
    """What its relay said last; None of one that writes no more, and of one of an earlier version."""


class OtlpHeartbeat(msgspec.Struct, frozen=True):
    """State of the export of spans or metrics. `endpoint` holds no secrets; `failing_since` is wall nanoseconds."""

    endpoint: str
    sent: int
    failed: int
    dropped: int
    failing_since: int | None = None
    cause: str | None = None


class RetentionHeartbeat(msgspec.Struct, frozen=True):
    """State of retention and erasures. Times are wall nanoseconds."""

    by_route: dict[str, tuple[float, float]] = {}
    """Days for which content and numbers are kept, 0 for ever: of all routes by the name `""`, and of those that have
    other ones."""
    ran_at: int | None = None
    """When retention was last through with all that was due; None when it has not been since the start."""
    due: int = 0
    """Sessions that were due all the same after that."""
    content: int = 0
    """Sessions that lost their content since the recorder's start, and sessions that are gone."""
    sessions: int = 0
    erasures: int = 0
    """Erasures that are open."""
    problem: str | None = None
    """What keeps it from going on, and since when."""
    problem_at: int | None = None


class RecordingsHeartbeat(msgspec.Struct, frozen=True):
    """State of the moving of recordings. Times are wall nanoseconds."""

    place: str | None = None
    """Where recordings of calls go that are over; None: they stay in the database."""
    waiting: int = 0
    """Parts of such calls that are still in the database."""
    waiting_since: int | None = None
    """When the first of them came there."""
    moved: int = 0
    """Parts that were moved since the recorder's start."""
    deletions: int = 0
    """Objects that are to be deleted yet."""
    problem: str | None = None
    """What keeps it from going on, and since when."""
    problem_at: int | None = None


class Heartbeat(msgspec.Struct, frozen=True):
    """A recorder's report on itself. Times are wall nanoseconds."""

    version: str
    host: str
    pid: int
    started_at: int
    data_dir: str
    recorder: str = ""
    """The name that its data folder goes by in the database."""
    ended: bool = False
    """It has stopped in an orderly way: no further report will come."""
    journals: tuple[JournalHeartbeat, ...] = ()
    quota: int = 0
    """Bytes of journals that relays keep for it."""
    lag_ms: int = 0
    """The longest that anything took from the relay to the database since the report before, or waits now, in the
    recorder or unread in a journal."""
    calls: int = 0
    """Connections that live."""
    commits: int = 0
    commit_at: int | None = None
    commit_ms: float = 0.0
    disk_free: int = 0
    disk_total: int = 0
    otlp: OtlpHeartbeat | None = None
    """None when spans are not sent."""
    trouble: str | None = None
    """The database's last error, and its time."""
    trouble_at: int | None = None
    refused: tuple[RefusalCount, ...] = ()
    """Requests that its relays refused before any backend was asked."""
    retention: RetentionHeartbeat | None = None
    recordings: RecordingsHeartbeat | None = None
    redaction_failures: int = 0
    """Messages of which it kept metadata alone, because redaction failed, since it was started."""
    redaction_failed_at: int | None = None
    """The last time that it did."""
    search_limited: int = 0
    """Messages of which it kept metadata alone, because their connection sent more than is searched for secrets, since
    it was started."""
    search_limited_at: int | None = None
    """The last time that it did."""
    windows_trouble: str | None = None
    """What keeps it from writing what compressed calls refer back to, and since when."""
    windows_failing_since: int | None = None
    otlp_metrics: OtlpHeartbeat | None = None
    """None when metrics are not sent."""
    metrics: msgspec.Raw = msgspec.Raw(b"null")
    """What it counts and measures, as JSON of `telemetry.tally.Snapshot`: read only where metrics are asked for."""


@dataclass(frozen=True, slots=True)
class Report:
    """A process's last report, and its time (wall nanoseconds)."""

    process: str
    at: int
    heartbeat: Heartbeat


class GapCounts(msgspec.Struct, frozen=True):
    """Gaps in sessions that began since a moment: their number, and that of the sessions."""

    gaps: Annotated[int, Meta(ge=0)]
    sessions: Annotated[int, Meta(ge=0)]


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A database that answers. Sizes are bytes; `free` and `total` are of the disk, of SQLite alone."""

    kind: str
    version: str
    schema: str
    answer_ms: float
    size: int
    wal: int | None
    free: int | None
    total: int | None
    sessions: int
    """At most `COUNTED` + 1."""


class HeartbeatWriter:
    """Writes reports on an engine of `open_engine` of its own. For one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = writing(engine)
        self._put = upsert(engine.dialect.name, tables.heartbeats)
        self._ready = False

    def write(self, process: str, heartbeat: msgspec.Struct, at: int | None = None) -> None:
        """Replaces the process's previous report, in a transaction of its own. Raises `StoreError`; the database is
        never created."""
        at = time.time_ns() if at is None else at
        try:
            self._write(process, heartbeat, at)
        except StoreError:
            self._ready = False
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Lets the database go."""
        self._engine.dispose()

    def _write(self, process: str, heartbeat: msgspec.Struct, at: int) -> None:
        first = not self._ready
        if first:
            reason = not_ready_reason(self._engine)
            if reason:
                raise NotReady(reason)
        row = {"process": process, "at": at, "detail": msgspec.json.encode(heartbeat).decode()}
        with store_errors(), self._writing.begin() as db:
            if not is_in_place(db):
                raise ReplacedError("the database file has been deleted or replaced")
            if db.dialect.name == "postgresql":
                # Nobody misses a report that a crash of the server takes along.
                db.execute(text("SET LOCAL synchronous_commit TO off"))
            db.execute(self._put, row)
            if first:
                db.execute(delete(tables.heartbeats).where(tables.heartbeats.c.at < at - KEPT * 1_000_000_000))
        self._ready = True


def reports(queries: Queries) -> tuple[Report, ...]:
    """The last report of every process, the newest first, without those that another version wrote in another shape."""
    with queries.reading() as db:
        return reports_of(db)


def reports_of(db: Connection) -> tuple[Report, ...]:
    """As `reports`."""
    c = tables.heartbeats.c
    found = []
    for row in db.execute(select(c.process, c.at, c.detail).order_by(c.at.desc(), c.process)):
        with suppress(msgspec.DecodeError):
            found.append(Report(row.process, row.at, msgspec.json.decode(row.detail, type=Heartbeat)))
    return tuple(found)


def recorded_until(db: Connection) -> int:
    """The time (wall nanoseconds) before which everything that was said is in the database, as far as recorders have
    told within a week: those that work, and those that left something unread in their journals. Without any it is
    the far future."""
    found = 2**63 - 1
    for report in reports_of(db):
        told = report.heartbeat
        if not told.ended or any(one.alive or one.unread for one in told.journals):
            found = min(found, report.at - told.lag_ms * 1_000_000 - _MARGIN)
    return found


def gaps_since(queries: Queries, since: int) -> GapCounts:
    """The gaps in sessions that began at `since` (wall nanoseconds) or later."""
    c = tables.sessions.c
    query = select(func.coalesce(func.sum(c.gaps), 0), func.count()).where(
        c.started_at >= since, c.gaps > 0, criteria.COUNTED
    )
    with queries.reading() as db:
        gaps, sessions = db.execute(query).one()
    return GapCounts(int(gaps), int(sessions))


def database_facts(queries: Queries) -> DatabaseFacts:
    """Facts about the database now. Raises `NotReady` and `StoreError` as queries do."""
    with queries.reading() as db:
        before = time.perf_counter()
        revision = db.execute(select(column("version_num")).select_from(table("alembic_version"))).scalars().first()
        db.execute(select(func.max(tables.journals.c.updated_at))).scalar_one()
        answer = (time.perf_counter() - before) * 1000
        some = select(tables.sessions.c.started_at).limit(COUNTED + 1).subquery()
        sessions = int(db.execute(select(func.count()).select_from(some)).scalar_one())
        size, wal, free, total = _sizes(db)
        kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(db.dialect.name, db.dialect.name)
        version = ".".join(str(part) for part in db.dialect.server_version_info or ())
        return DatabaseFacts(kind, version, str(revision or ""), answer, size, wal, free, total, sessions)


def _sizes(db: Connection) -> tuple[int, int | None, int | None, int | None]:
    path = sqlite_path(db.engine.url)
    if path is None:
        return int(db.execute(select(func.pg_database_size(func.current_database()))).scalar_one()), None, None, None
    wal = path.with_name(path.name + "-wal")
    with store_errors():
        usage = disk_usage(path.parent)
        size = path.stat().st_size
    try:
        waiting = wal.stat().st_size
    except FileNotFoundError:
        waiting = 0
    return size, waiting, usage.free, usage.total
