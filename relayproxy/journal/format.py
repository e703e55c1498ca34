"""Journal format: the bytes of segments, blocks and entries.

Knows: entries, blocks and their checksums; nothing is written or read here.
Must not know: files, threads, WebSockets, JSON.

A segment file is `MAGIC` followed by blocks. A block is `<u32 length> <u32 crc32>` followed by `length` bytes of
entries; the checksum covers those bytes. A block whose length or checksum does not hold is a torn tail: the file
ends before it. An entry is a fixed head followed by `length` bytes of body:

    u8 kind · u32 connection · u32 length · u64 t · u32 took

`t` is nanoseconds of the relay's monotonic clock; for a chunk it is when the bytes had been read, and `took` is
the nanoseconds until the write to the other side had returned, or `MAX_TOOK` when that is not known: the other side
was not taking data, or it took longer than fits. `connection` counts up from 1 within one journal, and is 0 in an
entry of no connection. All numbers are little-endian.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import msgspec

MAGIC = b"relayproxy journal 1\n"
BLOCK_HEAD = struct.Struct("<II")
ENTRY_HEAD = struct.Struct("<BIIQI")
ENTRY_SOURCE, ENTRY_REST = struct.Struct("<BI"), struct.Struct("<5sIQI")
"""Both make an entry's head, where one source has many: kind and connection, packed once, and the rest with them."""
MAX_TOOK = 0xFFFFFFFF
MAX_BLOCK = 64 * 1024 * 1024
"""Maximum bytes of a block's entries; a greater length is damage."""


class EntryKind(IntEnum):
    TWILIO_CHUNK = 1
    """Bytes read from Twilio."""
    BACKEND_CHUNK = 2
    OPENING = 3
    """Body: the facts of how the connection opened, as the relay encoded them."""
    ENDING = 4
    GAP = 5
    """Body: a `GapBody`."""
    REQUEST = 7
    """Body: as of an opening, what is known of a connection before its backend is dialled; the opening follows."""
    FAULT = 8
    """Body: in words (UTF-8), in what the backend's message that follows differs from what the backend sent."""
    OPEN_CONNECTIONS = 9
    """Of no connection. Body: an `OpenConnections`."""


ERASED = 6
"""The kind of an entry whose body was overwritten. Readers leave it out, as they do kinds that they do not know."""
GAP_BODY = struct.Struct("<BIQQ")


class GapCause(IntEnum):
    BUFFER = 1
    """The writer's byte bound was reached: the disk is slower than the calls."""
    QUOTA = 2
    """The journal's size limit was reached: the recorder is behind."""
    DISK = 3
    """The file could not be written."""
    LIMIT = 4
    """The limit of what is recorded of one connection was reached."""
    FAULT = 5
    """The bytes were not passed on: faults were injected into the call, which was over before."""


@dataclass(frozen=True, slots=True)
class GapBody:
    """Chunks of one side that were dropped. The entry's `t` is that of the first of them, `last_t` that of the last."""

    cause: GapCause
    side: EntryKind
    chunks: int
    size: int
    last_t: int

    def pack(self) -> bytes:
        return GAP_BODY.pack(self.cause << 4 | self.side, self.chunks, self.size, self.last_t)

    @classmethod
    def unpack(cls, body: bytes) -> "GapBody":
        both, chunks, size, last_t = GAP_BODY.unpack(body)
        return cls(GapCause(both >> 4), EntryKind(both & 15), chunks, size, last_t)


@dataclass(frozen=True, slots=True)
class OpenConnections:
    """The connections that are open, of those numbered up to `latest`. All others of these have ended: the entries of
    their endings, and whatever else there is of them, stand before this one unless they are lost."""

    latest: int
    numbers: frozenset[int]

    def pack(self) -> bytes:
        return struct.pack(f"<{1 + len(self.numbers)}I", self.latest, *self.numbers)

    @classmethod
    def unpack(cls, body: bytes) -> "OpenConnections":
        """Raises ValueError for what `pack` has not made."""
        if not body or len(body) % 4:
            raise ValueError(f"{len(body)} bytes are no list of connections")
        latest, *numbers = struct.unpack(f"<{len(body) // 4}I", body)
        return cls(latest, frozenset(numbers))


class JournalEntry(msgspec.Struct, frozen=True, gc=False):
    """One entry. `offset` is that of its body in the segment file, in bytes."""

    kind: EntryKind
    connection: int
    t: int
    took: int
    body: bytes
    offset: int


def pack_entry(kind: EntryKind, connection: int, t: int, took: int, body: bytes) -> bytes:
    """The bytes of one entry."""
    return ENTRY_HEAD.pack(kind, connection, len(body), t, min(took, MAX_TOOK)) + body


def pack_block(entries: bytes | bytearray) -> bytes:
    """The bytes of one block holding these packed entries."""
    return BLOCK_HEAD.pack(len(entries), zlib.crc32(entries)) + entries


def unpack_entries(block: bytes, start: int) -> Iterator[JournalEntry]:
    """The entries of a block's content, checksum verified; `start` is the content's offset in the file."""
    at = 0
    while at < len(block):
        kind, connection, length, t, took = ENTRY_HEAD.unpack_from(block, at)
        at += ENTRY_HEAD.size
        yield JournalEntry(EntryKind(kind), connection, t, took, block[at : at + length], start + at)
        at += length
