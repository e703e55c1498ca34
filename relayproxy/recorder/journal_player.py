"""Journal player: turns the entries of one journal into events of its connections.

Knows: positions, what is committed, what must be read again after a restart, and when segments are done with.
Must not know: sessions, the conversation, the database.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.message import Message
from relayproxy.journal.format import ENTRY_HEAD, EntryKind, JournalEntry
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
from relayproxy.journal.windows import Windows, delete_windows, read_windows, write_windows
from relayproxy.recorder.decoding.connection import END, SIDES, DecodedConnection
from relayproxy.recorder.decoding.frames import JournalPlace
from relayproxy.recorder.decoding.lost_opening import placeholder
from relayproxy.recorder.decoding.resume import read_resume
from relayproxy.redaction.rules import EVERYTHING, Rules
from relayproxy.store.schema.rows import ConnectionRow, JournalGapRow

log = logging.getLogger(__name__)

_OPENINGS = (EntryKind.REQUEST, EntryKind.OPENING)

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
        self.connections = {connection.number: connection for connection in live}
        self.ended = False
        """Everything of a dead writer's journal has been played."""
        self._limit = message_limit
        self._size_limit = size_limit
        self._patience = patience
        self._rules = rules
        self._read = 0
        self._spoiled = False
        """Damage, and nothing readable since: one gap is enough for all of it."""
        self.gaps: list[JournalGapRow] = []
        """Gaps of the journal, to be committed with `position`; one may come again when more is known of it."""
        self._open_gap: JournalGapRow | None = None
        """The last one, until it is known what comes behind it."""
        self._last_t: int | None = None
        """Of the last entry, on the relay's clock."""
        self._wall: int | None = None
        self._pending: dict[int, tuple[JournalPlace, int]] = {}
        self._earliest = END
        """No message that is held may go before this time of the relay's clock."""
        for connection in self.connections.values():
            self._wall = connection.wall
            self._note_pending(connection)
        self._reader = JournalReader(path, *self.low_water())
        self._written = {one.number: one.windows.id for one in self.connections.values()}
        """The ids of the windows in the journal's folder, by connection."""
        self._unwritten: dict[int, tuple[int, str]] = {}
        """The connections whose windows could not be written, since when (wall nanoseconds), and why."""

    def close(self) -> None:
        self._reader.close()

    def low_water(self) -> Position:
        """The position before which nothing of this journal is needed any more once `position` is committed."""
        return min([self.position, *(Position(*place) for place, _ in self._pending.values())])

    def play(self, max_bytes: int) -> Iterator[ConnectionEvent]:
        """Plays about `max_bytes` of new entries. Must be exhausted before `position` means anything."""
        read = False
        for found in self._reader.read(max_bytes):
            read = True
            if isinstance(found, Block):
                yield from self._block(found)
                self._after(found)
                self._spoiled = False
            else:
                yield from self._damage(found)
        if self._reader.segment > self.position.segment:
            self.position = Position(self._reader.segment, 0)
        yield from self._give_up()
        if not read and self._wall is not None:
            yield from self._due(time.time_ns() - self._wall - SETTLED)
        if self._reader.finished and not self.ended:
            self.ended = True
            if self.connections and not self.path.exists():
                since = max(one.opening.opened_at + one.last_t for one in self.connections.values())
                self._lose(*self.position, 0, "missing", since, max(since, time.time_ns()))
            for connection in list(self.connections.values()):
                yield self._end(connection, Ending(t=connection.last_t, cause="relay_died"))

    def write_windows(self, connection: DecodedConnection) -> None:
        """Writes the windows that the connection's row refers to, before the row is committed. What is compressed goes
        on from them after a restart; without them it has a gap."""
        windows = connection.windows
        if not windows.id or windows.id == self._written.get(connection.number):
            return
        try:
            write_windows(self.path, connection.number, windows)
        except OSError as problem:
            words = problem.strerror or type(problem).__name__
            if not self._unwritten:
                log.error(  # noqa: TRY400
                    "journal %s: deflate windows cannot be written (%s); a restart will lose what is compressed",
                    self.id, words,
                )  # fmt: skip
            since = self._unwritten.get(connection.number, (time.time_ns(), ""))[0]
            self._unwritten[connection.number] = (since, words)
        else:
            self._written[connection.number] = windows.id
            self._unwritten.pop(connection.number, None)

    @property
    def windows_trouble(self) -> tuple[int, str] | None:
        """Since when, and why, windows that live connections need after a restart are not written."""
        return min(self._unwritten.values(), default=None)

    def settle(self) -> None:
        """Takes that `position`, `gaps` and the rows of connections are committed: deletes files that nothing needs any
        more."""
        self.committed = self.position
        self.gaps.clear()
        delete_segments(self.path, self.low_water().segment)
        self.delete_windows()

    def delete_windows(self) -> None:
        """Deletes the windows that no row refers to."""
        self._written = {number: id for number, id in self._written.items() if number in self.connections}
        delete_windows(self.path, self._needs_windows)

    def _needs_windows(self, number: int, id: str) -> bool:
        connection = self.connections.get(number)
        return connection is not None and connection.windows.id == id

    def delete(self) -> None:
        """Deletes the files of a journal that has ended and is committed."""
        self.close()
        delete_journal(self.path)

    def _block(self, block: Block) -> Iterator[ConnectionEvent]:
        endings: list[JournalEntry] = []
        for entry in block.entries:
            self._read += ENTRY_HEAD.size + len(entry.body)
            if (block.segment, entry.offset + len(entry.body)) <= self.committed:
                yield from self._replay(entry, block.segment)
            elif entry.kind is EntryKind.ENDING:
                # Last of all: after a disk that refused, the writer puts gaps behind endings it had kept.
                endings.append(entry)
            else:
                yield from self._entry(entry, block.segment)
        for entry in endings:
            connection = self.connections.get(entry.connection)
            if connection is None:
                connection = self._open(entry, None)
                yield ConnectionEvent(connection, "opened", [])
            yield self._end(connection, _ending(entry, connection))
        if block.entries:
            yield from self._due(block.entries[-1].t)
        self.position = max(self.position, Position(block.segment, block.end))

    def _replay(self, entry: JournalEntry, segment: int) -> Iterator[ConnectionEvent]:
        connection = self.connections.get(entry.connection)
        if connection is not None and entry.kind is EntryKind.FAULT:
            connection.faults.add(entry.body)
        elif connection is not None and entry.kind in SIDES:
            messages = connection.replay(entry, segment)
            self._note_pending(connection)
            if messages:
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
                messages = connection.due(t)
                self._note_pending(connection)
                yield ConnectionEvent(connection, "messages", messages)
            else:
                self._note_deadline(connection)

    def _entry(self, entry: JournalEntry, segment: int) -> Iterator[ConnectionEvent]:
        connection = self.connections.get(entry.connection)
        if connection is None:
            connection = self._open(entry, entry.body if entry.kind in _OPENINGS else None)
            yield ConnectionEvent(connection, "opened", [])
        elif entry.kind is EntryKind.OPENING:
            opening, raw = self._read_opening(entry)
            if opening is not None and connection.answered(opening, raw):
                yield ConnectionEvent(connection, "answered", [])
        if entry.kind in SIDES:
            messages = connection.chunk(entry, segment)
        elif entry.kind is EntryKind.GAP:
            messages = connection.gap(entry)
        else:
            if entry.kind is EntryKind.FAULT:
                connection.faults.add(entry.body)
            return
        self._note_pending(connection)
        yield ConnectionEvent(connection, "messages", messages)

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
        self._unwritten.pop(connection.number, None)
        return ConnectionEvent(connection, "ended", messages)

    def _damage(self, damage: Damage) -> Iterator[ConnectionEvent]:
        end = Position(damage.segment, damage.offset + damage.size)
        if START < end <= self.committed:
            return  # read again after a restart, and told already
        log.error(
            "journal %s: segment %d cannot be read from byte %d on (%s, %d bytes)",
            self.id, damage.segment, damage.offset, damage.reason, damage.size,
        )  # fmt: skip
        self._note_gap(damage)
        self.position = max(self.position, end)
        if self._spoiled:
            return
        self._spoiled = True
        for connection in self.connections.values():
            messages = connection.lose_all()
            self._note_pending(connection)
            yield ConnectionEvent(connection, "messages", messages)

    def _note_gap(self, damage: Damage) -> None:
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


def windows_of(path: Path, row: ConnectionRow) -> Windows | None:
    """The deflate windows that a connection's row refers to; None when there are none, or they are lost."""
    id = read_resume(row.resume).windows
    found = read_windows(path, row.number, id) if id else None
    if id and found is None:
        log.error(
            "connection %s: its deflate windows are gone or damaged; what is compressed has a gap until it can be read",
            row.id,
        )
    return found


def _changed(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _ending(entry: JournalEntry, connection: DecodedConnection) -> Ending:
    try:
        return msgspec.json.decode(entry.body, type=Ending)
    except msgspec.DecodeError:
        log.error("connection %s: ending cannot be read", connection.id)  # noqa: TRY400
        return Ending(t=connection.last_t)
