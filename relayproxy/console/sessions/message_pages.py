"""Message pages of a session: around a place, a moment or an end, and one message alone.

Knows: paths and parameters of message pages.
Must not know: SQL; how a row is laid out.
"""

import asyncio
import re
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web

from relayproxy.console.calls.messages.message_places import MessagePlace, MessagePlaces
from relayproxy.console.calls.messages.message_reading import (
    SCAN,
    MessagePage,
    ordinal_at,
    read_around,
    read_back,
    read_cursor,
    read_page,
    write_cursor,
)
from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.calls.requested import COUNTS, message_filter, requested_place, session_of
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.middleware import bad_request, not_found, said_of
from relayproxy.console.http.render import render
from relayproxy.console.sessions.message_rows import pills, query, row
from relayproxy.plural import plural
from relayproxy.store.errors import UnreadableError
from relayproxy.store.read.recording_objects import RecordingAwayError, RecordingMissingError

MESSAGES = 200
"""Rows of one page."""
AT_FIRST = 100
"""Rows that come with the page of a session, below its conversation."""
COUNT_AT_ONCE = 5000
"""Messages that are counted while a page is made; the counts of a longer call are fetched afterwards."""
END = "end"

_OFFSET = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,6}(?:\.\d{1,9})?)", re.ASCII)
_NS = 1_000_000_000


async def messages_context(
    request: web.Request, found: StoredSession, limit: int = AT_FIRST, *, count_all: bool = False
) -> dict[str, Any]:
    """Template values of a page of messages: the page of `limit` rows that `after`, `before`, `at` or `time` names,
    else the first one, of those that `from`, `type` and `text` take. Raises a 400 Problem."""
    wanted = message_filter(request)
    page, at, counts, unavailable, damaged = MessagePage((), None, None), None, None, "", ""
    reader = _reader(request, found, limit)
    try:
        page, at = await asyncio.to_thread(reader)
        counts = await request.app[COUNTS].of(found.row.id, None if count_all else COUNT_AT_ONCE)
    except (RecordingAwayError, RecordingMissingError) as problem:
        # The conversation does not need them.
        unavailable = said_of(problem)
        if isinstance(problem, RecordingAwayError):
            unavailable += " Nothing of it is lost."
    except UnreadableError as problem:
        damaged = f"{said_of(problem)} These messages cannot be shown."
    if counts is not None and found.row.content_deleted_at is None and counts.total() < found.messages:
        damaged = f"{plural(found.messages - counts.total(), 'message')} of this call cannot be found."
    total = max(found.messages, counts.total() if counts else 0)
    return {
        "session": found,
        "rows": [row(placed, wanted) for placed in page.messages],
        "pills": pills(counts, wanted),
        "total": total,
        "wanted": wanted,
        "earlier": query(wanted, before=write_cursor(page.previous)) if page.previous else None,
        "more": query(wanted, after=write_cursor(page.next)) if page.next else None,
        "seen": write_cursor(page.seen) if page.seen else "",
        "at": write_cursor(at) if at else "",
        "filter": query(wanted),
        "to_end": query(wanted, before=END),
        "scanned": page.scanned if page.stopped else None,
        "scan": SCAN,
        "unavailable": unavailable,
        "damaged": damaged,
    }


def _reader(request: web.Request, found: StoredSession, limit: int) -> Any:
    """A function that reads the page that the query asks for, and its place."""
    queries, wanted, id = request.app[APP_CONTEXT].queries, message_filter(request), found.row.id
    places = MessagePlaces(tuple(connection.row.next_seq for connection in found.connections))
    opened = [connection.row.opened_at for connection in found.connections]
    at, moment = _cursor(request, "at"), _moment(request, found.row.started_at)
    before, after = _cursor(request, "before", END), requested_place(request)

    def around(ordinal: int) -> tuple[MessagePage, MessagePlace | None]:
        return read_around(queries, id, places, ordinal, limit, wanted), _following(places.before(ordinal))

    def at_moment(wall: int) -> tuple[MessagePage, MessagePlace | None]:
        return around(ordinal_at(queries, id, places, opened, wall))

    def back(ordinal: int) -> tuple[MessagePage, MessagePlace | None]:
        return read_back(queries, id, places, ordinal, limit, wanted), None

    def onward() -> tuple[MessagePage, MessagePlace | None]:
        return read_page(queries, id, after, limit, wanted), None

    if at is not None:
        return partial(around, places.ordinal(at))
    if moment is not None:
        return partial(at_moment, moment)
    if before is not None:
        return partial(back, places.total if before == END else places.ordinal(before))
    return onward


def _following(before: MessagePlace | None) -> MessagePlace:
    return (0, 0) if before is None else (before[0], before[1] + 1)


def _cursor(request: web.Request, name: str, *words: str) -> Any:
    text = request.query.get(name)
    if not text or text in words:
        return text or None
    try:
        return read_cursor(text)
    except ValueError:
        raise bad_request(f"{name}={text[:32]}: a cursor as a message has it is expected.") from None


def _moment(request: web.Request, start: int) -> int | None:
    """`time` as wall nanoseconds: `1:23.5` or `83.5` from the start of the call, or a time of day as in RFC 3339."""
    text = request.query.get("time", "").strip()
    if not text:
        return None
    if found := _OFFSET.fullmatch(text):
        hours, minutes, seconds = found.groups()
        return start + round((int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)) * _NS)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return round(moment.timestamp() * 1_000_000) * 1000
    except (ValueError, OverflowError):
        pass
    raise bad_request(f"time={text[:40]}: a time from the start (1:23.5) or an RFC 3339 time is expected.")


async def session_messages(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/messages?after=&before=&at=&time=&from=&type=&text=`: the raw messages alone, counted
    however many there are."""
    found = await session_of(request)
    return render("sessions/messages.html", request, await messages_context(request, found, MESSAGES, count_all=True))


async def message(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/messages/{cursor}`: one message, whole; what `text` finds in it is marked."""
    wanted = message_filter(request)
    try:
        index, seq = read_cursor(request.match_info["cursor"])
    except ValueError:
        raise not_found("There is no such message.") from None
    found = await session_of(request)
    read = await asyncio.to_thread(request.app[APP_CONTEXT].queries.messages, found.row.id, (index, seq - 1), 1)
    if not read or (read[0].index, read[0].message.seq) != (index, seq):
        raise not_found("There is no such message.")
    return render("sessions/message.html", request, {"session": found, "row": row(read[0], wanted, whole=True)})


ROUTES = (
    web.get("/sessions/{id}/messages", session_messages),
    web.get("/sessions/{id}/messages/{cursor}", message),
)
