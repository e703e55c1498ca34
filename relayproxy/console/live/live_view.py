"""Live view: its page, its API, and the event stream that keeps it current.

Knows: paths, and the events of the stream.
Must not know: SQL; when to poll, which tiles changed.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import aiohttp_jinja2
import msgspec
from aiohttp import web

from relayproxy.console.calls.drawing import sparkline
from relayproxy.console.calls.findings import slow_ms
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.event_stream import stream
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.render import render
from relayproxy.console.live.call_tile import LiveCallsDocument, call_tile, tile_document
from relayproxy.console.live.change_feed import MAX_TILES, ChangeFeed, Changes, RenderedTile
from relayproxy.settings.model import Settings
from relayproxy.store.read.live import LiveCall

CHANGE_FEED = web.AppKey("change_feed", ChangeFeed)


def set_up(app: web.Application) -> None:
    """Adds the change feed to the application. After the app context and the templates."""
    context = app[APP_CONTEXT]
    app[CHANGE_FEED] = ChangeFeed(context.queries, context.poller, _drawing(app, context.settings))


def _drawing(app: web.Application, settings: Settings) -> Callable[[LiveCall], RenderedTile]:
    template = aiohttp_jinja2.get_env(app).get_template("live/call_tile.html")

    def draw(call: LiveCall) -> RenderedTile:
        shown = call_tile(call, slow_ms(settings, call.session.route))
        return RenderedTile(
            shown, template.render(tile=shown, drawing=sparkline.draw(shown.row.strip), now_ns=time.time_ns())
        )

    return draw


async def live_view_page(request: web.Request) -> web.Response:
    """`GET /live`."""
    changes = await request.app[CHANGE_FEED].now()
    return render("live/live_view.html", request, {"changes": changes, "most": MAX_TILES, "section": "live"})


async def live_view_stream(request: web.Request) -> web.StreamResponse:
    """`GET /live/stream?since=`: changed tiles since a version that the page or an earlier event gave, and every
    change from then on. Without one, or with one of another life of the console, all that live."""
    since = request.headers.get("Last-Event-ID") or request.query.get("since")
    return await stream(request, _events(request.app[CHANGE_FEED], since))


async def live_calls_document(request: web.Request) -> web.Response:
    """`GET /api/live`: the live calls, the longest-lived first; of more than `MAX_TILES`, that many."""
    changes, now = await request.app[CHANGE_FEED].now(), time.time_ns()
    items = tuple(tile_document(rendered.tile, now) for rendered in changes.tiles)
    return json_response(LiveCallsDocument(items=items, next=None, live=changes.live))


async def _events(feed: ChangeFeed, since: str | None) -> AsyncGenerator[str, None]:
    async with aclosing(feed.follow(since)) as followed:
        async for changes in followed:
            yield _event(changes)


def _event(changes: Changes) -> str:
    body = {
        "version": changes.version,
        "live": changes.live,
        "whole": changes.whole,
        "tiles": [[rendered.tile.row.id, rendered.markup] for rendered in changes.tiles],
        "gone": changes.gone,
    }
    return msgspec.json.encode(body).decode()


ROUTES = (
    web.get("/live", live_view_page),
    web.get("/live/stream", live_view_stream),
    web.get("/api/live", live_calls_document),
)
