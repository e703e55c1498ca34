"""API of one session: its document, turns and messages.

Knows: paths, parameters and status codes of the API.
Must not know: SQL, HTML.
"""

import asyncio
import time

from aiohttp import web

from relayproxy.console.calls.deleted_content import require_content
from relayproxy.console.calls.documents.documents import MAX_CALL_SESSIONS, call_document
from relayproxy.console.calls.findings import of_session
from relayproxy.console.calls.messages.message_reading import read_page
from relayproxy.console.calls.reading import read_turns
from relayproxy.console.calls.requested import call_of, message_filter, requested_place, session_of
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.sessions.documents import session_document, turns_document
from relayproxy.console.sessions.message_documents import messages_document

MAX_MESSAGES = 5000
MAX_TURNS = 500


async def session(request: web.Request) -> web.Response:
    """`GET /api/sessions/{id}`: our id or Twilio's VX id."""
    found, now = await session_of(request, 0, MAX_TURNS), time.time_ns()
    return json_response(session_document(found, of_session(found, request.app[APP_CONTEXT].settings, now), now))


async def turns(request: web.Request) -> web.Response:
    """`GET /api/sessions/{id}/turns?limit=&after=`: `after` is the number of the last turn that is known, which is the
    cursor too; `next` is null once all have been given. Those whose stored form cannot be read are left out
    and counted as `unreadable`."""
    limit = whole_number(request, "limit", MAX_TURNS, 1, MAX_TURNS)
    first = whole_number(request, "after", -1, 0, 10**9 - 2) + 1
    found = await session_of(request)
    read = await read_turns(request.app[APP_CONTEXT].queries, found.row.id, first, limit)
    return json_response(turns_document(found, read))


async def call(request: web.Request) -> web.Response:
    """`GET /api/calls/{call_sid}`: the first sessions of a call, first first, and whether these are all."""
    call_sid, rows = await call_of(request, MAX_CALL_SESSIONS + 1)
    return json_response(call_document(call_sid, rows[:MAX_CALL_SESSIONS], complete=len(rows) <= MAX_CALL_SESSIONS))


async def messages(request: web.Request) -> web.Response:
    """`GET /api/sessions/{id}/messages?limit=&after=&from=&type=&text=`: `next` is null once all have been given.
    `scanned` is how many messages were looked at; a filtered page may be short and yet have a `next`."""
    limit = whole_number(request, "limit", 1000, 1, MAX_MESSAGES)
    after, wanted = requested_place(request), message_filter(request)
    found = await session_of(request)
    require_content(found.row)
    page = await asyncio.to_thread(read_page, request.app[APP_CONTEXT].queries, found.row.id, after, limit, wanted)
    return json_response(messages_document(page, found.messages))


ROUTES = (
    web.get("/api/sessions/{id}", session),
    web.get("/api/sessions/{id}/turns", turns),
    web.get("/api/sessions/{id}/messages", messages),
    web.get("/api/calls/{call_sid}", call),
)
