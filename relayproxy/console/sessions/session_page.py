"""Session page and call page, and their fragments.

Knows: paths and parameters of pages, and which template shows what.
Must not know: SQL; how values are laid out.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from relayproxy.console.access.authorization import principal_of
from relayproxy.console.calls.deleted_content import sentence
from relayproxy.console.calls.findings import of_session, severities, slow_ms, told_in
from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.calls.requested import call_of, session_of
from relayproxy.console.calls.transcript import in_place, transcript
from relayproxy.console.http.change_poller import ChangePoller
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.event_stream import stream
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.http.render import render
from relayproxy.console.sessions.about import about
from relayproxy.console.sessions.message_pages import messages_context

TURNS = 100
"""Turns on one page; a live call shows its last ones."""


async def home(_request: web.Request) -> web.Response:
    """`GET /`."""
    raise web.HTTPFound("/sessions")


async def session(request: web.Request) -> web.Response:
    """`GET /sessions/{id}?turn=`, and the parameters of `messages_context`."""
    found = await _with_turns(request)
    context = _conversation(request, found) | await messages_context(request, found)
    context |= await about(request, found, context["findings"], time.time_ns(), annotations=True)
    return render("sessions/session_page.html", request, context)


async def call(request: web.Request) -> web.Response:
    """`GET /calls/{call_sid}`: the sessions of a call."""
    call_sid, rows = await call_of(request)
    slow = partial(slow_ms, request.app[APP_CONTEXT].settings)
    return render(
        "sessions/call_page.html", request, {"call_sid": call_sid, "rows": rows, "slow_ms": slow, "section": "sessions"}
    )


async def session_parts(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/parts?turn=`: what may have changed on a live page, the turns from `turn` on."""
    found = await _with_turns(request)
    context = _conversation(request, found)
    context |= await about(request, found, context["findings"], time.time_ns(), annotations=False)
    return render("sessions/parts.html", request, context)


async def session_live(request: web.Request) -> web.StreamResponse:
    """`GET /sessions/{id}/live`: the revision at once and whenever it changes; null when the session is no more."""
    found = await session_of(request)
    return await stream(request, _revisions(request.app[APP_CONTEXT].poller, found.row.id))


async def _revisions(poller: ChangePoller, id: str) -> AsyncGenerator[str, None]:
    async with aclosing(poller.session(id)) as revisions:
        async for revision in revisions:
            yield msgspec.json.encode({"revision": revision}).decode()


async def _with_turns(request: web.Request) -> StoredSession:
    """The session with a page of turns: those from `turn` on, else the first ones, or the last ones of a live call."""
    if "turn" in request.query:
        return await session_of(request, whole_number(request, "turn", 0, 0, 10**9 - 1), TURNS)
    found = await session_of(request, 0, TURNS)
    if found.live and found.row.turns > TURNS:
        found = await session_of(request, -TURNS, TURNS)
    return found


def _conversation(request: web.Request, found: StoredSession) -> dict[str, Any]:
    settings = request.app[APP_CONTEXT].settings
    shown = found.turns
    first = shown[0].number if shown else 0
    after = max(0, found.row.turns - first - len(shown))
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
                findings=partial(told_in, found, in_place(shown, findings, more=after > 0)),
                before=found.before,
                deleted=found.row.content_deleted_at is not None,
                answer_held=found.answer_held,
            )
        ),
        "slow": slow,
        "content_deleted": sentence(found.row),
        # A call that never got through has nothing for a timeline.
        "drawn": found.live or found.row.turns > 0,
        "findings": findings,
        "severities": severities(found, findings),
        "first_turn": first,
        "turns_before": first,
        "turns_after": after,
        "turns_page": TURNS,
        "offers_replay": principal_of(request).role == "admin",
        "section": "sessions",
    }


ROUTES = (
    web.get("/", home),
    web.get("/sessions/{id}", session),
    web.get("/sessions/{id}/parts", session_parts),
    web.get("/sessions/{id}/live", session_live),
    web.get("/calls/{call_sid}", call),
)
