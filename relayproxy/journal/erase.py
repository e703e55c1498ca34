"""Journal erasure: overwrites what a journal still holds of some connections.

Knows: that whole blocks can be rewritten in place, at the same length and with a right checksum, while the journal is
written and read on; a kind of entry that readers leave out; that bytes which no reader can read may be anybody's.
Must not know: which connections, and why; what is committed.

A segment is deleted as a whole, and the newest one stays until it is full: on a quiet relay for days.
"""

import os
import zlib
from collections.abc import Set as AbstractSet
from pathlib import Path

from relayproxy.journal.format import BLOCK_HEAD, ENTRY_HEAD, ERASED, MAGIC, MAX_BLOCK
from relayproxy.journal.reader import next_block
from relayproxy.journal.segments import segment_numbers, segment_path
from relayproxy.journal.windows import delete_windows


def erase_connections(path: Path, numbers: AbstractSet[int]) -> None:
    """Overwrites the entries of these connections in every whole block of the journal, and damage that readers skip;
    durable on return. Nothing of them may be needed any more: they have ended and are committed. Raises OSError; files
    that go meanwhile are none."""
    segments = segment_numbers(path)
    for segment in segments:
        try:
            file = os.open(segment_path(path, segment), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            if _erase(file, numbers, final=segment != segments[-1]):
                os.fsync(file)
        finally:
            os.close(file)
    delete_windows(path, lambda connection, _id: connection not in numbers)


def _erase(file: int, numbers: AbstractSet[int], *, final: bool) -> bool:
    """True when anything was overwritten. `final`: nothing more is written to the segment."""
    at, changed = len(MAGIC), False
    while len(head := os.pread(file, BLOCK_HEAD.size, at)) == BLOCK_HEAD.size:
        length, checksum = BLOCK_HEAD.unpack(head)
        plausible = 0 < length <= MAX_BLOCK
        content = os.pread(file, length, at + BLOCK_HEAD.size) if plausible else b""
        if not plausible or len(content) < length:
            damage = b"" if plausible and not final else _damage(file, at, final=final)
            if not damage:
                break  # it is being written
            # All but its head, by which readers skip it as before.
            if any(damage[BLOCK_HEAD.size :]):
                os.pwrite(file, bytes(len(damage) - BLOCK_HEAD.size), at + BLOCK_HEAD.size)
                changed = True
            at += len(damage)
            continue
        erased = _without(content, numbers)
        if erased != content:
            # One that does not match was damaged and stays so, or an erasure was killed when it had written half of it:
            # then it matches again.
            checksum = zlib.crc32(erased) if zlib.crc32(content) == checksum else checksum
            os.pwrite(file, BLOCK_HEAD.pack(length, checksum) + erased, at)
            changed = True
        at += BLOCK_HEAD.size + length
    return changed


def _damage(file: int, at: int, *, final: bool) -> bytes:
    """The bytes that readers skip from a block on that its length does not lead out of: to the next one that they read,
    from which the lengths lead to the end of the segment, or else, in a `final` one, to its end."""
    rest = os.pread(file, os.fstat(file).st_size - at, at)
    return rest[: next_block(rest)] or (rest if final else b"")


def _without(content: bytes, numbers: AbstractSet[int]) -> bytes:
    block, at = bytearray(content), 0
    while at + ENTRY_HEAD.size <= len(block):
        _, connection, length, t, took = ENTRY_HEAD.unpack_from(block, at)
        body = at + ENTRY_HEAD.size
        if body + length > len(block):
            break
        if connection in numbers:
            ENTRY_HEAD.pack_into(block, at, ERASED, connection, length, t, took)
            block[body : body + length] = bytes(length)
        at = body + length
    return bytes(block)
