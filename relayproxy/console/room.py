"""What every handler of the console works with, and how requests are read.

Knows: the parts of the running console; the parameters that several handlers take.
Must not know: what handlers answer.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from aiohttp import web

from relayproxy.console.auditing import viewed
from relayproxy.console.live import Pulse
from relayproxy.console.manners import bad_request, not_found
from relayproxy.console.messages import Counts, Filter, MessagePage, read_cursor, read_page
from relayproxy.console.places import Place
from relayproxy.console.reading import Session, read_call, read_session
from relayproxy.console.statics import Statics
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import SessionRow
from relayproxy.store.write.annotation_writer import Pen


@dataclass(frozen=True, slots=True)
class Room:
    """The parts of a running console."""

    settings: Settings
    queries: Queries
    pulse: Pulse
    statics: Statics
    pen: Pen
    _counts: Counts = field(default_factory=Counts)
    _counting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def counts(self, session: str, at_most: int | None = None) -> Counter[tuple[str, str]] | None:
        """Messages by (side, kind); None when more than `at_most` would have to be looked at."""
        async with self._counting:
            counted = await asyncio.to_thread(self._counts.of, self.queries, session, at_most)
            return counted if counted is None else counted.copy()

    async def messages(self, session: str, after: Place | None, limit: int, wanted: Filter) -> MessagePage:
        """A page of raw messages."""
        return await asyncio.to_thread(read_page, self.queries, session, after, limit, wanted)


ROOM = web.AppKey("room", Room)
MOST_TEXT = 200
"""Characters of a text that is searched for in messages."""


async def session_of(request: web.Request, first: int = 0, limit: int = 0) -> Session:
    """The session that the path names, with `limit` turns from number `first` on, or its last ones when it has not so
    many. Raises a 404 Problem."""
    id = request.match_info["id"]
    found = await read_session(request.app[ROOM].queries, id, first, limit)
    if found is None:
        raise not_found(f"There is no session {id[:64]} here.")
    await viewed(request, found.row.id)
    return found


async def call_of(request: web.Request, limit: int = 50) -> tuple[str, tuple[SessionRow, ...]]:
    """The call that the path names, and its first sessions. Raises a 404 Problem."""
    call_sid = request.match_info["call_sid"]
    found = await read_call(request.app[ROOM].queries, call_sid, limit)
    if not found:
        raise not_found(f"There is no call {call_sid[:64]} here.")
    return call_sid, found


def whole_number(request: web.Request, name: str, default: int, lowest: int, highest: int) -> int:
    """A number from the query. Raises a 400 Problem."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and lowest <= int(text) <= highest):
        raise bad_request(f"{name}={text[:32]}: a whole number from {lowest} to {highest} is expected.")
    return int(text)


def place(request: web.Request) -> Place | None:
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
    if len(text) > MOST_TEXT:
        raise bad_request(f"text: at most {MOST_TEXT} characters are searched for.")
    return Filter(sides, frozenset(kind for kind in request.query.getall("type", []) if kind), text)
