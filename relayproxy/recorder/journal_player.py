"""Journal player: turns the entries of one journal into events of its connections.

Knows: positions, what is committed, what must be read again after a restart, and when segments are done with.
Must not know: sessions, the conversation, the database.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.message import Message
from relayproxy.journal.format import ENTRY_HEAD, EntryKind, JournalEntry, OpenConnections
from relayproxy.journal.reader import (
    START,
    Block,
    Damage,
    JournalReader,
    Position,
    delete_journal,
    delete_segments,
    time_before,
)
from relayproxy.journal.segments import LOCK, segment_numbers, segment_path
from relayproxy.plural import plural
from relayproxy.recorder.decoding.connection import END, SIDES, DecodedConnection
from relayproxy.recorder.decoding.frames import JournalPlace
from relayproxy.recorder.decoding.lost_opening import placeholder
from relayproxy.recorder.decoding.window_files import WindowFiles
from relayproxy.redaction.rules import EVERYTHING, Rules
from relayproxy.store.schema.rows import JournalGapRow

log = logging.getLogger(__name__)

_OPENINGS = (EntryKind.REQUEST, EntryKind.OPENING)

MAX_CHUNKS, LARGE = 50, 512
"""Chunks of a connection that are played together, and bytes of one that others do not wait for."""
STEP = 16 * 1024
"""Bytes that are read at once."""
MOST_DECODED = 8 * 1024 * 1024
"""Bytes of messages after which no more is played at once: what is compressed may be a thousand times as long."""
SETTLED = 3_000_000_000
"""Nanoseconds after which what a relay heard is in its journal, if its disk is not slow: when a journal has nothing
more, time has passed without anything for its calls until then."""


class ConnectionEvent(NamedTuple):
    """An event of a connection: it opened, its backend answered (`opening` tells more now), messages came, or it ended
    (its last messages with it)."""

    connection: DecodedConnection
    what: Literal["opened", "answered", "messages", "ended"]
    messages: list[Message]


class JournalPlayer:
    """Player of one journal, from `committed` on. `live` are the connections that the store knows as not ended.

    `message_limit` bounds payloads, `size_limit` what is kept of a connection. A message that is still incomplete or
    held after `patience` further bytes of journal is given up, so that it cannot keep the journal's files for ever.
    `rules` gives those of a route.
    """

    def __init__(
        self,
        path: Path,
        committed: Position,
        live: Iterable[DecodedConnection],
        *,
        message_limit: int,
        size_limit: int,
        patience: int,
        rules: Callable[[str], Rules] = lambda _route: EVERYTHING,
    ) -> None:
        self.path = path
        self.id = path.name
        self.committed = committed
        self.position = committed
        """The position behind the last block that was played, which a commit may record."""
        self._reached = committed
        """The same of the last block of which no more than `_waiting` is not played."""
        self.connections = {connection.number: connection for connection in live}
        self.ended = False
        """Everything of a dead writer's journal has been played."""
        self._limit = message_limit
        self._size_limit = size_limit
        self._patience = patience
        self._rules = rules
        self._read = self._decoded = 0
        self.behind = False
        """There may be more that could be read at once."""
        self._spoiled = False
        """Damage, and nothing readable since: one gap is enough for all of it."""
        self.gaps: list[JournalGapRow] = []
        """Gaps of the journal, to be committed with `position`; one may come again when more is known of it."""
        self._open_gap: JournalGapRow | None = None
        """The last one, until it is known what comes behind it."""
        self._last_t: int | None = None
        """Of the last entry, on the relay's clock."""
        self._read_at = 0
        """When anything was read last, on this process's monotonic clock in nanoseconds."""
        self._wall: int | None = None
        self._waiting: dict[int, list[tuple[JournalEntry, int]]] = {}
        """Chunks that are not decoded yet, each with its segment: those of one connection are, together."""
        self._pending: dict[int, tuple[JournalPlace, int]] = {}
        self._earliest = END
        """No message that is held may go before this time of the relay's clock."""
        for connection in self.connections.values():
            self._wall = connection.wall
            self._note_pending(connection)
        self._reader = JournalReader(path, *self.low_water())
        self.windows = WindowFiles(path, self.connections)

    def close(self) -> None:
        self._reader.close()

    def low_water(self) -> Position:
        """The position before which nothing of this journal is needed any more once `position` is committed."""
        return min([self.position, *(Position(*place) for place, _ in self._pending.values())])

    def play(self, max_bytes: int) -> Iterator[ConnectionEvent]:
        """Plays about `max_bytes` of new entries, less of what is compressed. Must be exhausted before `position` means
        anything. What each connection said is played together; between connections order is kept where `interleaved`
        asks for it."""
        end, full = self._read + max_bytes, self._decoded + MOST_DECODED
        problem: OSError | None = None
        read = False
        while self._read < end and self._decoded < full:
            start = self._read
            try:
                parts = self._reader.read(STEP)
            except OSError as error:
                problem = error
                break
            if not parts:
                break
            read, self._read_at = True, time.monotonic_ns()
            for found in parts:
                if isinstance(found, Block):
                    yield from self._block(found)
                    self._after(found)
                    self._spoiled = False
                else:
                    yield from self._damage(found)
            for number in [one for one in self._waiting if self.connections[one].inflates]:
                yield from self.catch_up(self.connections[number])
            if self._read - start < STEP // 2:
                break  # nothing more is there
        self.behind = self._read >= end - max_bytes // 2 or self._decoded >= full
        yield from self._catch_up_all()
        self.position = self._reached
        if problem is not None:
            raise problem
        if self._reader.segment > self.position.segment:
            self.position = self._reached = Position(self._reader.segment, 0)
        yield from self._give_up()
        if not read and self._last_t is not None:
            # Not by the wall clock, which may be set: what is held would go too early, or stay.
            yield from self._due(self._last_t + time.monotonic_ns() - self._read_at - SETTLED)
        if self._reader.finished and not self.ended:
            if self.connections and not self.path.exists():
                since = max(one.opening.opened_at + one.last_t for one in self.connections.values())
                self._lose(*self.position, 0, "missing", since, max(since, time.time_ns()))
            for connection in list(self.connections.values()):
                yield self._end(connection, Ending(t=connection.last_t, cause="relay_died"))
            self.ended, self.behind = True, False

    def catch_up(self, connection: DecodedConnection) -> Iterator[ConnectionEvent]:
        """Plays what has been read of a connection and was not played yet."""
        chunks = self._waiting.pop(connection.number, None)
        if chunks is not None:
            messages = connection.chunks(chunks)
            self._decoded += sum(message.size for message in messages)
            self._note_pending(connection)
            yield ConnectionEvent(connection, "messages", messages)

    def _catch_up_all(self) -> Iterator[ConnectionEvent]:
        for number in [*self._waiting]:
            yield from self.catch_up(self.connections[number])

    def settle(self) -> None:
        """Takes that `position`, `gaps` and the rows of connections are committed: deletes files that nothing needs any
        more."""
        self.committed = self.position
        self.gaps.clear()
        delete_segments(self.path, self.low_water().segment)
        self.windows.delete()

    def delete(self) -> None:
        """Deletes the files of a journal that has ended and is committed."""
        self.close()
        delete_journal(self.path)

    def _block(self, block: Block) -> Iterator[ConnectionEvent]:
        endings: list[JournalEntry] = []
        told: JournalEntry | None = None
        known = Position(block.segment, block.end) <= self.committed
        for entry in block.entries:
            self._read += ENTRY_HEAD.size + len(entry.body)
            if known:
                yield from self._replay(entry, block.segment)
            elif self._joins(entry, block.segment):
                pass
            elif entry.kind is EntryKind.ENDING:
                # Last of all: after a disk that refused, the writer puts gaps behind endings it had kept.
                endings.append(entry)
            elif entry.kind is EntryKind.OPEN_CONNECTIONS:
                told = entry
            else:
                yield from self._entry(entry, block.segment)
        for entry in endings:
            connection = self.connections.get(entry.connection)
            if connection is None:
                connection = self._open(entry, None)
                yield ConnectionEvent(connection, "opened", [])
            yield from self.catch_up(connection)
            yield self._end(connection, _ending(entry, connection))
        if told is not None:
            yield from self._end_missed(told)
        if block.entries:
            yield from self._due(block.entries[-1].t)
        self._reached = max(self._reached, Position(block.segment, block.end))

    def _end_missed(self, entry: JournalEntry) -> Iterator[ConnectionEvent]:
        """Ends the connections whose endings are lost, by an entry that tells which ones are open."""
        try:
            told = OpenConnections.unpack(entry.body)
        except ValueError as problem:
            log.error("journal %s: which connections are open cannot be read (%s)", self.id, problem)  # noqa: TRY400
            return
        missed = [number for number in self.connections.keys() - told.numbers if number <= told.latest]
        if missed:
            log.warning("journal %s: how %s ended is lost", self.id, plural(len(missed), "connection"))
        for number in missed:
            connection = self.connections[number]
            yield from self.catch_up(connection)
            yield self._end(connection, Ending(t=connection.last_t))

    def _replay(self, entry: JournalEntry, segment: int) -> Iterator[ConnectionEvent]:
        connection = self.connections.get(entry.connection)
        if connection is not None and entry.kind is EntryKind.FAULT:
            connection.faults.add(entry.body)
        elif connection is not None and entry.kind in SIDES:
            before = connection.pending
            messages = connection.replay(entry, segment)
            self._note_pending(connection)
            # Files go that are not needed from here on: the row must not say that it begins again in one of them.
            if messages or connection.pending != before:
                yield ConnectionEvent(connection, "messages", messages)

    def _due(self, now: int) -> Iterator[ConnectionEvent]:
        """Messages that were held and are not any more at this time of the relay's clock."""
        if now < self._earliest:
            return
        self._earliest = END
        for number in [*self._pending]:
            connection = self.connections[number]
            t = now - connection.opened_mono
            if connection.deadline is not None and t >= connection.deadline:
                yield from self.catch_up(connection)
            if connection.deadline is not None and t >= connection.deadline:
                messages = connection.due(t)
                self._note_pending(connection)
                yield ConnectionEvent(connection, "messages", messages)
            else:
                self._note_deadline(connection)

    def _joins(self, entry: JournalEntry, segment: int) -> bool:
        """True of a chunk that now waits behind others of its connection, as most chunks do."""
        waiting = self._waiting.get(entry.connection)
        if waiting is None or entry.kind not in SIDES or len(entry.body) > LARGE or len(waiting) + 1 >= MAX_CHUNKS:
            return False
        waiting.append((entry, segment))
        return True

    def _entry(self, entry: JournalEntry, segment: int) -> Iterator[ConnectionEvent]:
        connection, new = self.connections.get(entry.connection), False
        if connection is None:
            connection, new = self._open(entry, entry.body if entry.kind in _OPENINGS else None), True
            yield ConnectionEvent(connection, "opened", [])
        if entry.kind in SIDES:
            waiting = self._waiting.setdefault(entry.connection, [])
            waiting.append((entry, segment))
            # Its first message says which session it belongs to, and how much of it is kept.
            at_once = connection.unnamed or connection.interleaved
            if at_once or len(waiting) == MAX_CHUNKS or len(entry.body) > LARGE:
                yield from self.catch_up(connection)
            return
        yield from self.catch_up(connection)
        if entry.kind is EntryKind.OPENING and not new:
            opening, raw = self._read_opening(entry)
            if opening is not None and connection.answered(opening, raw):
                yield ConnectionEvent(connection, "answered", [])
        elif entry.kind is EntryKind.GAP:
            messages = connection.gap(entry)
            self._note_pending(connection)
            yield ConnectionEvent(connection, "messages", messages)
        elif entry.kind is EntryKind.FAULT:
            connection.faults.add(entry.body)

    def _open(self, entry: JournalEntry, body: bytes | None) -> DecodedConnection:
        opening, raw = (None, "") if body is None else self._read_opening(entry)
        if opening is None:
            wall = time.time_ns() - time.monotonic_ns() if self._wall is None else self._wall
            opening = placeholder(self.id, entry.connection, wall + entry.t)
        connection = DecodedConnection(
            opening,
            journal=self.id,
            number=entry.connection,
            opened_mono=entry.t,
            limit=self._limit,
            size_limit=self._size_limit,
            raw_opening=raw or None,
            rules=self._rules(opening.route),
        )
        self._wall = connection.wall
        self.connections[entry.connection] = connection
        return connection

    def _read_opening(self, entry: JournalEntry) -> tuple[Opening | None, str]:
        try:
            return msgspec.json.decode(entry.body, type=Opening), entry.body.decode()
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.error("journal %s: opening %d cannot be read", self.id, entry.connection)  # noqa: TRY400
            return None, ""

    def _end(self, connection: DecodedConnection, ending: Ending) -> ConnectionEvent:
        messages = connection.end(ending)
        self.connections.pop(connection.number, None)
        self._pending.pop(connection.number, None)
        return ConnectionEvent(connection, "ended", messages)

    def _damage(self, damage: Damage) -> Iterator[ConnectionEvent]:
        end = Position(damage.segment, damage.offset + damage.size)
        # Read again after a restart, and told already: what is missing at the very place that is committed was not.
        if START < end <= self.committed and (damage.size or end < self.committed):
            return
        log.error(
            "journal %s: segment %d cannot be read from byte %d on (%s, %d bytes)",
            self.id, damage.segment, damage.offset, damage.reason, damage.size,
        )  # fmt: skip
        self._note_gap(damage)
        self._reached = max(self._reached, end)
        if self._spoiled:
            return
        yield from self._catch_up_all()
        self._spoiled = True
        for connection in self.connections.values():
            messages = connection.lose_all()
            self._note_pending(connection)
            yield ConnectionEvent(connection, "messages", messages)

    def _note_gap(self, damage: Damage) -> None:
        # What follows has been read with it, and would be lost if an error came from here.
        with suppress(OSError):
            if damage.reason == "torn" and any(number > damage.segment for number in segment_numbers(self.path)):
                return  # its writer has gone on, and accounts for it
            if self._last_t is None:
                self._last_t = time_before(self.path, Position(damage.segment, damage.offset))
        until = _changed(segment_path(self.path, damage.segment)) or time.time_ns()
        since = (
            self._wall_time(self._last_t)
            or _changed(segment_path(self.path, damage.segment - 1))
            or _changed(self.path / LOCK)
            or until
        )
        self._lose(damage.segment, damage.offset, damage.size, damage.reason, since, max(since, until))

    def _lose(self, segment: int, offset: int, size: int, cause: str, since: int, until: int) -> None:
        self._open_gap = JournalGapRow(self.id, segment, offset, size, cause, since, until)
        self.gaps.append(self._open_gap)

    def _after(self, block: Block) -> None:
        """Completes the time of the unreadable block in front of this one, from this block."""
        if not block.entries:
            return
        gap, until = self._open_gap, self._wall_time(block.entries[0].t)
        if gap is not None and until is not None:
            since = max(gap.since, self._wall_time(self._last_t) or 0)
            self.gaps = [one for one in self.gaps if one is not gap]
            self.gaps.append(replace(gap, since=min(since, until), until=until))
        self._open_gap = None
        self._last_t = block.entries[-1].t

    def _wall_time(self, t: int | None) -> int | None:
        return None if t is None or self._wall is None else self._wall + t

    def _give_up(self) -> Iterator[ConnectionEvent]:
        for number, (_, since) in list(self._pending.items()):
            if self._read - since > self._patience:
                connection = self.connections[number]
                messages = connection.abandon()
                self._note_pending(connection)
                yield ConnectionEvent(connection, "messages", messages)

    def _note_pending(self, connection: DecodedConnection) -> None:
        place = connection.pending
        known = self._pending.get(connection.number)
        if place is None:
            if known is not None:
                del self._pending[connection.number]
            return
        if known is None or known[0] != place:
            self._pending[connection.number] = (place, self._read)
        self._note_deadline(connection)

    def _note_deadline(self, connection: DecodedConnection) -> None:
        deadline = connection.deadline
        if deadline is not None:
            self._earliest = min(self._earliest, connection.opened_mono + deadline)


def _changed(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _ending(entry: JournalEntry, connection: DecodedConnection) -> Ending:
    try:
        return msgspec.json.decode(entry.body, type=Ending)
    except (msgspec.DecodeError, UnicodeDecodeError):
        log.error("connection %s: ending cannot be read", connection.id)  # noqa: TRY400
        return Ending(t=connection.last_t)
