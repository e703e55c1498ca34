"""Journal reader: follows one journal from any position, and deletes segments that are done with.

Knows: segments, blocks, torn tails, damage, and when a journal has come to its end.
Must not know: the meaning of the bytes; the positions that are committed.

A segment is final once the next one exists or the writer is dead. In a final segment, bytes that are no valid block
are skipped and reported as `Damage`; in the newest segment of a living writer they may be a block that is incomplete,
which is waited for until whole blocks follow it. Where a block's length cannot be trusted, the next block is searched
for byte by byte: one from which the lengths lead to the very end of the file. Bytes that only look like a block, which
a peer could send, do not lead there.
"""

import os
import re
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from relayproxy.journal.format import BLOCK_HEAD, ENTRY_HEAD, MAGIC, MAX_BLOCK, EntryKind, JournalEntry
from relayproxy.journal.refused import delete_refused
from relayproxy.journal.relay_report import delete_relay_report
from relayproxy.journal.segments import LOCK, segment_numbers, segment_path, writer_is_alive
from relayproxy.journal.windows import delete_windows

_READ_LEAST, _READ_AHEAD = 4 * 1024, 256 * 1024
"""Bytes taken from the file at once, unless a block is longer."""
_DOUBT = 1.0
"""Seconds that a living writer gets to complete a block before another one is looked for behind it."""
_LEADS_NOWHERE, _LEADS_TO_THE_END = 1, 2
_KINDS = {int(kind): kind for kind in EntryKind}
_POSSIBLE_BLOCK = re.compile(rb"(?=...[\x00-\x04]....[\x01-\x09].......[\x00-\x04])", re.DOTALL)
"""Beginning of a possible block: length, checksum, and the kind, connection and length of its first entry."""


class Position(NamedTuple):
    """A byte of a journal; positions compare in journal order."""

    segment: int
    offset: int


START = Position(1, 0)


