"""Numbers pages: all numbers of a turn, all of a session, and what each means.

Knows: paths, and which template shows what.
Must not know: SQL; which numbers there are; how they are written.
"""

from aiohttp import web

from relayproxy.console.calls.number_views import definitions, of_session, of_turn
from relayproxy.console.calls.requested import session_of, turn_of
from relayproxy.console.http.render import render

LEVELS = {"turn": "Of a turn", "interruption": "Of an interruption", "session": "Of a session"}


async def turn(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/turns/{number}/numbers`: every number of a turn."""
    found, shown = await turn_of(request)
    title, back = f"Turn {shown.number}", f"/sessions/{found.row.id}?turn={shown.number}#turn-{shown.number}"
    context = {"what": title, "back": back, "groups": of_turn(shown), "section": "sessions"}
    return render("sessions/numbers_page.html", request, context)


async def session(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/numbers`: every number of a session."""
    found = await session_of(request)
    groups = () if found.unread else of_session(found.conversation)
    context = {"what": "Session", "back": f"/sessions/{found.row.id}", "groups": groups, "section": "sessions"}
    return render("sessions/numbers_page.html", request, context)


async def reference(request: web.Request) -> web.Response:
    """`GET /numbers`: what each number means."""
    context = {"definitions": definitions(), "levels": LEVELS, "section": ""}
    return render("sessions/number_definitions.html", request, context)


ROUTES = (
    web.get("/sessions/{id}/turns/{number}/numbers", turn),
    web.get("/sessions/{id}/numbers", session),
    web.get("/numbers", reference),
)
