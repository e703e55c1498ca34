"""Tape: the buffer to which the relay's event loop appends entries, without ever waiting.

Knows: packing entries into one buffer, the byte bound, counting chunks that did not fit as gaps, and which connections
are open.
Must not know: files and threads (the sink takes full buffers); the meaning of the bytes.

One thread only. Nothing here raises: a chunk that cannot be taken is counted, and the count is written as a gap as
soon as there is room. An ending may be lost here, in the writer or on the disk; so an entry after it tells which
connections are open, and whoever still knows of others learns that they have ended.
"""

from collections.abc import Callable
from functools import partial
from time import monotonic_ns
from typing import Protocol

from relayproxy.journal.format import ENTRY_HEAD, MAX_TOOK, EntryKind, GapBody, GapCause, OpenConnections, pack_entry

HAND_OVER_SIZE = 1024 * 1024
"""A buffer this long goes to the sink at once; a shorter one waits for the next flush."""

FLUSH_INTERVAL = 0.025
"""Seconds between flushes: each wakes the writer, and much rarer ones would bring the same work in bursts."""

TELL_OPEN, TELL_AGAIN = 2.0, 90.0
"""Seconds from an ending until it is told which connections are open, and from then on until it is told once more when
nothing has ended meanwhile: by then the writer has begun another segment, and damage to the first one costs little."""


class Sink(Protocol):
    """Takes buffers of packed entries, in order, without blocking."""

    @property
    def pending(self) -> int:
        """Bytes taken and not yet written."""
        ...

    def put(self, entries: bytearray) -> None: ...


