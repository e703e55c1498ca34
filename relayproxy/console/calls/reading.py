"""Session reading: stored sessions, connections and turns decoded into values, off the event loop.

Knows: which columns hold which JSON; that a database call may take a while.
Must not know: HTTP, HTML.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from relayproxy.connection import Ending, Opening, SignatureState, signature_state
from relayproxy.conversation.model import Conversation, Turn
from relayproxy.recordings.connections import facts_of
from relayproxy.recordings.derive import turn_of
from relayproxy.store.read.filters.criteria import Criteria, Sort
from relayproxy.store.read.queries import ALL_SESSIONS, Queries, SessionPage
from relayproxy.store.read.treatments import call_of, shadows_of
from relayproxy.store.schema.rows import ConnectionRow, ImportRow, SessionRow, Treatment, TurnRow
from relayproxy.text import storable

_log = logging.getLogger(__name__)
_conversation = msgspec.json.Decoder(Conversation)


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """One WebSocket of a session. `index` is its place among them, from 0."""

    index: int
    row: ConnectionRow
    opening: Opening
    ending: Ending | None
    unread: bool = False
    """How it opened or ended cannot be read; its columns tell the rest."""

    @property
    def signature(self) -> SignatureState:
        """The state of Twilio's signature on its request."""
        return signature_state(self.opening)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """Everything about one session but its messages. `conversation.turns` is empty: those turns that were asked for
    are beside it."""

    row: SessionRow
    conversation: Conversation
    connections: tuple[StoredConnection, ...]
    turns: tuple[Turn, ...]
    before: Turn | None = None
    """The turn that precedes the first of them."""
    call: tuple[SessionRow, ...] = ()
    """The first sessions of the same call, this one among them, first first."""
    claims: tuple[SessionRow, ...] = ()
    """Other sessions that say they are the same one (by VX id), and were not taken for it; first first."""
    last: int | None = None
    """The number of the last turn that was looked at."""
    unreadable: int = 0
    """The number of requested turns whose stored form cannot be read; they are left out."""
    unread: bool = False
    """The derived details of the session cannot be read; `conversation` is made from its row."""
    imported: ImportRow | None = None
    """Set of one that came as a file."""
    call_of_shadow: str | None = None
    """The session (our id) that this one is a shadow of; None where it is none, or that is gone."""
    shadows: tuple[SessionRow, ...] = ()
    """The shadows of this session, first first."""
    to_be_erased: bool = False
    """An erasure means it: it goes as soon as it has ended."""

    @property
    def live(self) -> bool:
        return self.row.ended_at is None

    @property
    def connected(self) -> bool:
        """A backend has answered: there was a call to speak in."""
        return any(one.opening.status == 101 for one in self.connections)

    @property
    def is_shadow(self) -> bool:
        """Its backend is a second one, which nobody hears."""
        return any(one.opening.shadow_of is not None for one in self.connections)

    @property
    def treatment(self) -> Treatment | None:
        """What sets it apart from ordinary calls."""
        return "shadow" if self.is_shadow else "faults" if self.faults else None

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults that it is treated with, in words."""
        return tuple(dict.fromkeys(fault for one in self.connections for fault in one.opening.faults))

    @property
    def answer_held(self) -> bool:
        """The agent says something that is held back: nobody waits for it, though no answer is shown."""
        return self.live and "backend" in self.conversation.held

    @property
    def revision(self) -> int:
        """As `Queries.revisions` has it."""
        return self.row.revision + self.to_be_erased

    @property
    def messages(self) -> int:
        """The number of recorded messages, including control frames and gaps."""
        return sum(connection.row.next_seq for connection in self.connections)


async def read_sessions(
    queries: Queries, limit: int, before: str | None, criteria: Criteria = ALL_SESSIONS, sort: Sort | None = None
) -> SessionPage:
    """A page of the list. Raises ValueError for a cursor that is not one of this list."""
    return await asyncio.to_thread(queries.sessions, limit, before and storable(before), criteria, sort)


async def read_session(queries: Queries, id: str, first: int = 0, limit: int = 0) -> StoredSession | None:
    """The session with this id, ours or Twilio's, with at most `limit` turns: those from number `first` on, or from a
    negative `first` the last so many. A `first` beyond the last turn gives that turn. None when there is no session."""
    return await asyncio.to_thread(load_session, queries, storable(id), first, limit)


def load_session(queries: Queries, id: str, first: int = 0, limit: int = 0) -> StoredSession | None:
    """The same, for who has a thread to wait in."""
    found = queries.session(id, limit=0)
    if found is None:
        return None
    total = found.session.turns
    first = max(0, total + first) if first < 0 else min(first, max(0, total - 1))
    rows = queries.turns(found.session.id, max(0, first - 1), limit + (first > 0)) if limit else ()
    read = decoded(rows)
    before = read[0] if read and read[0].number < first else None
    connections = tuple(_connection(index, row, found.session.route) for index, row in enumerate(found.connections))
    turns = read[1:] if before else read
    mine, vx = found.session, found.session.session_id
    shadow_of = next((one.opening.shadow_of for one in connections if one.opening.shadow_of is not None), None)
    # A shadow has its call's ids.
    call = queries.sessions_of_call(mine.call_sid) if mine.call_sid and shadow_of is None else (mine,)
    others = queries.sessions_with_id(vx) if vx and shadow_of is None else ()
    claims = tuple(row for row in others if row.id != mine.id)
    unreadable = sum(row.number >= first for row in rows) - len(turns)
    try:
        conversation, unread = _conversation.decode(found.session.detail), False
    except msgspec.DecodeError:
        conversation, unread = _of_row(found.session), True
    last = rows[-1].number if rows else None
    marked = queries.is_marked(found.session.id)
    return StoredSession(
        found.session,
        conversation,
        connections,
        turns,
        before,
        call,
        claims,
        last,
        unreadable,
        unread,
        found.imported,
        None if shadow_of is None else call_of(queries, shadow_of),
        shadows_of(queries, found.session.id),
        marked,
    )


def _connection(index: int, row: ConnectionRow, route: str) -> StoredConnection:
    facts = facts_of(row, route)
    if not facts.whole:
        _log.warning("how connection %s opened or ended cannot be read", row.id)
    return StoredConnection(index, row, facts.opening, facts.ending, not facts.whole)


def decoded(rows: Iterable[TurnRow]) -> tuple[Turn, ...]:
    """The turns of these rows, without those that cannot be read."""
    turns = []
    for row in rows:
        try:
            turns.append(turn_of(row))
        except msgspec.DecodeError as problem:
            _log.warning("turn %d of session %s cannot be read: %s", row.number, row.session, problem)
    return tuple(turns)


def _of_row(row: SessionRow) -> Conversation:
    """A conversation from the columns of a session whose details cannot be read."""
    _log.warning("the details of session %s cannot be read", row.id)
    required = [field.name for field in msgspec.structs.fields(Conversation) if field.required]
    known: dict[str, Any] = {name: getattr(row, name, None) for name in required}
    known |= {"custom_parameters": {}, "setup": {}, "handoff": None, "turns": (), "gap_bytes": 0}
    return Conversation(**known)


@dataclass(frozen=True, slots=True)
class TurnPage:
    """Turns that follow each other; `last` is the number of the last one that was looked at, None without any."""

    turns: tuple[Turn, ...]
    unreadable: int
    last: int | None


async def read_turns(queries: Queries, session: str, first: int, limit: int) -> TurnPage:
    """Turns of a session (our id) from number `first` on."""
    rows = await asyncio.to_thread(queries.turns, session, first, limit)
    turns = decoded(rows)
    return TurnPage(turns, len(rows) - len(turns), rows[-1].number if rows else None)


async def read_call(queries: Queries, call_sid: str, limit: int) -> tuple[SessionRow, ...]:
    """The first sessions of a call, first first; empty when there are none."""
    return await asyncio.to_thread(queries.sessions_of_call, storable(call_sid), limit)
