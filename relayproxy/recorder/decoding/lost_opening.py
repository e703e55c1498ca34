"""Placeholders of openings that were lost in a gap of the journal.

Knows: that a connection whose opening is lost still needs ids, the same ones whenever its journal is read.
Must not know: how a connection is decoded; the journal's format.
"""

import hashlib

from relayproxy.connection import Opening


def placeholder(journal: str, number: int, opened_at: int) -> Opening:
    """Stands for an opening that was lost in a gap. The same lost opening always gives the same ids."""
    digest = hashlib.sha256(f"{journal}/{number}".encode()).hexdigest()
    return Opening(
        connection_id=digest[:32],
        trace_id=digest[:32],
        span_id=digest[32:48],
        route="",
        backend="",
        target="",
        opened_at=opened_at,
        peer="",
        status=101,
    )


def is_placeholder(opening: Opening) -> bool:
    """True for what `placeholder` made: every other opening has a peer."""
    return not opening.peer
