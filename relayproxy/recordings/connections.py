"""Stored connections: how each opened and ended, read from its row.

Knows: which columns hold that as JSON; what the others tell where it cannot be read.
Must not know: SQL, messages.
"""

from dataclasses import dataclass

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.store.schema.rows import ConnectionRow

_opening = msgspec.json.Decoder(Opening)
_ending = msgspec.json.Decoder(Ending)


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """How a connection opened and, once it has, ended. Not `whole`: a part could not be read, and something that says
    no more than the row's columns stands for it; such an opening has no peer, as every other has."""

    opening: Opening
    ending: Ending | None
    whole: bool


def facts_of(row: ConnectionRow, route: str = "") -> ConnectionFacts:
    """The facts of a stored connection; `route` is that of its session, for where its own cannot be read."""
    whole = True
    try:
        opening = _opening.decode(row.opening)
    except msgspec.DecodeError:
        opening, whole = _stand_in(row, route), False
    try:
        ending = None if row.ending is None else _ending.decode(row.ending)
    except msgspec.DecodeError:
        ending, whole = None, False
    if ending is None and row.ended_at is not None:
        ending = Ending(t=max(0, row.ended_at - row.opened_at))
    return ConnectionFacts(opening, ending, whole)


def _stand_in(row: ConnectionRow, route: str) -> Opening:
    return Opening(
        connection_id=row.id,
        trace_id=row.trace_id or row.id,
        span_id=row.id[:16],
        route=route,
        backend="",
        target="",
        opened_at=row.opened_at,
        peer="",
        status=101,
    )
