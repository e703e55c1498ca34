"""What recording takes for a message: processor time of playing and of committing, rows and bytes written.

Knows: many calls at once, one message a chunk, in the blocks that a relay writes; a commit for every second of them.
Must not know: the relay, sockets, how a recorder decides when to commit.
"""

import gc
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from heapq import merge
from pathlib import Path
from random import Random

from msgspec.json import encode
from msgspec.structs import replace
from sqlalchemy import Engine

from relayproxy.connection import Ending
from relayproxy.conversation.message import Message
from relayproxy.journal.format import EntryKind, pack_entry
from relayproxy.objects.place import Place
from relayproxy.recorder.recorder import Recorder
from relayproxy.redaction.rules import Rules
from relayproxy.store.engine import open_engine
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.bench.long_call import OPENING, long_call
from tests.databases import migrated
from tests.moved import move
from tests.peers.postgres import server
from tests.recorder.stage import NOON, Journal, setup
from tests.wire import frame

CALLS = 500
SECOND = 1_000_000_000
FLUSH = SECOND // 100
"""Between two blocks of a relay's journal."""
WARM = 2
"""Seconds of the calls before anything is counted."""
SCRIPTS = 20
"""Different calls; the others say the same at other times."""


Frame = tuple[int, EntryKind, bytes]
"""Nanoseconds from the beginning, the side, and the bytes of one message."""
Entry = tuple[int, int, EntryKind, bytes]
"""The same with the connection's number in second place."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How lively calls are: so many times as quick as people talk, and up to `chunks` tokens a reply."""

    name: str
    quicker: float
    chunks: int


TALK = Pace("as people talk", 1.0, 40)
RUSH = Pace("all streaming at once", 2.8, 200)


@dataclass(frozen=True, slots=True)
class Cost:
    """What recording some seconds of calls took. Times are microseconds of processor time a message."""

    database: str
    pace: Pace
    calls: int
    messages: int
    seconds: int
    play: float
    commit: float
    rows: float
    """Rows that were written for a message: as many as statements were executed with."""
    bytes_a_minute: float | None = None
    """Bytes that a minute of a call takes in the database once it has ended."""
    moved: tuple[float, float] | None = None
    """The same once its recording is in a folder, and the bytes of the object there."""

    def __str__(self) -> str:
        each = f"{self.play + self.commit:.1f} µs a message (playing {self.play:.1f}, committing {self.commit:.1f})"
        size = "" if self.bytes_a_minute is None else f", {self.bytes_a_minute / 1000:.1f} kB a call-minute"
        if self.moved is not None:
            left, object = (each / 1000 for each in self.moved)
            size += f"; with recordings in a folder {left:.1f}, and {object:.1f} there"
        rate = f"{self.messages / self.seconds:,.0f} messages/s"
        calls = f"{self.calls} calls {self.pace.name} ({rate})"
        return f"{self.database}, {calls}: {each}, {self.rows:.2f} rows a message{size}"


class Traffic:
    """Calls at once in one journal, second by second."""

    def __init__(self, folder: Path, pace: Pace, calls: int = CALLS) -> None:
        self._journal = Journal(folder)
        self._calls = calls
        self._until = 0
        random = Random(1)
        scripts = [_script(number, pace) for number in range(min(SCRIPTS, calls))]
        courses: list[Iterator[Entry]] = []
        for number in range(1, calls + 1):
            begin = random.randrange(SECOND)
            courses.append(_entries(number, begin, scripts[number % len(scripts)]))
            opening = replace(OPENING, connection_id=f"{number:032x}", trace_id=f"{number:032x}", opened_at=NOON)
            self._write(number, 0, EntryKind.OPENING, encode(opening))
        self._course = merge(*courses)
        self._next = next(self._course)

    def second(self) -> int:
        """Writes the next second of all calls; returns how many messages it holds."""
        end, count = self._until + SECOND, 0
        while self._until < end:
            self._until += FLUSH
            while self._next[0] < self._until:
                t, number, kind, body = self._next
                self._write(number, t, kind, body)
                self._next = next(self._course)
                count += 1
            if self._journal.entries:
                self._journal.flush()
        return count

    def end(self) -> None:
        """Ends all calls, and the relay."""
        for number in range(1, self._calls + 1):
            ending = Ending(t=self._until, first="twilio", twilio="eof", backend="eof")
            self._write(number, self._until, EntryKind.ENDING, encode(ending))
        self._journal.flush()
        self._journal.die()

    def _write(self, number: int, t: int, kind: EntryKind, body: bytes) -> None:
        self._journal.entries += pack_entry(kind, number, t, 60_000, body)


