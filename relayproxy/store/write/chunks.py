"""Message storage: chunks while a call lives, recordings once it has ended.

Knows: when chunks become a recording part, and the stored extent of connections that still grow.
Must not know: sessions, turns, transactions.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, select

from relayproxy.store.read.recording_reader import pack
from relayproxy.store.schema import tables
from relayproxy.store.schema.mapping import batches, insert_once, names
from relayproxy.store.schema.rows import ChunkRow
from relayproxy.store.write.row_writer import RowWriter

PART_BYTES = 8 * 1024 * 1024
"""Lines of one recording part before compression; only a chunk that is larger by itself makes a larger part."""

# Made once, as that takes longer than to execute them.
_c, _r = tables.chunks.c, tables.recordings.c
_connection: BindParameter[str] = bindparam("b_connection")
_connections: BindParameter[Sequence[str]] = bindparam("b_connections", expanding=True)
_SIZES = select(_c.connection, func.sum(func.length(_c.lines))).where(_c.connection.in_(_connections))
_SIZES = _SIZES.group_by(_c.connection)
_PARTS = select(_r.connection, func.max(_r.first_seq + _r.n), func.count()).where(_r.connection.in_(_connections))
_PARTS = _PARTS.group_by(_r.connection)
_LINES = select(_c.first_seq, _c.n, _c.lines).where(_c.connection == _connection).order_by(_c.first_seq)
_DELETE_SEALED = delete(tables.chunks).where(_c.connection == _connection, _c.first_seq < bindparam("b_seq"))


@dataclass(slots=True)
class _Stored:
    """The stored extent of a connection that still grows."""

    size: int = 0
    """Bytes of lines in chunks."""
    sealed: int = 0
    """The first message that is not in a recording part."""
    parts: int = 0


class Chunks:
    """The writer's memory of what is stored; it must `forget` whenever a transaction failed."""

    def __init__(self, dialect: str) -> None:
        self._stored: dict[str, _Stored] = {}
        self._add = _chunk_writer(dialect)

    def forget(self, connections: Iterable[str] | None = None) -> None:
        """Nothing is known any more of these connections, or of any."""
        if connections is None:
            self._stored.clear()
            return
        for connection in connections:
            self._stored.pop(connection, None)

    def append(self, db: Connection, chunks: tuple[ChunkRow, ...]) -> None:
        """Adds chunks; those that are there already change nothing."""
        self._learn(db, {chunk.connection for chunk in chunks} - self._stored.keys())
        # A part has swallowed the keys of its chunks, so playing those again must be noticed here.
        fresh = [chunk for chunk in chunks if chunk.first_seq >= self._stored[chunk.connection].sealed]
        if not fresh:
            return
        self._add(db, fresh)
        for chunk in fresh:
            self._stored[chunk.connection].size += len(chunk.lines)
        for connection in {chunk.connection for chunk in fresh}:
            if self._stored[connection].size > PART_BYTES:
                self.seal(db, connection, whole=False)

    def _learn(self, db: Connection, unknown: Iterable[str]) -> None:
        """Reads the stored extent of connections that this archive has not written yet."""
        ids = sorted(unknown)
        self._stored.update((connection, _Stored()) for connection in ids)
        for some in batches(ids):
            for connection, size in db.execute(_SIZES, {"b_connections": some}):
                self._stored[connection].size = size
            for connection, sealed, count in db.execute(_PARTS, {"b_connections": some}):
                self._stored[connection].sealed, self._stored[connection].parts = sealed, count

    def seal(self, db: Connection, connection: str, *, whole: bool) -> None:
        """Chunks become recording parts: all of them, or only those that fill a part."""
        if connection not in self._stored:
            self._learn(db, [connection])
        stored = self._stored[connection]
        parts: list[dict[str, Any]] = []
        first, count, held = 0, 0, bytearray()

        def close_part() -> None:
            part = {"connection": connection, "part": stored.parts + len(parts), "first_seq": first, "n": count}
            parts.append({**part, "sealed_at": time.time_ns(), "lines": pack(bytes(held))})
            held.clear()

        for row in db.execute(_LINES, {"b_connection": connection}):
            if held and len(held) + len(row.lines) > PART_BYTES:
                close_part()
            if not held:
                first, count = row.first_seq, 0
            held += row.lines
            count += row.n
        if whole and held:
            close_part()
        if not parts:
            return
        db.execute(insert(tables.recordings), parts)
        sealed = parts[-1]["first_seq"] + parts[-1]["n"]
        db.execute(_DELETE_SEALED, {"b_connection": connection, "b_seq": sealed})
        stored.parts += len(parts)
        stored.sealed, stored.size = sealed, len(held)


@cache
def _chunk_writer(dialect: str) -> RowWriter:
    return RowWriter.inserting(dialect, insert_once(dialect, tables.chunks), names(ChunkRow))
