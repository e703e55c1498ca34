"""Heartbeat: what the recorder reports of itself every few seconds: lag, commits, disk.

Knows: the content and interval of reports; that reporting must never delay recording.
Must not know: SQL; what is healthy and what is not.

The play loop only notes where it is. Looking at files and writing the row is done by a thread of its own, which has
at most one report to write and waits for the database as long as it must.
"""

import logging
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from relayproxy import __version__
from relayproxy.errors import RelayproxyError
from relayproxy.journal.format import MAGIC
from relayproxy.journal.reader import START, Position
from relayproxy.journal.refused import read_refused
from relayproxy.journal.relay_report import read_relay_report
from relayproxy.journal.segments import journal_paths, life_shown_at, segment_numbers, segment_path, writer_is_alive
from relayproxy.recorder.backlog import Backlog
from relayproxy.recorder.journal_player import ConnectionEvent
from relayproxy.recorder.process_metrics import process_metrics
from relayproxy.redaction.masking.masking import masked_text
from relayproxy.redaction.redactor import FAILED, LIMITED
from relayproxy.redaction.values import Policy
from relayproxy.refusals import RefusalCount, merged
from relayproxy.store.errors import DamagedFileError, ReplacedError, StoreError
from relayproxy.store.read.health.heartbeat import (
    EVERY,
    Heartbeat,
    HeartbeatWriter,
    JournalHeartbeat,
    OtlpHeartbeat,
    RecordingsHeartbeat,
    RelayHeartbeat,
    RetentionHeartbeat,
)
from relayproxy.telemetry.metrics.tally import Snapshot

log = logging.getLogger(__name__)

Places = tuple[tuple[Path, Position], ...]
_MS = 1_000_000
NO_SETTINGS = Policy()
_PATIENCE = 1.0
"""Seconds that the last report gets to be written."""


class MetricsSender(Protocol):
    """What the heartbeat asks of who sends metrics."""

    endpoint: str
    sent: int
    failed: int

    @property
    def trouble(self) -> tuple[int, str] | None: ...
    def take(self, told: Snapshot, /) -> None: ...


