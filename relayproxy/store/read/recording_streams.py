"""Recording streams: a connection's messages as they are stored, passed on without decoding.

Knows: that lines are read part by part, each once.
Must not know: what lines mean; where they are sent.
"""

from collections.abc import Iterator

from relayproxy.store.read.queries import Queries
from relayproxy.store.read.recording_reader import lines_from


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