class CountingArchive(Archive):
    """An archive that counts the rows of its commits."""

    rows = 0

    def commit(self, batch: Batch) -> None:
        super().commit(batch)
        self.rows += sum(len(getattr(batch, field.name)) for field in fields(batch))


class TimedRecorder(Recorder):
    """A recorder that counts the processor time of its commits, those included that `play` asks for."""

    spent = 0.0

    def commit(self) -> None:
        began = time.process_time()
        super().commit()
        self.spent += time.process_time() - began


def cost(url: str, pace: Pace, seconds: int, *, calls: int = CALLS, size: bool = False) -> Cost:
    """What recording so many seconds of calls into the database of this URL takes. `size`: also what they take there
    once they have ended."""
    threshold = gc.get_threshold()
    gc.set_threshold(50_000, 50, 50)  # as the recorder's process has it
    try:
        return _cost(open_engine(url), pace, seconds, calls, size=size)
    finally:
        gc.set_threshold(*threshold)


def _cost(engine: Engine, pace: Pace, seconds: int, calls: int, *, size: bool) -> Cost:
    database = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[engine.dialect.name]
    with tempfile.TemporaryDirectory() as folder:
        before = _size(engine) if size else 0
        archive = CountingArchive(engine)
        recorder = TimedRecorder(
            archive,
            Path(folder),
            message_limit=64 * 1024,
            size_limit=1 << 30,
            patience=1 << 30,
            check=lambda: check_schema(engine),
            rules=lambda _route: Rules(),
        )
        traffic = Traffic(Path(folder), pace, calls)
        total, messages = 0.0, 0
        try:
            for second in range(WARM + seconds):
                count = traffic.second()
                gc.collect()  # what the traffic was made of
                if second == WARM:
                    recorder.spent, total, messages, archive.rows = 0.0, 0.0, 0, 0
                began = time.process_time()
                while recorder.play():
                    pass
                recorder.commit()
                total, messages = total + time.process_time() - began, messages + count
            commit, rows = recorder.spent, archive.rows
            traffic.end()
            recorder.run(to_the_end=True)
        finally:
            recorder.close()
        minutes = calls * (WARM + seconds) / 60
        taken = (_size(engine) - before) / minutes if size else None
        moved = None
        if size:
            objects = Path(folder) / "objects"
            move(engine, Place(objects.as_uri()))
            # Beside the objects there is the file that says whose place it is.
            there = sum(
                file.stat().st_size for file in objects.rglob("*") if file.is_file() and file.name != "relayproxy"
            )
            moved = (_size(engine) - before) / minutes, there / minutes
    engine.dispose()
    each = 1e6 / messages
    return Cost(
        database, pace, calls, messages, seconds, (total - commit) * each, commit * each, rows / messages, taken, moved
    )


def report(seconds: int = 3) -> str:
    """What `make bench` says of recording."""
    with tempfile.TemporaryDirectory() as folder, server() as postgres:
        found: list[Cost] = []
        for pace in (RUSH, TALK):
            url = f"sqlite:///{folder}/{pace.chunks}.db"
            migrated(url)
            found += [cost(one, pace, seconds) for one in (url, postgres.migrated())]
        url = f"sqlite:///{folder}/size.db"
        migrated(url)
        kept = cost(url, TALK, 58, calls=100, size=True)
    return "\n".join(f"recording: {one}" for one in (*found, kept))


def _size(engine: Engine) -> int:
    """Bytes of a SQLite database that are in use."""
    with engine.connect() as db:
        pages, free, size = (
            db.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


def _script(seed: int, pace: Pace) -> list[Frame]:
    """A call's frames with their times, without its setup message; what is said follows from the number of turns."""
    messages = [*long_call(60 + seed, chunks=pace.chunks)][1:]
    return [(round(one.t / pace.quicker), *_frame(one)) for one in messages]


def _frame(message: Message) -> tuple[EntryKind, bytes]:
    payload = (message.text or "").encode()
    if message.sender == "twilio":
        return EntryKind.TWILIO_CHUNK, frame(1, payload, mask=True)
    return EntryKind.BACKEND_CHUNK, frame(1, payload)


def _entries(number: int, begin: int, frames: Sequence[Frame]) -> Iterator[Entry]:
    first = setup(f"VX{number}", f"CA{number}").encode()
    yield begin, number, EntryKind.TWILIO_CHUNK, frame(1, first, mask=True)
    for t, kind, body in frames:
        yield begin + t, number, kind, body


if __name__ == "__main__":
    print(report())
