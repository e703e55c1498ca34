"""Reading for pages: off the event loop, and decoded into the values that pages show.

Knows: which columns hold which JSON; that a database call may take a while.
Must not know: HTTP, HTML.
"""

import asyncio
from dataclasses import dataclass

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.model import Conversation, Turn
from relayproxy.store.criteria import Criteria
from relayproxy.store.queries import ALL, Queries, SessionPage
from relayproxy.store.rows import ConnectionRow, SessionRow

_conversation = msgspec.json.Decoder(Conversation)
_turn = msgspec.json.Decoder(Turn)
_opening = msgspec.json.Decoder(Opening)
_ending = msgspec.json.Decoder(Ending)


@dataclass(frozen=True, slots=True)
class Connection:
    """One WebSocket of a session. `index` is its place among them, from 0."""

    index: int
    row: ConnectionRow
    opening: Opening
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class Session:
    """Everything about one session but its messages. `conversation.turns` is empty: those turns that were asked for
    are beside it."""

    row: SessionRow
    conversation: Conversation
    connections: tuple[Connection, ...]
    turns: tuple[Turn, ...]
    before: Turn | None = None
    """The turn that precedes the first of them."""
    call: tuple[SessionRow, ...] = ()
    """The first sessions of the same call, this one among them, first first."""

    @property
    def live(self) -> bool:
        return self.row.ended_at is None

    @property
    def messages(self) -> int:
        """How many messages are recorded, control frames, gaps and all."""
        return sum(connection.row.next_seq for connection in self.connections)


async def read_sessions(queries: Queries, limit: int, before: str | None, criteria: Criteria = ALL) -> SessionPage:
    """A page of the list. Raises ValueError for a cursor that is not one of this list."""
    return await asyncio.to_thread(queries.sessions, limit, before, criteria)


async def read_session(queries: Queries, id: str, first: int = 0, limit: int = 0) -> Session | None:
    """The session with this id, ours or Twilio's, with at most `limit` turns: those from number `first` on, or from a
    negative `first` the last so many. A `first` beyond the last turn gives that turn. None when there is no session."""
    return await asyncio.to_thread(_read_session, queries, id, first, limit)


def _read_session(queries: Queries, id: str, first: int, limit: int) -> Session | None:
    found = queries.session(id, limit=0)
    if found is None:
        return None
    total = found.session.turns
    first = max(0, total + first) if first < 0 else min(first, max(0, total - 1))
    rows = queries.turns(found.session.id, max(0, first - 1), limit + (first > 0)) if limit else ()
    read = tuple(_turn.decode(row.detail) for row in rows)
    before = read[0] if read and read[0].number < first else None
    connections = tuple(
        Connection(index, row, _opening.decode(row.opening), _ending.decode(row.ending) if row.ending else None)
        for index, row in enumerate(found.connections)
    )
    turns = read[1:] if before else read
    call_sid = found.session.call_sid
    call = queries.sessions_of_call(call_sid) if call_sid else (found.session,)
    return Session(found.session, _conversation.decode(found.session.detail), connections, turns, before, call)


async def read_turns(queries: Queries, session: str, first: int, limit: int) -> tuple[Turn, ...]:
    """Turns of a session (our id) from number `first` on."""
    rows = await asyncio.to_thread(queries.turns, session, first, limit)
    return tuple(_turn.decode(row.detail) for row in rows)


async def read_call(queries: Queries, call_sid: str) -> tuple[SessionRow, ...]:
    """The sessions of a call, first first; empty when there are none."""
    return await asyncio.to_thread(queries.sessions_of_call, call_sid)
