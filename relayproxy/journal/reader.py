"""The journal's reader: follows one journal from any byte position, and clears away what is done with.

Knows: segments, blocks, torn tails, damage, and when a journal has come to its end.
Must not know: what the bytes mean, or who has committed what.

A segment is final once the next one exists or the writer is dead. In a final segment a block that does not hold is
cut or skipped and reported as `Damage`; in the newest segment of a living writer it is waited for.
"""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from relayproxy.journal.format import BLOCK_HEAD, ENTRY_HEAD, MAGIC, MAX_BLOCK, Entry, Kind
from relayproxy.journal.segments import LOCK, segment_numbers, segment_path, writer_is_alive

_READ_AHEAD = 256 * 1024
"""Bytes taken from the file at once, unless a block is longer."""
_KINDS = {int(kind): kind for kind in Kind}


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
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a journal that cannot be read. What they held is not known; `size` is in bytes, 0 for missing files.

    `torn`: a final segment ends within a block. A living writer that leaves one behind accounts for it with gaps.
    `checksum`: a whole block does not match. `format`: not a segment, or entries that do not fit their block.
    `missing`: segments between two others are gone.
    """

    segment: int
    offset: int
    size: int
    reason: Literal["torn", "checksum", "format", "missing"]


class JournalReader:
    """Reads the journal at `path` from the block that holds byte `offset` of `segment` on.

    Never raises for what it finds on the disk: files that are gone count as missing, other read errors (OSError) go
    through. Use `close` or a `with` block when done.
    """

    def __init__(self, path: Path, segment: int = START.segment, offset: int = START.offset) -> None:
        self._path = path
        self._segment = segment
        self._offset = 0
        self._target = offset
        self._file: int | None = None
        self._finished = False

    def __enter__(self) -> "JournalReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def finished(self) -> bool:
        """The writer is dead and everything has been returned."""
        return self._finished

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def read(self, max_bytes: int) -> list[Block | Damage]:
        """What has come since the last call: about `max_bytes`, at least one block when there is one, in order."""
        found: list[Block | Damage] = []
        budget = max_bytes
        while budget > 0 and not self._finished:
            taken = self._take(found, final=False)
            if not taken:
                successor = self._successor()
                dead = successor is None and not writer_is_alive(self._path)
                if successor is None and not dead:
                    break
                # Only now is the segment final: what came between the read above and this look is read first.
                taken = self._take(found, final=True)
                if not taken:
                    self._leave(found, successor or self._successor())
            budget -= taken
        return found

    def _successor(self) -> int | None:
        return next((number for number in segment_numbers(self._path) if number > self._segment), None)

    def _leave(self, found: list[Block | Damage], successor: int | None) -> None:
        unseen = self._file is None and self._target == 0
        self.close()
        if successor is None:
            self._finished = True
            return
        if unseen or successor > self._segment + 1:
            found.append(Damage(self._segment, self._offset, 0, "missing"))
        self._segment, self._offset, self._target = successor, 0, 0

    def _take(self, found: list[Block | Damage], *, final: bool) -> int:
        """Appends what can be read now of the current segment; the bytes used, 0 when it has nothing (more)."""
        if self._file is None:
            try:
                self._file = os.open(segment_path(self._path, self._segment), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return 0
        if self._offset < self._target:
            self._seek()
        data = os.pread(self._file, _READ_AHEAD, self._offset)
        at = 0
        if self._offset == 0 and data:
            at = len(MAGIC)
            if not data.startswith(MAGIC):
                return self._spoiled(found, MAGIC.startswith(data)) if final else 0
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
                if not final:
                    break
                found.append(Damage(self._segment, self._offset + at, end - at, "checksum"))
            else:
                found.extend(_blocks(content, self._segment, self._offset + body))
            at = end
        self._offset += at
        if at > start or not final:
            return at
        return self._cut(found) or at

    def _size(self) -> int:
        assert self._file is not None
        return os.fstat(self._file).st_size

    def _spoiled(self, found: list[Block | Damage], torn: bool) -> int:
        size = self._size()
        found.append(Damage(self._segment, 0, size, "torn" if torn else "format"))
        self._offset = size
        return size

    def _cut(self, found: list[Block | Damage]) -> int:
        """Gives up the rest of a final segment, which is no whole block."""
        rest = self._size() - self._offset
        if rest <= 0:
            return 0
        assert self._file is not None
        head = os.pread(self._file, BLOCK_HEAD.size, self._offset)
        whole = len(head) == BLOCK_HEAD.size and not 0 < BLOCK_HEAD.unpack(head)[0] <= MAX_BLOCK
        found.append(Damage(self._segment, self._offset, rest, "format" if whole else "torn"))
        self._offset += rest
        return rest

    def _seek(self) -> None:
        """Goes to the block that holds the target; to the last one that can be walked to when that is not there."""
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


def _blocks(content: bytes, segment: int, start: int) -> list[Block | Damage]:
    """The entries of a verified block; kinds of a later format are left out, an entry that does not fit is damage."""
    entries: list[Entry] = []
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
            entries.append(Entry(kind, connection, t, took, content[body : body + length], start + body))
        at = body + length
    found[0] = Block(segment, start + len(content), tuple(entries))
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
    (path / LOCK).unlink(missing_ok=True)
    try:
        path.rmdir()
    except FileNotFoundError:
        return
