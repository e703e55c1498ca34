"""Deleter: carries out retention and erasures in short transactions, so that writers never wait long.

Knows: the time that a transaction may take and the rest after it; when an erasure is over; that of several recorders
on a server one deletes at a time.
Must not know: settings, threads, files of the journal.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select

from relayproxy.store.engine import is_in_place, writing
from relayproxy.store.errors import store_errors
from relayproxy.store.read.erasures import (
    OpenErasure,
    aged_since,
    ended,
    journals_waited_for,
    live,
    objects_waited_for,
    open_erasures,
    without_idle,
)
from relayproxy.store.read.health.heartbeat import recorded_until
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.write.deletion.deletion import Deletion
from relayproxy.store.write.deletion.erasures import Gone, close, close_aged, count, count_aged, follow_up, forget
from relayproxy.store.write.deletion.journal_erasures import (
    forget_gone_journals,
    noted_journal_erasures,
    settle_journal_erasures,
)
from relayproxy.store.write.deletion.purge import merge, merge_in_steps, purge
from relayproxy.store.write.deletion.retention import DAY, Retention, delete_old_records, due, due_count
from relayproxy.store.write.deletion.together import delete_together

log = logging.getLogger(__name__)

STEP = 0.01
"""Seconds after which a transaction takes on no more; the recorder's commits wait for it."""
REST = {"sqlite": 2.0, "postgresql": 0.5}
"""Times its own duration that a transaction is followed by a rest; on a server nobody waits for it."""
LONGEST_REST = 1.0
MERGE_AFTER = 8
"""Transactions that delete, after which the indexes of words are merged: each leaves a segment, and sixteen of a size
would be merged at once."""
AT_ONCE = 200
"""Sessions that are looked up at once."""
TOGETHER = 100
"""Sessions that go in one transaction of a server, where others do not wait for it."""
_ADVISORY_LOCK = 0x72656C61790002
"""Of whoever deletes from a PostgreSQL database."""


class Interrupted(Exception):
    """There was to be an end. What was begun goes on the next time."""


@dataclass(slots=True)
class Deleted:
    """The sessions that one run of retention deleted: their content, or all of them."""

    content: int = 0
    sessions: int = 0


