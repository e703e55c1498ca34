"""The wall of live calls: its page, its JSON twin, and the stream that keeps it current.

Knows: paths, and what the stream says of a change.
Must not know: SQL; when to look, which cards changed.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import aiohttp_jinja2
import msgspec
from aiohttp import web

from relayproxy.console.calls import sparkline
from relayproxy.console.calls.findings import slow_ms
from relayproxy.console.http.context import ROOM
from relayproxy.console.http.event_stream import stream
from relayproxy.console.http.json_response import answer
from relayproxy.console.http.render import render
from relayproxy.console.live.call_tile import Card, card, card_document
from relayproxy.console.live.change_feed import MOST, Board, Changes
from relayproxy.settings.model import Settings
from relayproxy.store.read.live import Glimpse


@dataclass(frozen=True, slots=True)
class Drawn:
    """A card and its markup, the same for everybody."""

    card: Card
    markup: str


BOARD: web.AppKey[Board[Drawn]] = web.AppKey("board", Board)


def set_up(app: web.Application) -> None:
    """Puts up the wall. After the room and the templates."""
    room = app[ROOM]
    app[BOARD] = Board(room.queries, room.pulse, _drawing(app, room.settings))


def _drawing(app: web.Application, settings: Settings) -> Callable[[Glimpse], Drawn]:
    template = aiohttp_jinja2.get_env(app).get_template("live/call_tile.html")

    def draw(glimpse: Glimpse) -> Drawn:
        shown = card(glimpse, slow_ms(settings, glimpse.session.route))
        return Drawn(shown, template.render(card=shown, drawing=sparkline.draw(shown.row.strip), now_ns=time.time_ns()))

    return draw


async def wall(request: web.Request) -> web.Response:
    """`GET /live`."""
    changes = await request.app[BOARD].now()
    return render("live/live_view.html", request, {"changes": changes, "most": MOST, "section": "live"})


async def wall_stream(request: web.Request) -> web.StreamResponse:
    """`GET /live/stream?since=`: changed cards since a version that the page or an earlier event gave, and whatever
    changes from then on. Without one, or with one of another life of the console, all that live."""
    since = request.headers.get("Last-Event-ID") or request.query.get("since")
    return await stream(request, _events(request.app[BOARD], since))


async def wall_document(request: web.Request) -> web.Response:
    """`GET /api/live`: the live calls, the longest-lived first; of more than fit on the wall, as many as do."""
    changes, now = await request.app[BOARD].now(), time.time_ns()
    items = [card_document(drawn.card, now) for drawn in changes.cards]
    return answer({"items": items, "next": None, "live": changes.live})


async def _events(board: Board[Drawn], since: str | None) -> AsyncGenerator[str, None]:
    async with aclosing(board.follow(since)) as followed:
        async for changes in followed:
            yield _event(changes)


def _event(changes: Changes[Drawn]) -> str:
    body = {
        "version": changes.version,
        "live": changes.live,
        "whole": changes.whole,
        "cards": [[drawn.card.row.id, drawn.markup] for drawn in changes.cards],
        "gone": changes.gone,
    }
    return msgspec.json.encode(body).decode()


ROUTES = (
    web.get("/live", wall),
    web.get("/live/stream", wall_stream),
    web.get("/api/live", wall_document),
)
