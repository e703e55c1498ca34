"""Connect page and its API: the URLs to give to Twilio, and the checks that run on request.

Knows: paths; who may check.
Must not know: SQL; how an address is checked.
"""

import asyncio
import time

from aiohttp import web

from relayproxy.console.access.authorization import principal_of, require_admin
from relayproxy.console.access.origins import Origins
from relayproxy.console.connect.addresses import Connect, connect, of_backend, of_public
from relayproxy.console.connect.documents import connect_document
from relayproxy.console.connect.routes import RouteChecker, RouteStatus, last_call
from relayproxy.console.health.diagnosis import refusals
from relayproxy.console.health.diagnosis.refusals import RefusalSummary
from relayproxy.console.health.diagnosis.signatures import note, route_signatures
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import Problem
from relayproxy.console.http.render import render
from relayproxy.settings.recording import recorded_words, recording
from relayproxy.settings.treatment import faults_words, shadow_words
from relayproxy.store.errors import StoreError
from relayproxy.store.read.health.heartbeat import reports
from relayproxy.store.read.latest_by_route import arrivals
from relayproxy.store.read.signatures import recent_signatures

CHECKER = web.AppKey("checker", RouteChecker)
EVENTS = "speaker-events tokens-played"


def set_up(app: web.Application) -> None:
    """Adds the checker to the application. After the app context."""
    app[CHECKER] = RouteChecker(app[APP_CONTEXT].settings)


async def page(request: web.Request) -> web.Response:
    """`GET /connect`."""
    return await _page(request)


async def check(request: web.Request) -> web.Response:
    """`POST /connect/check`: runs the checks, then the page."""
    _require_leave(request)
    await request.app[CHECKER].check()
    return await _page(request)


async def api(request: web.Request) -> web.Response:
    """`GET /api/connect?check=1`: with `check`, the checks run first."""
    if request.query.get("check", "") not in ("", "0"):
        _require_leave(request)
        await request.app[CHECKER].check()
    known, ways, found = await _ways(request)
    return json_response(connect_document(known, ways, found, request.app[CHECKER].host))


def _require_leave(request: web.Request) -> None:
    """Checks make this machine send something, which only an admin may cause, and no page of another site."""
    require_admin(request)
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "cross_origin", "This was sent by a page of another site, and is refused.")
    Origins(request.app[APP_CONTEXT].settings).check(request)


async def _page(request: web.Request) -> web.Response:
    known, ways, found = await _ways(request)
    context = {
        "refused": found,
        "answered": refusals.answered,
        "connect": known,
        "ways": ways,
        "checked_from": request.app[CHECKER].host,
        "may_check": principal_of(request).role == "admin",
        "events": EVENTS,
        "of_public": of_public,
        "of_backend": of_backend,
        "section": "connect",
    }
    return render("connect/connect_page.html", request, context)


async def _ways(request: web.Request) -> tuple[Connect, tuple[RouteStatus, ...], tuple[RefusalSummary, ...]]:
    app_context, found = request.app[APP_CONTEXT], request.app[CHECKER].found
    known, now = connect(app_context.settings), time.time_ns()
    try:
        newest = await asyncio.to_thread(arrivals, app_context.queries)
        told = await asyncio.to_thread(reports, app_context.queries)
        recent = await asyncio.to_thread(recent_signatures, app_context.queries)
    except StoreError:
        # How to connect can be told without a database; that it is away is told by the health page.
        newest, told, recent = {}, (), {}
    signatures = {one.route: one for one in route_signatures(app_context.settings, recent)}
    ways = (
        RouteStatus(
            one,
            last_call(newest.get(one.route)),
            found.get(one.route),
            signatures[one.route],
            note(signatures[one.route], now),
            recording(app_context.settings, one.route).record,
            recorded_words(app_context.settings, one.route),
            shadow_words(app_context.settings, one.route),
            faults_words(app_context.settings, one.route),
        )
        for one in known.targets
    )
    return known, tuple(ways), refusals.refused(told)


ROUTES = (
    web.get("/connect", page),
    web.post("/connect/check", check),
    web.get("/api/connect", api),
)