class Tape:
    """Collects entries and hands them to `sink`; at most `limit` bytes wait in memory.

    `later(seconds, callback)` is the event loop's timer. Past the limit chunks are dropped and counted by side;
    openings and endings are small and still taken up to twice the limit.
    """

    __slots__ = (
        "_gaps",
        "_handing_over",
        "_later",
        "_latest",
        "_limit",
        "_open",
        "_scheduled",
        "_sink",
        "_telling",
        "_told",
        "buffer",
        "lost",
        "room",
    )

    def __init__(self, sink: Sink, limit: int, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._sink = sink
        self._limit = limit
        self._later = later
        self.buffer = bytearray()
        """Entries that wait for the flush."""
        self.room = -1
        """Bytes in `buffer` up to which whoever has a chunk may append its entry to it; else `chunk` takes it."""
        self._scheduled = self._handing_over = False
        self._gaps: dict[tuple[int, EntryKind], tuple[int, GapBody]] = {}
        self._open: set[int] = set()
        self._latest = 0
        """The highest number of a connection so far."""
        self._telling = False
        """It will be told soon which connections are open."""
        self._told = 0
        """How often that was told."""
        self.lost = 0
        """Number of openings and endings dropped because twice the limit was reached."""

    def chunk(self, kind: EntryKind, connection: int, t: int, took: int, data: bytes) -> None:
        """Appends one chunk; see `journal.format` for the fields."""
        if len(self.buffer) > self.room and not self._make_room():
            self._drop(kind, connection, t, len(data))
            return
        self.buffer += ENTRY_HEAD.pack(kind, connection, len(data), t, min(took, MAX_TOOK))
        self.buffer += data
        self._schedule()

    def note(self, kind: EntryKind, connection: int, t: int, body: bytes, *, at_once: bool = False) -> None:
        """Appends an opening or an ending; counts it in `lost` when twice the limit is reached. `at_once` hands over
        in the event loop's next turn, so that a process killed soon afterwards leaves a trace of the call, and many
        calls that begin in one turn wake the writer once."""
        if kind is EntryKind.ENDING:
            self._open.discard(connection)
            self._tell_open_soon()
        elif kind in (EntryKind.REQUEST, EntryKind.OPENING):
            self._open.add(connection)
            self._latest = max(self._latest, connection)
        if self._has_no_room:
            self.lost += 1
            return
        if self._gaps:
            self._write_gaps()
        self.buffer += pack_entry(kind, connection, t, 0, body)
        if at_once and not self._handing_over:
            self._handing_over = True
            self._later(0, self._hand_over)
        elif not at_once:
            self._schedule()

    def close(self) -> None:
        """Hands all that is collected, gaps included, to the sink."""
        if self._gaps:
            self._write_gaps()
        self._hand_over()

    @property
    def _has_no_room(self) -> bool:
        """Twice the limit is reached."""
        return len(self.buffer) + self._sink.pending > 2 * self._limit

    def _tell_open_soon(self) -> None:
        if not self._telling:
            self._telling = True
            self._later(TELL_OPEN, self._tell_open)

    def _tell_open(self) -> None:
        self._telling = False
        if self._has_no_room:
            self._tell_open_soon()
            return
        self._told += 1
        self._write_open()
        self._later(TELL_AGAIN, partial(self._tell_open_again, self._told))

    def _tell_open_again(self, told: int) -> None:
        if told == self._told:
            self._write_open()

    def _write_open(self) -> None:
        if self._gaps:
            self._write_gaps()
        found = OpenConnections(self._latest, frozenset(self._open))
        self.buffer += pack_entry(EntryKind.OPEN_CONNECTIONS, 0, monotonic_ns(), 0, found.pack())
        self._schedule()

    def _make_room(self) -> bool:
        if len(self.buffer) > HAND_OVER_SIZE:
            self._hand_over()
        if len(self.buffer) + self._sink.pending > self._limit:
            return False
        if self._gaps:
            self._write_gaps()
        self.room = min(HAND_OVER_SIZE, self._limit - self._sink.pending)
        return True

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._later(FLUSH_INTERVAL, self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._gaps and len(self.buffer) + self._sink.pending <= self._limit:
            self._write_gaps()
        self._hand_over()
        self.room = -1
        if self._gaps:
            self._schedule()

    def _hand_over(self) -> None:
        self._handing_over = False
        if self.buffer:
            self._sink.put(self.buffer)
            self.buffer = bytearray()

    def _drop(self, kind: EntryKind, connection: int, t: int, size: int) -> None:
        key = (connection, kind)
        known = self._gaps.get(key)
        if known is None:
            self._gaps[key] = (t, GapBody(GapCause.BUFFER, kind, 1, size, t))
        else:
            first, gap = known
            self._gaps[key] = (first, GapBody(gap.cause, kind, gap.chunks + 1, gap.size + size, t))
        self.room = -1
        self._schedule()

    def _write_gaps(self) -> None:
        for (connection, _), (t, gap) in self._gaps.items():
            self.buffer += pack_entry(EntryKind.GAP, connection, t, 0, gap.pack())
        self._gaps.clear()


class _Nowhere:
    pending = 0

    def put(self, entries: bytearray) -> None:
        """Keeps nothing."""


class NoTape(Tape):
    """A tape that keeps nothing: for calls that are not recorded."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_Nowhere(), 0, lambda _seconds, _callback: None)

    def chunk(self, kind: EntryKind, connection: int, t: int, took: int, data: bytes) -> None:
        """Keeps nothing."""

    def note(self, kind: EntryKind, connection: int, t: int, body: bytes, *, at_once: bool = False) -> None:
        """Keeps nothing."""


class CopyingTape(NoTape):
    """Passes everything on to `tape`, and then what Twilio's side sends to `copy`, too. Chunks that are not taped any
    more are not copied either: `copy` gets None for the first of them."""

    __slots__ = ("_copy", "_tape")

    def __init__(self, tape: Tape, copy: Callable[[bytes | None], None]) -> None:
        super().__init__()
        self._tape = tape
        self._copy = copy

    def chunk(self, kind: EntryKind, connection: int, t: int, took: int, data: bytes) -> None:
        """Appends one chunk, and copies Twilio's."""
        self._tape.chunk(kind, connection, t, took, data)
        if kind is EntryKind.TWILIO_CHUNK:
            self._copy(data)

    def note(self, kind: EntryKind, connection: int, t: int, body: bytes, *, at_once: bool = False) -> None:
        """Appends a note; a gap of Twilio's side ends the copy, unless it is of what nobody got."""
        self._tape.note(kind, connection, t, body, at_once=at_once)
        if kind is EntryKind.GAP:
            gap = GapBody.unpack(body)
            if gap.side is EntryKind.TWILIO_CHUNK and gap.cause is not GapCause.FAULT:
                self._copy(None)
