"""Recording reader: finds and decodes a connection's recorded lines in chunks and recordings.

Knows: how chunks and recordings hold JSON Lines, in the database or in objects; that message `seq` is line
`seq - first_seq` of them.
Must not know: what is done with the messages.
"""

import gzip
import sys
from array import array
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import accumulate

from sqlalchemy import BigInteger, BindParameter, Connection, Text, bindparam, func, select

from relayproxy.conversation.message import read_outlines
from relayproxy.store.errors import UnreadableError, store_errors
from relayproxy.store.read.recording_objects import MovedPart, RecordingMissingError, fetch, moved_part
from relayproxy.store.schema.tables import chunks, recordings

Reading = Callable[[], AbstractContextManager[Connection]]

ALL = sys.maxsize
CHUNKS_AT_ONCE = 256
BEGINNING = 2_000
"""Lines at the beginning of a part that are found without looking for where every line starts."""
KEPT_BYTES = 16 * 1024 * 1024
"""Unpacked lines that a reader keeps between two batches: two recording parts of the usual size."""

# Made once, as that takes longer than to execute them.
_connection: BindParameter[str] = bindparam("b_connection", type_=Text)
_seq: BindParameter[int] = bindparam("b_seq", type_=BigInteger)
_r, _c = recordings.c, chunks.c
_RECORDING_PART = (
    select(_r.connection, _r.first_seq, _r.n, _r.object, _r.sha256, _r.lines)
    .where(_r.connection == _connection, _r.first_seq + _r.n > _seq)
    .order_by(_r.first_seq)
    .limit(1)
)
_START = select(func.max(_c.first_seq)).where(_c.connection == _connection, _c.first_seq <= _seq).scalar_subquery()
_CHUNKS = (
    select(_c.first_seq, _c.n, _c.lines)
    .where(_c.connection == _connection, _c.first_seq >= func.coalesce(_START, _seq), _c.first_seq + _c.n > _seq)
    .order_by(_c.first_seq)
    .limit(CHUNKS_AT_ONCE)
)


class RecordingPart:
    """Lines of a connection that follow each other, so many, unpacked: those of one recording part, or of a few
    chunks."""

    __slots__ = ("_count", "_lines", "_starts", "connection", "first_seq")

    def __init__(self, connection: str, first_seq: int, count: int, lines: bytes) -> None:
        self.connection = connection
        self.first_seq = first_seq
        self._lines = lines
        self._count = count
        self._starts: array[int] | None = None

    @property
    def size(self) -> int:
        """Bytes of lines."""
        return len(self._lines)

    def holds(self, connection: str, seq: int) -> bool:
        """Whether message `seq` of the connection is in it."""
        return connection == self.connection and 0 <= seq - self.first_seq < self._count

    def lines(self, seq: int, limit: int | None = None) -> bytes:
        """The lines from message `seq` on, at most `limit`."""
        start = min(max(seq - self.first_seq, 0), self._count)
        end = self._count if limit is None else min(start + limit, self._count)
        if start == 0 and end == self._count:
            return self._lines
        if self._starts is None and end <= BEGINNING:
            return b"".join(line + b"\n" for line in self._lines.split(b"\n", end)[start:end])
        if self._starts is None:
            # Takes longer than to unpack them.
            self._starts = array("q", accumulate(map(len, self._lines.splitlines(keepends=True)), initial=0))
        return self._lines[self._starts[start] : self._starts[end]]


class NotFetchedError(Exception):
    """The lines are in an object, which is to be fetched first; in an open transaction nothing is."""

    def __init__(self, part: MovedPart) -> None:
        super().__init__(str(part))
        self.part = part


