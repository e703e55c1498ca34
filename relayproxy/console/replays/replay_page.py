"""Replay pages and their API: the choice of a backend, a replay that is under way, and what became of it.

Knows: the addresses, who may ask for a replay, what is audited.
Must not know: how a call is made again and kept.
"""

import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from aiohttp import web

from relayproxy.console.access.audit_log import audit
from relayproxy.console.access.authorization import require_admin
from relayproxy.console.calls.requested import session_named, session_of
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.forms import form_of, json_of
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import Problem, bad_request, not_found
from relayproxy.console.http.render import render
from relayproxy.console.replays.documents import NewReplayDocument, replay_document
from relayproxy.console.replays.making import Maker, why_not
from relayproxy.console.replays.running import Replays, Run

REPLAYS = web.AppKey("replays", Replays)


def set_up(app: web.Application) -> None:
    """Has replays end with the application."""
    replays = app[REPLAYS] = Replays()

    async def work(_: web.Application) -> AsyncIterator[None]:
        yield
        await replays.close()

    app.cleanup_ctx.append(work)


async def choose(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/replay`: the backends to choose from."""
    require_admin(request)
    session = await session_of(request)
    settings = request.app[APP_CONTEXT].settings
    places = {
        name: urlsplit(one.backend)._replace(query="", fragment="").geturl()
        for name, one in settings.replay_targets.items()
    }
    context = {"section": "sessions", "session": session, "places": places, "why_not": why_not(settings, session)}
    return render("replays/choose.html", request, context)


async def start(request: web.Request) -> web.Response:
    """`POST /sessions/{id}/replay`: makes the call again to `target`; with `fill`, test values stand where content is
    masked."""
    form = await form_of(request)
    run = await _start(request, str(form.get("target", "")), fill="fill" in form)
    raise web.HTTPSeeOther(f"/replays/{run.id}")


async def api_start(request: web.Request) -> web.Response:
    """`POST /api/sessions/{id}/replay` with `{"target": …, "fill": …}`."""
    require_admin(request)
    asked = await json_of(request, NewReplayDocument)
    return json_response(replay_document(await _start(request, asked.target, fill=asked.fill)), 202)


async def api_show(request: web.Request) -> web.Response:
    """`GET /api/replays/{run}`."""
    return json_response(replay_document(_run(request)))


async def api_stop(request: web.Request) -> web.Response:
    """`DELETE /api/replays/{run}`: hangs up, and keeps nothing; 409 once the call is over and kept."""
    run = _run(request)
    await request.app[REPLAYS].stop(run)
    if run.made is not None:
        raise Problem(409, "too_late", f"The call was over before, and is kept as session {run.made}.")
    return web.Response(status=204)


async def show(request: web.Request) -> web.Response:
    """`GET /replays/{run}`: how it goes; once it is over, the comparison of the two calls."""
    run = _run(request)
    session = await session_named(request, run.session)
    # Afterwards, as it goes on while the session is read.
    if run.made is not None:
        raise web.HTTPSeeOther(f"/compare?a={run.session}&b={run.made}")
    context = {"section": "sessions", "session": session, "run": run, "seconds": time.monotonic() - run.since}
    response = render("replays/replay_page.html", request, context)
    if run.live:
        response.headers["Refresh"] = "2"
    return response


async def stop(request: web.Request) -> web.Response:
    """`POST /replays/{run}`: hangs up, and keeps nothing; what is over is shown."""
    run = _run(request)
    await request.app[REPLAYS].stop(run)
    raise web.HTTPSeeOther(f"/replays/{run.id}")


ROUTES = (
    web.get("/sessions/{id}/replay", choose),
    web.post("/sessions/{id}/replay", start),
    web.get("/replays/{run}", show),
    web.post("/replays/{run}", stop),
    web.post("/api/sessions/{id}/replay", api_start),
    web.get("/api/replays/{run}", api_show),
    web.delete("/api/replays/{run}", api_stop),
)


async def _start(request: web.Request, name: str, *, fill: bool) -> Run:
    who = require_admin(request)
    session = await session_of(request)
    context = request.app[APP_CONTEXT]
    target = context.settings.replay_targets.get(name)
    if target is None:
        raise bad_request(f"target={name[:64]}: the name of a table [replay_targets.NAME] is expected.")
    if reason := why_not(context.settings, session):
        raise bad_request(reason)
    run = Run(session.row.id, name, who.name)
    maker = Maker(context.queries, context.settings, context.writer, session, target, fill=fill)
    if not request.app[REPLAYS].start(run, maker):
        raise Problem(429, "too_many", "Too many replays wait already; try again when some of them are over.")
    await audit(request, "replay", session.row.id)
    return run


def _run(request: web.Request) -> Run:
    require_admin(request)
    run = request.app[REPLAYS].find(request.match_info["run"])
    if run is None:
        raise not_found("This console knows no such replay, or no more. Calls that were replayed are in the list.")
    return run
