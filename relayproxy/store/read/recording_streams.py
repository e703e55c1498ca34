"""Recording streams: messages as they are stored, passed on without decoding.

Knows: that lines are read part by part, each once; the order of a session's connections.
Must not know: what lines mean; where they are sent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from relayproxy.store.read.queries import Queries
from relayproxy.store.read.recording_reader import lines_from
from relayproxy.store.schema.tables import connections


@dataclass(frozen=True, slots=True)
class StoredLines:
    """Lines of messages that follow each other in one connection of a session. `index`: as of `PlacedMessage`."""

    index: int
    lines: bytes


def stored_lines(queries: Queries, connection: str) -> Iterator[bytes]:
    """All lines of the connection in order, in pieces of several megabytes at most. No transaction is open between two
    of them."""
    seq = 0
    while True:
        lines = lines_from(queries.reading, connection, seq)
        if not lines:
            return
        yield lines
        seq += lines.count(b"\n")


def lines_after(queries: Queries, session: str, after: tuple[int, int] | None) -> StoredLines | None:
    """Lines of the session (our id) after the place (connection index, seq): all that one recording part, or some
    chunks, have of them; None when nothing is stored there. Raises as `Queries.messages`."""
    index, seq = (after[0], after[1] + 1) if after else (0, 0)
    c = connections.c
    with queries.reading() as db:
        ids = db.execute(select(c.id).where(c.session == session).order_by(c.opened_at, c.id)).scalars().all()
    for place in range(max(index, 0), len(ids)):
        if lines := lines_from(queries.reading, ids[place], seq if place == index else 0):
            return StoredLines(place, lines)
    return None


def message_count(queries: Queries, session: str) -> int:
    """The number of messages that are stored of the session (our id)."""
    c = connections.c
    with queries.reading() as db:
        return int(db.execute(select(func.sum(c.next_seq)).where(c.session == session)).scalar_one() or 0)
