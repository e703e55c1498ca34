"""Finding a connection's recorded lines, whether they lie in chunks, in recordings or in both.

Knows: how chunks and recordings hold JSON Lines, and that message `seq` is line `seq - first_seq` of them.
Must not know: what is done with the messages.
"""

import gzip

from sqlalchemy import Connection, func, select

from relayproxy.store.schema.tables import chunks, recordings

CHUNKS_AT_ONCE = 256


def pack(lines: bytes) -> bytes:
    """Lines as a recording keeps them; equal lines give equal bytes."""
    return gzip.compress(lines, 6, mtime=0)


def lines_from(db: Connection, connection: str, seq: int) -> bytes:
    """Stored lines of a connection from message `seq` on: the rest of one recording part, or of a few chunks.
    Empty when nothing is stored from there on; call again with the next `seq` for more."""
    part = db.execute(
        select(recordings.c.first_seq, recordings.c.lines)
        .where(recordings.c.connection == connection, recordings.c.first_seq + recordings.c.n > seq)
        .order_by(recordings.c.first_seq)
        .limit(1)
    ).first()
    if part:
        return _skip(gzip.decompress(part.lines), seq - part.first_seq)
    start = (
        select(func.max(chunks.c.first_seq))
        .where(chunks.c.connection == connection, chunks.c.first_seq <= seq)
        .scalar_subquery()
    )
    found = db.execute(
        select(chunks.c.first_seq, chunks.c.n, chunks.c.lines)
        .where(
            chunks.c.connection == connection,
            chunks.c.first_seq >= func.coalesce(start, seq),
            chunks.c.first_seq + chunks.c.n > seq,
        )
        .order_by(chunks.c.first_seq)
        .limit(CHUNKS_AT_ONCE)
    )
    return b"".join(_skip(row.lines, seq - row.first_seq) for row in found)


def head(lines: bytes, count: int) -> bytes:
    """The first `count` lines, or all when there are fewer."""
    return lines[: _line_start(lines, count)]


def _skip(lines: bytes, count: int) -> bytes:
    return lines[_line_start(lines, count) :]


def _line_start(lines: bytes, number: int) -> int:
    at = 0
    for _ in range(number):
        end = lines.find(b"\n", at)
        if end < 0:
            return len(lines)
        at = end + 1
    return at