class Spans(Protocol):
    """The exporter's counters that the heartbeat reports."""

    endpoint: str
    dropped: int

    @property
    def sent(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def trouble(self) -> tuple[int, str] | None: ...


@dataclass(frozen=True, slots=True)
class Beat:
    """The play loop at one moment. Times are wall nanoseconds."""

    places: Places
    """The position in each journal up to which it has been played."""
    calls: int
    lag: int
    """Nanoseconds."""
    commits: int
    commit_at: int | None
    commit_ms: float
    trouble: tuple[int, str] | None
    attempts: tuple[RefusalCount, ...] = ()
    """Attempts that were only counted."""
    redaction_failures: int = 0
    """Messages of which metadata alone was kept, because redaction failed."""
    redaction_failed_at: int | None = None
    search_limited: int = 0
    """Messages of which metadata alone was kept, because their connection sent more than is searched."""
    search_limited_at: int | None = None
    windows_trouble: tuple[int, str] | None = None
    """Since when, and why, deflate windows are not written."""
    numbers: Snapshot = field(default_factory=dict)
    """What was counted of calls."""


class ProgressReport:
    """Progress of the play loop, updated as it runs."""

    def __init__(self) -> None:
        self._oldest: int | None = None
        """Wall time of the first thing played since the last commit."""
        self._longest = 0
        self._began = 0.0
        self._commits = 0
        self._at: int | None = None
        self.commit_time = 0.0
        """Seconds of the last commit."""
        self._failures = 0
        self._failed_at: int | None = None
        self._limited = 0
        self._limited_at: int | None = None

    def took(self, opened_at: int, event: ConnectionEvent) -> None:
        """Counts a played entry of a connection that opened then."""
        for message in event.messages:
            if message.note == FAILED:
                self._failures += 1
                self._failed_at = time.time_ns()
            elif message.note == LIMITED:
                self._limited += 1
                self._limited_at = time.time_ns()
        if self._oldest is None:
            known = event.what == "opened" or event.messages
            # Not the messages' own times: what was held is no sign that the recorder is late.
            self._oldest = opened_at + (event.connection.last_t if event.messages else 0) if known else time.time_ns()

    def begin(self) -> None:
        """Marks the beginning of a commit."""
        self._began = time.monotonic()

    def done(self) -> None:
        """Marks the end of a commit: everything played has been committed."""
        self._longest = max(self._longest, self._waited())
        self._oldest = None
        self._commits += 1
        self._at = time.time_ns()
        self.commit_time = time.monotonic() - self._began

    def beat(
        self,
        places: Places,
        calls: int,
        trouble: tuple[int, str] | None,
        attempts: tuple[RefusalCount, ...] = (),
    ) -> Beat:
        """The progress so far; later progress counts for the next beat."""
        longest, self._longest = max(self._longest, self._waited()), 0
        return Beat(
            places,
            calls,
            longest,
            self._commits,
            self._at,
            self.commit_time * 1000,
            trouble,
            attempts,
            self._failures,
            self._failed_at,
            self._limited,
            self._limited_at,
        )

    def _waited(self) -> int:
        return 0 if self._oldest is None else max(0, time.time_ns() - self._oldest)


class Reporter:
    """Reports the recorder on a data folder through `writer`, for as long as `beat` is called. `metrics` gets those of
    each report."""

    def __init__(
        self,
        writer: HeartbeatWriter,
        data_dir: Path,
        quota: int,
        spans: Spans | None = None,
        retention: Callable[[], RetentionHeartbeat | None] = lambda: None,
        *,
        recordings: Callable[[], RecordingsHeartbeat | None] = lambda: None,
        journal: Path | None = None,
        recorder: str = "",
        metrics: MetricsSender | None = None,
    ) -> None:
        self._writer = writer
        self._data_dir = data_dir.absolute()
        self._journal = journal or self._data_dir / "journal"
        self._quota = quota
        self._recorder = recorder
        self._spans = spans
        self._retention = retention
        self._recordings = recordings
        self._metrics = metrics
        self._life = Life()
        self._host = socket.gethostname()
        self._process = process_name(data_dir)
        self._started_at = time.time_ns()
        self._next = 0.0
        self._look: Callable[[], Beat] | None = None
        self._waiting: Beat | None = None
        self._unplayed = Backlog()
        self._ended = False
        self._silent = False
        self._lost: StoreError | None = None
        self._refused: dict[str, tuple[RefusalCount, ...]] = {}
        """By journal, what its relay has told last; it stays known when that relay and its journal are gone."""
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def beat(self, look: Callable[[], Beat]) -> None:
        """Calls `look` every few seconds and leaves its result for the next report. Never waits. Raises
        DamagedFileError and ReplacedError once one of them was met when a report was to be written: the recorder may
        have nothing to write that would meet it."""
        if self._lost is not None:
            raise self._lost
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        found = look()
        with self._news:
            self._look, self._waiting = look, found
            self._news.notify()

    def close(self) -> None:
        """Writes the last report, waiting a moment at most."""
        found = self._look() if self._look else None
        with self._news:
            self._waiting, self._ended = found, True
            self._news.notify()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting is not None or self._ended)
                found, self._waiting, ended = self._waiting, None, self._ended
            if found is not None:
                self._tell(found, ended)
            if ended:
                self._writer.close()
                return

    def _tell(self, found: Beat, ended: bool) -> None:
        try:
            self._writer.write(self._process, self._heartbeat(found, ended))
        except (DamagedFileError, ReplacedError) as problem:
            self._lost = problem
        except Exception as problem:
            if not self._silent:
                words = str(problem) if isinstance(problem, RelayproxyError) else type(problem).__name__
                log.warning("the health page is not told how recording goes (%s); recording is not affected", words)
            self._silent = True
        else:
            self._silent = False

    def _heartbeat(self, found: Beat, ended: bool) -> Heartbeat:
        heartbeat = self._report(found, ended)
        numbers = found.numbers | process_metrics(heartbeat)
        if self._metrics is not None:
            self._metrics.take(numbers)
        return msgspec.structs.replace(heartbeat, metrics=msgspec.Raw(msgspec.json.encode(numbers)))

    def _report(self, found: Beat, ended: bool) -> Heartbeat:
        disk = shutil.disk_usage(self._data_dir)
        trouble_at, trouble = found.trouble or (None, None)
        windows_failing_since, windows_trouble = found.windows_trouble or (None, None)
        return Heartbeat(
            version=__version__,
            host=self._host,
            pid=os.getpid(),
            started_at=self._started_at,
            data_dir=str(self._data_dir),
            recorder=self._recorder,
            ended=ended,
            journals=journals(self._journal, found.places, self._life),
            quota=self._quota,
            lag_ms=max(found.lag // _MS, round(self._unplayed.age(found.places) * 1000)),
            calls=found.calls,
            commits=found.commits,
            commit_at=found.commit_at,
            commit_ms=round(found.commit_ms, 3),
            disk_free=disk.free,
            disk_total=disk.total,
            otlp=self._otlp(),
            otlp_metrics=self._otlp_metrics(),
            trouble=trouble,
            trouble_at=trouble_at,
            redaction_failures=found.redaction_failures,
            redaction_failed_at=found.redaction_failed_at,
            search_limited=found.search_limited,
            search_limited_at=found.search_limited_at,
            windows_trouble=windows_trouble,
            windows_failing_since=windows_failing_since,
            refused=self._refusals(found.attempts),
            retention=self._retention(),
            recordings=self._recordings(),
        )

    def _refusals(self, attempts: tuple[RefusalCount, ...]) -> tuple[RefusalCount, ...]:
        for path in journal_paths(self._journal):
            told = read_refused(path)
            if told:
                self._refused[path.name] = told
        return merged(_redacted(one) for told in (attempts, *self._refused.values()) for one in told)

    def _otlp(self) -> OtlpHeartbeat | None:
        spans = self._spans
        if spans is None:
            return None
        since, cause = spans.trouble or (None, None)
        return OtlpHeartbeat(spans.endpoint, spans.sent, spans.failed, spans.dropped, since, cause)

    def _otlp_metrics(self) -> OtlpHeartbeat | None:
        metrics = self._metrics
        if metrics is None:
            return None
        since, cause = metrics.trouble or (None, None)
        return OtlpHeartbeat(metrics.endpoint, metrics.sent, metrics.failed, 0, since, cause)


class Life:
    """Silence of the writers of journals, by a steady clock: the wall clock may be set."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[int | None, float]] = {}

    def silent_ms(self, path: Path) -> int:
        """Milliseconds since the journal's writer showed life, as far as that was watched."""
        at, now = life_shown_at(path), time.monotonic()
        known = self._shown.get(path.name)
        if known is None or known[0] != at:
            known = self._shown[path.name] = (at, now)
        return round((now - known[1]) * 1000)


def journals(folder: Path, places: Places, life: Life | None = None) -> tuple[JournalHeartbeat, ...]:
    """Every journal in the folder that may be looked into, oldest first, where `places` says how far each has been
    played."""
    played = {path.name: position for path, position in places}
    watch = life or Life()
    found: list[JournalHeartbeat] = []
    for path in journal_paths(folder):
        with suppress(PermissionError):  # the recorder has said so
            found.append(_journal(path, played.get(path.name, START), watch))
    return tuple(found)


def _journal(path: Path, position: Position, life: Life) -> JournalHeartbeat:
    segments = total = unread = 0
    for number in segment_numbers(path):
        try:
            size = segment_path(path, number).stat().st_size
        except FileNotFoundError:
            continue
        segments += 1
        total += size
        if number > position.segment:
            unread += max(0, size - len(MAGIC))
        elif number == position.segment:
            unread += max(0, size - max(position.offset, len(MAGIC)))
    alive = writer_is_alive(path)
    told = read_relay_report(path) if alive else None
    relay = None if told is None else RelayHeartbeat(**msgspec.structs.asdict(told))
    return JournalHeartbeat(path.name, alive, segments, total, unread, life.silent_ms(path), relay)


def _redacted(tally: RefusalCount) -> RefusalCount:
    """The count of refused requests as it is stored: a path may hold whatever its caller likes."""
    last = tally.last
    target, words = masked_text(last.target, NO_SETTINGS), masked_text(last.words, NO_SETTINGS)
    return RefusalCount(tally.count, msgspec.structs.replace(last, target=target, words=words))


def process_name(data_dir: Path) -> str:
    """The name of the recorder on this data folder: the same however often it is started."""
    found = data_dir.stat()
    return f"recorder:{socket.gethostname()}:{found.st_dev:x}-{found.st_ino:x}"
