"""The JSON handlers.

Knows: paths, parameters and status codes of the API.
Must not know: SQL, HTML.
"""

import time
from typing import Any

import msgspec
from aiohttp import web

from relayproxy.console.document import call_document, message_item, session_document, session_item
from relayproxy.console.findings import of_session
from relayproxy.console.manners import bad_request
from relayproxy.console.messages import write_cursor
from relayproxy.console.reading import read_sessions
from relayproxy.console.room import ROOM, call_of, message_filter, place, session_of, whole_number

MOST_SESSIONS = 500
MOST_MESSAGES = 5000


async def sessions(request: web.Request) -> web.Response:
    """`GET /api/sessions?limit=&before=`: live ones first, then the newest."""
    limit = whole_number(request, "limit", 50, 1, MOST_SESSIONS)
    before = request.query.get("before")
    try:
        page = await read_sessions(request.app[ROOM].queries, limit, before)
    except ValueError:
        raise bad_request(f"before={(before or '')[:64]}: a cursor as an earlier page gave it is expected.") from None
    return _json({"items": [session_item(row) for row in page.sessions], "next": page.next})


async def session(request: web.Request) -> web.Response:
    """`GET /api/sessions/{id}`: our id or Twilio's VX id."""
    found, now = await session_of(request), time.time_ns()
    return _json(session_document(found, of_session(found, request.app[ROOM].settings, now), now))


async def call(request: web.Request) -> web.Response:
    """`GET /api/calls/{call_sid}`: the sessions of a call, first first."""
    call_sid, rows = await call_of(request)
    return _json(call_document(call_sid, rows))


async def messages(request: web.Request) -> web.Response:
    """`GET /api/sessions/{id}/messages?limit=&after=&from=&type=`: `next` is null once all have been given."""
    limit = whole_number(request, "limit", 1000, 1, MOST_MESSAGES)
    after, wanted = place(request), message_filter(request)
    found = await session_of(request)
    page = await request.app[ROOM].messages(found.row.id, after, limit, wanted)
    return _json(
        {
            "items": [message_item(placed) for placed in page.messages],
            "next": write_cursor(page.next) if page.next else None,
            "seen": write_cursor(page.seen) if page.seen else None,
            "total": found.messages,
        }
    )


async def healthz(_request: web.Request) -> web.Response:
    """`GET /healthz`: the console answers. Whether the database does is for pages to say."""
    return _json({"status": "ok"})


def _json(body: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json", charset="utf-8")