@dataclass(frozen=True, slots=True)
class Block:
    """Entries whose checksum held. `end` is the offset behind the block in its segment."""

    segment: int
    end: int
    entries: tuple[JournalEntry, ...]


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a journal that cannot be read. What they held is not known; `size` is in bytes, 0 for missing files.

    `torn`: a final segment ends within a block. A living writer that leaves one behind accounts for it with gaps.
    `checksum`: a whole block does not match. `format`: not a segment, a block whose length cannot be right, or entries
    that do not fit their block. `missing`: segments are gone that come before one which is there.
    """

    segment: int
    offset: int
    size: int
    reason: Literal["torn", "checksum", "format", "missing"]


class JournalReader:
    """Reads the journal at `path` from the block that holds byte `offset` of `segment` on.

    Damaged and missing files are returned as `Damage`, not raised; other read errors raise OSError. Use `close` or a
    `with` block when done.
    """

    def __init__(self, path: Path, segment: int = START.segment, offset: int = START.offset) -> None:
        self._path = path
        self._segment = segment
        self._offset = 0
        self._target = offset
        self._file: int | None = None
        self._finished = False
        self._doubted: tuple[Position, float] | None = None
        """Position of an invalid block in the newest segment of a living writer, and the monotonic seconds at which it
        was seen first or searched past last."""

    def __enter__(self) -> "JournalReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def finished(self) -> bool:
        """True when the writer is dead and everything is returned."""
        return self._finished

    @property
    def segment(self) -> int:
        """The segment that is read now; all of those before it is returned."""
        return self._segment

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def read(self, max_bytes: int) -> list[Block | Damage]:
        """Blocks and damage since the last call, in order: about `max_bytes`, at least one block when there is one. An
        error is raised once all that was read before it has been returned; the next call tries again."""
        found: list[Block | Damage] = []
        budget = max_bytes
        while budget > 0 and not self._finished:
            here: list[Block | Damage] = []
            try:
                taken = self._step(here, budget)
            except OSError:
                self.close()
                if not found:
                    raise
                break
            if taken is None:
                break
            found += here
            budget -= taken
        return found

    def _step(self, found: list[Block | Damage], budget: int) -> int | None:
        """Appends what comes next, about `budget` bytes; returns the bytes used, None when there is no more yet."""
        if taken := self._take(found, budget, final=False):
            return taken
        successor = self._successor()
        if successor is None and writer_is_alive(self._path):
            return None
        # Only now is the segment final: what came between the read above and this look is read first.
        if taken := self._take(found, budget, final=True):
            return taken
        self._leave(found, successor or self._successor())
        return 0

    def _successor(self) -> int | None:
        return next((number for number in segment_numbers(self._path) if number > self._segment), None)

    def _leave(self, found: list[Block | Damage], successor: int | None) -> None:
        unseen = self._file is None
        self.close()
        if successor is None:
            self._finished = True
            return
        if unseen or successor > self._segment + 1:
            found.append(Damage(self._segment, max(self._offset, self._target), 0, "missing"))
        self._segment, self._offset, self._target = successor, 0, 0

    def _take(self, found: list[Block | Damage], budget: int, *, final: bool) -> int:
        """Appends what can be read now of the current segment; returns the bytes used, 0 when there are none."""
        if self._file is None:
            try:
                self._file = os.open(segment_path(self._path, self._segment), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return 0
        if self._offset < self._target:
            self._seek()
        data = os.pread(self._file, min(max(budget, _READ_LEAST), _READ_AHEAD), self._offset)
        at = 0
        if self._offset == 0 and data:
            at = len(MAGIC)
            if not data.startswith(MAGIC):
                torn = MAGIC.startswith(data)
                if final:
                    return self._spoiled(found, torn)
                return 0 if torn else self._doubt(found)
        start = at
        while True:
            if len(data) - at < BLOCK_HEAD.size:
                break
            length, checksum = BLOCK_HEAD.unpack_from(data, at)
            if not 0 < length <= MAX_BLOCK:
                break
            body, end = at + BLOCK_HEAD.size, at + BLOCK_HEAD.size + length
            if end > len(data):
                if at > start:
                    break
                data = data[:at] + os.pread(self._file, BLOCK_HEAD.size + length, self._offset + at)
                if end > len(data):
                    break
            content = data[body:end]
            if zlib.crc32(content) != checksum:
                if not final and self._block_end(self._offset + end) is None:
                    break
                found.append(Damage(self._segment, self._offset + at, end - at, "checksum"))
            else:
                found.extend(_blocks(content, self._segment, self._offset + body))
            at = end
        self._offset += at
        if at > start or (at and not final):
            return at
        return self._cut(found) or at if final else self._doubt(found)

    def _doubt(self, found: list[Block | Damage]) -> int:
        """Skips an invalid block in the newest segment of a living writer that has had time to complete it, when whole
        blocks follow; returns the bytes skipped."""
        here, now = Position(self._segment, self._offset), time.monotonic()
        if self._size() == self._offset:
            return 0
        if self._doubted is None or self._doubted[0] != here:
            self._doubted = here, now
        if now - self._doubted[1] < _DOUBT:
            return 0
        self._doubted = here, now
        return self._skip(found)

    def _skip(self, found: list[Block | Damage]) -> int:
        """Moves to the next block behind one whose length cannot be trusted; the bytes skipped, 0 without one."""
        assert self._file is not None
        rest = os.pread(self._file, self._size() - self._offset, self._offset)
        at = next_block(rest)
        if at:
            found.append(Damage(self._segment, self._offset, at, "format"))
            self._offset += at
        return at

    def _block_end(self, offset: int) -> int | None:
        """Offset behind the block that begins at `offset`; None when it is not whole or its checksum does not match."""
        assert self._file is not None
        head = os.pread(self._file, BLOCK_HEAD.size, offset)
        if len(head) < BLOCK_HEAD.size:
            return None
        length, checksum = BLOCK_HEAD.unpack(head)
        if not 0 < length <= MAX_BLOCK:
            return None
        content = os.pread(self._file, length, offset + BLOCK_HEAD.size)
        whole = len(content) == length and zlib.crc32(content) == checksum
        return offset + BLOCK_HEAD.size + length if whole else None

    def _size(self) -> int:
        assert self._file is not None
        return os.fstat(self._file).st_size

    def _spoiled(self, found: list[Block | Damage], torn: bool) -> int:
        if not torn and (skipped := self._skip(found)):
            return skipped
        size = self._size()
        found.append(Damage(self._segment, 0, size, "torn" if torn else "format"))
        self._offset = size
        return size

    def _cut(self, found: list[Block | Damage]) -> int:
        """Skips bytes of a final segment that are no whole block, to the next block or its end; the bytes skipped."""
        rest = self._size() - self._offset
        if rest <= 0:
            return 0
        if skipped := self._skip(found):
            return skipped
        assert self._file is not None
        head = os.pread(self._file, BLOCK_HEAD.size, self._offset)
        whole = len(head) == BLOCK_HEAD.size and not 0 < BLOCK_HEAD.unpack(head)[0] <= MAX_BLOCK
        found.append(Damage(self._segment, self._offset, rest, "format" if whole else "torn"))
        self._offset += rest
        return rest

    def _seek(self) -> None:
        """Moves to the block that holds the target, or as far towards it as the lengths of blocks lead."""
        assert self._file is not None
        at, target = len(MAGIC), self._target
        self._target = 0
        while at < target:
            head = os.pread(self._file, BLOCK_HEAD.size, at)
            if len(head) < BLOCK_HEAD.size:
                break
            length, _ = BLOCK_HEAD.unpack(head)
            end = at + BLOCK_HEAD.size + length
            if not 0 < length <= MAX_BLOCK or end > target:
                break
            at = end
        self._offset = at


def next_block(data: bytes) -> int:
    """Offset of the next whole block behind one, at the beginning of `data`, whose length cannot be trusted: of one
    from which the lengths lead to the end of `data`. 0 without one. Takes one pass."""
    known = bytearray(len(data))
    for match in _POSSIBLE_BLOCK.finditer(data, 1):
        at = match.start()
        if _leads_to_the_end(data, at, known):
            length, checksum = BLOCK_HEAD.unpack_from(data, at)
            body = at + BLOCK_HEAD.size
            if zlib.crc32(data[body : body + length]) == checksum:
                return at
    return 0


def _leads_to_the_end(data: bytes, at: int, known: bytearray) -> bool:
    """True when blocks of the lengths written there fill `data` from `at` to its end. `known` has what was found of
    each place before: what a peer sends can look like a long row of blocks from any of its bytes on."""
    found = _LEADS_NOWHERE
    way: list[int] = []
    while len(data) - at >= BLOCK_HEAD.size:
        if known[at]:
            found = known[at]
            break
        way.append(at)
        length, _ = BLOCK_HEAD.unpack_from(data, at)
        if not 0 < length <= MAX_BLOCK:
            break
        at += BLOCK_HEAD.size + length
    if at == len(data):
        found = _LEADS_TO_THE_END
    for place in way:
        known[place] = found
    return found == _LEADS_TO_THE_END


def _blocks(content: bytes, segment: int, start: int) -> list[Block | Damage]:
    """The entries of a verified block; kinds of a later format are left out, an entry that does not fit is damage."""
    entries: list[JournalEntry] = []
    found: list[Block | Damage] = [Block(segment, start + len(content), ())]
    at = 0
    while at < len(content):
        if at + ENTRY_HEAD.size > len(content):
            found.append(Damage(segment, start + at, len(content) - at, "format"))
            break
        number, connection, length, t, took = ENTRY_HEAD.unpack_from(content, at)
        body = at + ENTRY_HEAD.size
        if body + length > len(content):
            found.append(Damage(segment, start + at, len(content) - at, "format"))
            break
        kind = _KINDS.get(number)
        if kind is not None:
            entries.append(JournalEntry(kind, connection, t, took, content[body : body + length], start + body))
        at = body + length
    found[0] = Block(segment, start + len(content), tuple(entries))
    return found


def time_before(path: Path, position: Position) -> int | None:
    """The `t` of the last entry before `position` in its segment; None when none can be read."""
    found: int | None = None
    with JournalReader(path, position.segment) as reader:
        while parts := reader.read(_READ_AHEAD):
            for part in parts:
                end = part.end if isinstance(part, Block) else part.offset + 1
                if (part.segment, end) > position:
                    return found
                if isinstance(part, Block) and part.entries:
                    found = part.entries[-1].t
    return found


def delete_segments(path: Path, below: int) -> None:
    """Deletes the segments of a journal whose number is below `below`."""
    for number in segment_numbers(path):
        if number < below:
            segment_path(path, number).unlink(missing_ok=True)


def delete_journal(path: Path) -> None:
    """Deletes a finished journal. The lock goes last: a deletion that was interrupted can be taken up again."""
    for number in segment_numbers(path):
        segment_path(path, number).unlink(missing_ok=True)
    delete_refused(path)
    delete_relay_report(path)
    delete_windows(path)
    (path / LOCK).unlink(missing_ok=True)
    try:
        path.rmdir()
    except FileNotFoundError:
        return
