"""Compare page and its API: two sessions side by side, and the choice of the second.

Knows: their parameters, and which template shows what.
Must not know: SQL; what counts as a difference.
"""

from aiohttp import web

from relayproxy.comparison.limits import Limits
from relayproxy.comparison.sentences import interval_words, left_out, told
from relayproxy.console.calls.deleted_content import sentence
from relayproxy.console.calls.reading import StoredSession, read_sessions
from relayproxy.console.calls.requested import session_named
from relayproxy.console.compare import views
from relayproxy.console.compare.compared import MAX_TURNS, Compared, compared
from relayproxy.console.compare.documents import compared_document
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import bad_request
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.http.render import render
from relayproxy.store.read.filters.criteria import Criteria, Criterion

RECENT = 25
"""Sessions of the same route that are offered."""
SEGMENTS = 50
"""Turns that differ, and folds of equal ones, on a page."""
MAX_COMPARED = 500


async def page(request: web.Request) -> web.Response:
    """`GET /compare?a=&b=&from=`: with one session alone, which other one to compare it with."""
    a, b = (request.query.get(name, "").strip() for name in "ab")
    if not (a and b):
        return await _choice(request, a or b)
    found = await _compared(request, a, b)
    segments = views.segments(found)
    first = whole_number(request, "from", 0, 0, 10**6)
    ids = [session.row.id for session in found.sessions]
    context = {
        "section": "sessions",
        "sessions": found.sessions,
        "comparison": found.comparison,
        "verdict": told(found.comparison),
        "standing_out": len(found.comparison.exceeded),
        "limit": Limits().latency,
        "interval": interval_words(found.comparison.latency),
        "facts": tuple(views.facts(found)),
        "of_call": views.of_call(found),
        "more_of_call": max(0, len(found.comparison.differences) - views.MOST_OF_CALL),
        "segments": views.shown(found, segments[first : first + SEGMENTS]),
        "page": f"/compare?a={ids[0]}&b={ids[1]}",
        "swapped": f"/compare?a={ids[1]}&b={ids[0]}",
        "before": max(0, first - SEGMENTS) if first else None,
        "after": first + SEGMENTS if first + SEGMENTS < len(segments) else None,
        "left_out": found.left_out,
        "handoff_left_out": left_out(found.comparison),
        "parted": found.parted,
        "max_turns": MAX_TURNS,
        "missing": [text for session in found.sessions if (text := _missing(session))],
    }
    return render("compare/compare_page.html", request, context)


def _missing(session: StoredSession) -> str:
    """What of a session cannot be compared, in a sentence; empty when nothing is missing."""
    if any(one.opening.record == "metadata" for one in session.connections):
        return "What was said in this call was not recorded (record = metadata)."
    return sentence(session.row)


async def document(request: web.Request) -> web.Response:
    """`GET /api/compare?a=&b=&limit=&after=`: what differs, and the turns side by side; `after` is `next` of the page
    before."""
    a, b = (request.query.get(name, "").strip() for name in "ab")
    if not (a and b):
        raise bad_request("a and b: the ids of two sessions are expected.")
    limit = whole_number(request, "limit", MAX_COMPARED, 1, MAX_COMPARED)
    first = whole_number(request, "after", 0, 0, 10**6)
    return json_response(compared_document(await _compared(request, a, b), first, limit))


ROUTES = (web.get("/compare", page), web.get("/api/compare", document))


async def _compared(request: web.Request, a: str, b: str) -> Compared:
    return await compared(await session_named(request, a, 0, MAX_TURNS), await session_named(request, b, 0, MAX_TURNS))


async def _choice(request: web.Request, id: str) -> web.Response:
    """The sessions that one can be compared with: newest ones of its route, and any whose id is known."""
    chosen: StoredSession | None = await session_named(request, id) if id else None
    rows = []
    if chosen is not None:
        same_route = Criteria((Criterion("route", "=", (chosen.row.route,)),))
        recent = await read_sessions(request.app[APP_CONTEXT].queries, RECENT + 1, None, same_route)
        rows = [row for row in recent.sessions if row.id != chosen.row.id][:RECENT]
    return render("compare/choose.html", request, {"section": "sessions", "chosen": chosen, "rows": rows})
