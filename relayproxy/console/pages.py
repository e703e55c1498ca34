"""The pages and their fragments.

Knows: paths and parameters of pages, and which template shows what.
Must not know: SQL; how values are laid out.
"""

import asyncio
import time
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec
from aiohttp import web
from aiohttp_sse import sse_response

from relayproxy.console.connect import connect
from relayproxy.console.findings import of_session, severities, slow_ms, views
from relayproxy.console.manners import bad_request, not_found
from relayproxy.console.messages import Filter, Place, read_cursor, write_cursor
from relayproxy.console.reading import Session, read_sessions
from relayproxy.console.render import render
from relayproxy.console.room import ROOM, Room, call_of, message_filter, place, session_of, whole_number
from relayproxy.console.transcript import transcript
from relayproxy.console.wire import pills, query, row

SESSIONS = 50
TURNS = 400
"""Turns on one page; a live call shows its last ones."""
MESSAGES = 200
COUNT_AT_ONCE = 5000
"""Messages that are counted while a page is made; the counts of a longer call are fetched afterwards."""


async def home(_request: web.Request) -> web.Response:
    """`GET /`."""
    raise web.HTTPFound("/sessions")


async def sessions(request: web.Request) -> web.Response:
    """`GET /sessions?before=`, and `/sessions/rows` with the rows alone."""
    room, before = request.app[ROOM], request.query.get("before")
    try:
        page = await read_sessions(room.queries, SESSIONS, before)
    except ValueError:
        raise bad_request(f"before={(before or '')[:64]}: a link of an earlier page is expected.") from None
    context: dict[str, Any] = {
        "rows": page.sessions,
        "next": page.next,
        "first_page": not before,
        "slow_ms": partial(slow_ms, room.settings),
        "section": "sessions",
    }
    if request.path.endswith("/rows"):
        return render("rows.html", request, context)
    context["connect"] = connect(room.settings)
    return render("sessions.html", request, context)


async def sessions_live(request: web.Request) -> web.StreamResponse:
    """`GET /sessions/live`: an event whenever any session may have changed."""
    async with sse_response(request) as stream, aclosing(request.app[ROOM].pulse.sessions()) as tokens:
        async for token in tokens:
            await stream.send(token)
    return stream


async def session(request: web.Request) -> web.Response:
    """`GET /sessions/{id}?turn=&after=&from=&type=`."""
    after, wanted = place(request), message_filter(request)
    found = await session_of(request)
    context = _conversation(request, found) | await _messages(request, found, after, wanted)
    return render("session.html", request, context)


async def call(request: web.Request) -> web.Response:
    """`GET /calls/{call_sid}`: the sessions of a call."""
    call_sid, rows = await call_of(request)
    slow = partial(slow_ms, request.app[ROOM].settings)
    return render("call.html", request, {"call_sid": call_sid, "rows": rows, "slow_ms": slow, "section": "sessions"})


async def session_parts(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/parts?turn=`: what may have changed on a live page, the turns from `turn` on."""
    return render("parts.html", request, _conversation(request, await session_of(request)))


async def session_messages(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/messages?after=&from=&type=`: the raw messages alone, counted however many there are."""
    after, wanted = place(request), message_filter(request)
    found = await session_of(request)
    return render("messages.html", request, await _messages(request, found, after, wanted, count_all=True))


async def message(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/messages/{cursor}`: one message, whole."""
    try:
        index, seq = read_cursor(request.match_info["cursor"])
    except ValueError:
        raise not_found("There is no such message.") from None
    found = await session_of(request)
    read = await asyncio.to_thread(request.app[ROOM].queries.messages, found.row.id, (index, seq - 1), 1)
    if not read or (read[0].index, read[0].message.seq) != (index, seq):
        raise not_found("There is no such message.")
    return render("message.html", request, {"session": found, "row": row(read[0], whole=True)})


async def session_live(request: web.Request) -> web.StreamResponse:
    """`GET /sessions/{id}/live`: the revision at once and whenever it changes; null when the session is no more."""
    found = await session_of(request)
    async with sse_response(request) as stream, aclosing(request.app[ROOM].pulse.session(found.row.id)) as revisions:
        async for revision in revisions:
            await stream.send(msgspec.json.encode({"revision": revision}).decode())
    return stream


def _conversation(request: web.Request, found: Session) -> dict[str, Any]:
    settings = request.app[ROOM].settings
    total = len(found.turns)
    default = max(0, total - TURNS) if found.live else 0
    first = min(whole_number(request, "turn", default, 0, 10**9 - 1), max(0, total - 1))
    shown = found.turns[first : first + TURNS]
    before = found.turns[first - 1] if first else None
    findings = of_session(found, settings, time.time_ns())
    slow = slow_ms(settings, found.row.route)
    return {
        "session": found,
        "conversation": found.conversation,
        "turns": list(
            transcript(
                shown,
                live=found.live,
                slow_ms=slow,
                findings=lambda turn: views(found, turn.findings),
                before=before,
            )
        ),
        "slow": slow,
        "findings": findings,
        "severities": severities(found, findings),
        "first_turn": first,
        "turns_before": first,
        "turns_after": total - first - len(shown),
        "turns_page": TURNS,
        "section": "sessions",
    }


async def _messages(
    request: web.Request, found: Session, after: Place | None, wanted: Filter, *, count_all: bool = False
) -> dict[str, Any]:
    room: Room = request.app[ROOM]
    page = await room.messages(found.row.id, after, MESSAGES, wanted)
    counts = await room.counts(found.row.id, None if count_all else COUNT_AT_ONCE)
    total = max(found.messages, counts.total() if counts else 0)
    return {
        "session": found,
        "rows": [row(placed) for placed in page.messages],
        "pills": pills(counts, wanted),
        "total": total,
        "from_start": after is None,
        "more": query(wanted, after=write_cursor(page.next)) if page.next else None,
        "seen": write_cursor(page.seen) if page.seen else "",
        "filter": query(wanted),
        "latest": _latest(found) if total > MESSAGES and not wanted else None,
    }


def _latest(found: Session) -> str | None:
    """The cursor before the last page of messages of the newest connection."""
    last = found.connections[-1] if found.connections else None
    if last is None or last.row.next_seq <= MESSAGES:
        return None
    return write_cursor((last.index, last.row.next_seq - MESSAGES - 1))