class Deleter:
    """Deletes from a database that others write to. `wait` waits so many seconds between two transactions, and gives
    False when there is to be an end. Methods raise `StoreError` and `Interrupted`. Not for several threads at once."""

    def __init__(self, engine: Engine, wait: Callable[[float], bool]) -> None:
        self._engine = engine
        self._writing = writing(engine)
        self._wait = wait
        self._checked = False
        self._transactions = 0
        self._unpurged = True
        """What people had erased may be in the files still; not known before the first look."""
        self._purged: frozenset[str] = frozenset()
        """Erasures of which nothing more can come, and of which nothing is left in the files."""
        self._unreadable: set[str] = set()
        """Erasures of which it was told that they cannot be carried out."""

    def check(self) -> None:
        """Raises `StoreError` unless the database is there with this version's schema. A file that was put in the place
        of another is opened from then on."""
        with store_errors(), self._engine.connect() as db:
            there = is_in_place(db)
        if not there:
            self._engine.dispose()
        if not (there and self._checked):
            check_schema(self._engine)
            merge_in_steps(self._engine)
            self._checked = True

    def merge(self) -> None:
        """Merges the indexes of words as far as that is due; to be called every few seconds."""
        merge(self._engine, self._rest)

    def retain(self, retention: Retention) -> Deleted:
        """Deletes what has been kept for as long as it may be. Out of the files it is within a day."""
        done = Deleted()
        while True:
            now = time.time_ns()
            with self._read() as db:
                found = due(db, retention, now, AT_ONCE)
                since = aged_since(db)
            if not found:
                break
            for one in self._each(
                [Deletion(one.session, whole=one.whole) for one in found],
                lambda _db, _one: None,
                lambda db, gone: count_aged(db, time.time_ns(), _counts(gone)),
            ):
                done.sessions += one.whole
                done.content += not one.whole
        with self._write() as db:
            delete_old_records(db, retention.default.numbers, now)
            forget_gone_journals(db)
        if since is not None and since < now - DAY:
            self._purge()
        return done

    def due_count(self, retention: Retention) -> int:
        """How many sessions are due; see `retention.due_count`."""
        with self._read() as db:
            return due_count(db, retention, time.time_ns())

    def erase(self, told: Callable[[int], None] = lambda _done: None) -> int:
        """Carries out all open erasures as far as that is possible now, and closes those that are over. Returns how
        many stay open, because a session of theirs lives or may still come out of a journal, or a journal or an object
        still holds one. `told` is called with the number of sessions that are gone so far."""
        with self._read() as db:
            found = open_erasures(db)
        if not found:
            self._unpurged = False
            return 0
        every = [erasure for erasure in found if erasure.readable]
        self._tell_unreadable(erasure.receipt for erasure in found if not erasure.readable)
        with self._read() as db:
            busy = without_idle(db, every, time.time_ns())
        gone = 0
        for erasure in busy:
            for _ in self._erased(erasure):
                gone += 1
                told(gone)
                self._unpurged = True
        over = [erasure for erasure in every if self._forgotten(erasure)]
        forgotten = frozenset(erasure.id for erasure in over)
        if self._unpurged or not forgotten <= self._purged:
            self._purge()
            self._purged = forgotten
        with self._read() as db:
            settled = [
                erasure
                for erasure in over
                if not journals_waited_for(db, erasure.receipt) and not objects_waited_for(db, erasure.receipt)
            ]
        if settled:
            with self._write() as db:
                for erasure in settled:
                    close(db, erasure, time.time_ns())
        with self._read() as db:
            return len(open_erasures(db))

    def _tell_unreadable(self, receipts: Iterable[str]) -> None:
        for receipt in {*receipts} - self._unreadable:
            self._unreadable.add(receipt)
            log.error("erasure %s is damaged: what it means cannot be read; order it again", receipt)

    def _forgotten(self, erasure: OpenErasure) -> bool:
        """Forgets what was sought when nothing more of it can come; False when it can."""
        if not erasure.sought.values:
            return True
        if erasure.until >= time.time_ns():
            return False  # there may be thousands, one for each call that Twilio might take up again
        with self._write() as db:
            known = min(recorded_until(db), time.time_ns())
            over = erasure.until < known and not live(db, erasure) and not ended(db, erasure, 1)
            if over:
                forget(db, erasure)
            return over

    def noted_journal_erasures(self) -> dict[str, frozenset[int]]:
        """Connections that are to be overwritten in journals, by journal."""
        with self._read() as db:
            return noted_journal_erasures(db)

    def settle_journal_erasures(self, journal: str, numbers: frozenset[int]) -> None:
        """Takes these connections as overwritten."""
        with self._write() as db:
            settle_journal_erasures(db, journal, numbers)

    def _erased(self, erasure: OpenErasure) -> Iterator[Deletion]:
        while True:
            with self._read() as db:
                found = ended(db, erasure, AT_ONCE)
            if not found:
                return
            yield from self._each(
                [Deletion(session, whole=True, erasure=erasure.receipt) for session in found],
                lambda db, one: follow_up(db, erasure, one.session, time.time_ns()),
                lambda db, gone: count(db, erasure.receipt, _counts(gone)),
            )

    def _each(
        self,
        deletions: list[Deletion],
        begin: Callable[[Connection, Deletion], None],
        done: Callable[[Connection, list[Deletion]], None],
    ) -> Iterator[Deletion]:
        """Carries out deletions in order; each that was one is given once it is durable."""
        if self._engine.dialect.name == "postgresql":
            yield from self._together(deletions, begin, done)
            return
        waiting = deque(deletions)
        begun: Deletion | None = None
        while waiting:
            finished: list[Deletion] = []
            with self._write() as db:
                enough = _after(STEP)
                while waiting and not enough():
                    one = waiting[0]
                    if begun is not one:
                        begin(db, one)
                        begun = one
                    one.work(db, enough)
                    if not one.done:
                        break
                    waiting.popleft()
                    if one.deleted:
                        finished.append(one)
                if finished:
                    done(db, finished)
            self._transactions += 1
            if self._transactions % MERGE_AFTER == 0:
                self.merge()
            yield from finished

    def _together(
        self,
        deletions: list[Deletion],
        begin: Callable[[Connection, Deletion], None],
        done: Callable[[Connection, list[Deletion]], None],
    ) -> Iterator[Deletion]:
        for at in range(0, len(deletions), TOGETHER):
            some = deletions[at : at + TOGETHER]
            with self._write() as db:
                for one in some:
                    begin(db, one)
                delete_together(db, some)
                finished = [one for one in some if one.deleted]
                if finished:
                    done(db, finished)
            yield from finished

    def _purge(self) -> None:
        if not purge(self._engine, self._rest):
            raise Interrupted
        self._unpurged = False
        with self._write() as db:
            close_aged(db, time.time_ns())

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with store_errors(), self._engine.connect() as db:
            yield db

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """One transaction, and the rest after it."""
        while True:
            with store_errors(), self._writing.begin() as db:
                began = time.monotonic()
                if mine := _is_mine(db):
                    yield db
            if not self._rest(time.monotonic() - began):
                raise Interrupted
            if mine:
                return

    def _rest(self, seconds: float) -> bool:
        return self._wait(min(seconds * REST[self._engine.dialect.name], LONGEST_REST))


def _counts(gone: list[Deletion]) -> Gone:
    messages, noted, spans = (sum(getattr(one, name) for one in gone) for name in ("messages", "notes", "spans"))
    return Gone(len(gone), messages, noted, spans)


def _after(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until


def _is_mine(db: Connection) -> bool:
    if db.dialect.name != "postgresql":
        return True
    return bool(db.execute(select(func.pg_try_advisory_xact_lock(_ADVISORY_LOCK))).scalar_one())