class RecordingReader:
    """Reads lines batch by batch, forwards or backwards, and unpacks a part once for all of its batches.

    Between two batches it keeps the parts that it unpacked last, as long as they are `KEPT_BYTES` of lines together
    (and 8 bytes for each line); one that is larger by itself is not kept, and unpacked again for every batch. What has
    been committed never changes, so what is kept is never wrong; but it may have been deleted, so a reader is for one
    answer. Not for several threads at once.
    """

    def __init__(self) -> None:
        self._kept: list[RecordingPart] = []
        """The one that was used last is the first."""
        self._fetched: tuple[MovedPart, RecordingPart | RecordingMissingError] | None = None
        """The part that was fetched last, or why it is not to be had."""

    def lines(self, db: Connection, connection: str, seq: int, limit: int) -> bytes:
        """At most `limit` stored lines of a connection from message `seq` on. Empty when nothing is stored from there
        on; fewer than `limit`: there may be more behind them. Raises `NotFetchedError` when `fetch` is to be called
        before it is called again, `RecordingMissingError` and `UnreadableError`."""
        part = next((part for part in self._kept if part.holds(connection, seq)), None)
        if part is None:
            part = self._unpacked(_part_with(db, connection, seq))
        self._keep(part)
        return part.lines(seq, limit)

    def fetch(self, part: MovedPart) -> None:
        """Fetches what `lines` has asked for, for its next call. Not to be called with a transaction open. Raises
        `RecordingAwayError`."""
        try:
            self._fetched = part, _unpacked(part)
        except RecordingMissingError as problem:
            # It may have come back into the database meanwhile.
            self._fetched = part, problem

    def _unpacked(self, part: RecordingPart | MovedPart) -> RecordingPart:
        if isinstance(part, RecordingPart):
            return part
        if self._fetched is None or self._fetched[0] != part:
            raise NotFetchedError(part)
        found = self._fetched[1]
        if isinstance(found, RecordingMissingError):
            raise found
        return found

    def _keep(self, used: RecordingPart) -> None:
        parts = [used, *(part for part in self._kept if part is not used)]
        sizes = accumulate(part.size for part in parts)
        self._kept = [part for part, together in zip(parts, sizes, strict=True) if together <= KEPT_BYTES]


def pack(lines: bytes) -> bytes:
    """Lines as a recording keeps them; equal lines give equal bytes."""
    return gzip.compress(lines, 6, mtime=0)


def lines_from(reading: Reading, connection: str, seq: int) -> bytes:
    """Stored lines of a connection from message `seq` on: the rest of one recording part, or of a few chunks.
    Empty when nothing is stored from there on; call again with the next `seq` for more. `reading` opens a transaction;
    while an object is fetched, none is open. Raises `RecordingAwayError`, `RecordingMissingError` and
    `UnreadableError`."""
    reader = RecordingReader()
    while True:
        try:
            with reading() as db:
                return reader.lines(db, connection, seq, ALL)
        except NotFetchedError as wanted:
            reader.fetch(wanted.part)


def _unpacked(part: MovedPart) -> RecordingPart:
    with store_errors():
        return _part(part.connection, part.first_seq, part.count, gzip.decompress(fetch(part)))


def _part(connection: str, first_seq: int, count: int, lines: bytes) -> RecordingPart:
    """Raises `UnreadableError` where these are not so many lines from that message on: who goes through them by their
    numbers would come to no end."""
    if lines.count(b"\n") != count or (lines and read_outlines(lines[: lines.index(b"\n")])[0].seq != first_seq):
        raise UnreadableError("database: a recording is damaged (its messages are not those that it should have)")
    return RecordingPart(connection, first_seq, count, lines)


def _part_with(db: Connection, connection: str, seq: int) -> RecordingPart | MovedPart:
    """The part that message `seq` is in, else the next one; an empty one when nothing is stored from there on."""
    wanted = {"b_connection": connection, "b_seq": seq}
    part = db.execute(_RECORDING_PART, wanted).first()
    if part and part.object is not None:
        return moved_part(db, part)
    if part:
        return _part(connection, part.first_seq, part.n, gzip.decompress(part.lines))
    found = db.execute(_CHUNKS, wanted).all()
    first = following = found[0].first_seq if found else seq
    lines: list[bytes] = []
    for row in found:
        if row.first_seq != following:
            break
        lines.append(row.lines)
        following += row.n
    return _part(connection, first, following - first, b"".join(lines))
