"""Request targets: the session, call, turn, message place and message filter that a request names.

Knows: the parameters' names; that showing a session is recorded in the audit.
Must not know: the answer.
"""

import asyncio
from collections import Counter

from aiohttp import web

from relayproxy.console.access.audit_log import viewed
from relayproxy.console.calls.messages.message_places import MessagePlace
from relayproxy.console.calls.messages.message_reading import Counts, Filter, read_cursor
from relayproxy.console.calls.reading import StoredSession, read_call, read_session
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.middleware import bad_request, not_found
from relayproxy.conversation.model import Turn
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import SessionRow

MAX_SEARCH_TEXT = 200
"""Characters of a text that is searched for in messages."""


class SharedCounts:
    """The numbers of messages of each session, counted for one reader at a time."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._counts = Counts()
        self._counting = asyncio.Lock()

    async def of(self, session: str, at_most: int | None = None) -> Counter[tuple[str, str]] | None:
        """Messages by (side, kind); None when more than `at_most` would have to be looked at."""
        async with self._counting:
            counted = await asyncio.to_thread(self._counts.of, self._queries, session, at_most)
            return counted if counted is None else counted.copy()


COUNTS = web.AppKey("counts", SharedCounts)


def set_up(app: web.Application) -> None:
    """Makes `COUNTS` known to the application."""
    app[COUNTS] = SharedCounts(app[APP_CONTEXT].queries)


async def session_of(request: web.Request, first: int = 0, limit: int = 0) -> StoredSession:
    """The session that the path names, with `limit` turns from number `first` on, or its last ones when it has not so
    many. Raises a 404 Problem."""
    return await session_named(request, request.match_info["id"], first, limit)


async def session_named(request: web.Request, id: str, first: int = 0, limit: int = 0) -> StoredSession:
    """The same of the session with this id, ours or Twilio's."""
    found = await read_session(request.app[APP_CONTEXT].queries, id, first, limit)
    if found is None:
        raise not_found(f"There is no session {id[:64]} here.")
    await viewed(request, found.row.id)
    return found


async def turn_of(request: web.Request) -> tuple[StoredSession, Turn]:
    """The turn that the path names by its `number`, and its session. Raises a 404 Problem."""
    text = request.match_info["number"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    found = await session_of(request, number, 1) if number >= 0 else None
    if found is None or not found.turns or found.turns[0].number != number:
        raise not_found("There is no such turn.")
    return found, found.turns[0]


async def call_of(request: web.Request, limit: int = 50) -> tuple[str, tuple[SessionRow, ...]]:
    """The call that the path names, and its first sessions. Raises a 404 Problem."""
    call_sid = request.match_info["call_sid"]
    found = await read_call(request.app[APP_CONTEXT].queries, call_sid, limit)
    if not found:
        raise not_found(f"There is no call {call_sid[:64]} here.")
    return call_sid, found


def requested_place(request: web.Request) -> MessagePlace | None:
    """The `after` of the query. Raises a 400 Problem."""
    text = request.query.get("after")
    try:
        return read_cursor(text) if text else None
    except ValueError:
        raise bad_request(f"after={(text or '')[:32]}: a cursor as an earlier page gave it is expected.") from None


def message_filter(request: web.Request) -> Filter:
    """The `from` and `type` of the query, each as often as wanted, and its `text`. Raises a 400 Problem."""
    sides = frozenset(request.query.getall("from", []))
    if not sides <= {"twilio", "backend"}:
        raise bad_request("from: twilio or backend is expected.")
    text = request.query.get("text", "")
    if len(text) > MAX_SEARCH_TEXT:
        raise bad_request(f"text: at most {MAX_SEARCH_TEXT} characters are searched for.")
    return Filter(sides, frozenset(kind for kind in request.query.getall("type", []) if kind), text)
