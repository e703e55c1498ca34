"""Reading for pages: off the event loop, and decoded into the values that pages show.

Knows: which columns hold which JSON; that a database call may take a while.
Must not know: HTTP, HTML.
"""

import asyncio
from dataclasses import dataclass

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.model import Conversation, Turn
from relayproxy.store.queries import Queries, SessionPage
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
    """Everything about one session but its messages. `conversation.turns` is empty: the turns are beside it."""

    row: SessionRow
    conversation: Conversation
    connections: tuple[Connection, ...]
    turns: tuple[Turn, ...]
    call: tuple[SessionRow, ...] = ()
    """All sessions of the same call, this one among them, first first."""

    @property
    def live(self) -> bool:
        return self.row.ended_at is None

    @property
    def messages(self) -> int:
        """How many messages are recorded, control frames, gaps and all."""
        return sum(connection.row.next_seq for connection in self.connections)


async def read_sessions(queries: Queries, limit: int, before: str | None) -> SessionPage:
    """A page of the list. Raises ValueError for a cursor that is not one of this list."""
    return await asyncio.to_thread(queries.sessions, limit, before)


async def read_session(queries: Queries, id: str) -> Session | None:
    """The session with this id, ours or Twilio's; None when there is none."""
    return await asyncio.to_thread(_read_session, queries, id)


def _read_session(queries: Queries, id: str) -> Session | None:
    found = queries.session(id)
    if found is None:
        return None
    connections = tuple(
        Connection(index, row, _opening.decode(row.opening), _ending.decode(row.ending) if row.ending else None)
        for index, row in enumerate(found.connections)
    )
    turns = tuple(_turn.decode(row.detail) for row in found.turns)
    call_sid = found.session.call_sid
    call = queries.sessions_of_call(call_sid) if call_sid else (found.session,)
    return Session(found.session, _conversation.decode(found.session.detail), connections, turns, call)


async def read_call(queries: Queries, call_sid: str) -> tuple[SessionRow, ...]:
    """The sessions of a call, first first; empty when there are none."""
    return await asyncio.to_thread(queries.sessions_of_call, call_sid)
