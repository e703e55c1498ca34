"""The console's application: which handler answers where.

Knows: every path.
Must not know: what handlers do.
"""

from aiohttp import web

from relayproxy.assets import web_dir
from relayproxy.config import Settings
from relayproxy.console import api, desk, export, pages, raw, wall
from relayproxy.console.live import Pulse
from relayproxy.console.manners import add_headers, tell_errors
from relayproxy.console.render import set_up_templates
from relayproxy.console.room import ROOM, Room
from relayproxy.console.statics import Statics
from relayproxy.store.pen import Pen
from relayproxy.store.queries import Queries


def build(settings: Settings, queries: Queries, pen: Pen) -> web.Application:
    """The application on a database that may come later. Runs on the event loop it is built for."""
    app = web.Application(middlewares=[tell_errors])
    statics = Statics(web_dir() / "static")
    app[ROOM] = Room(settings, queries, Pulse(queries), statics, pen)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_end_streams)
    set_up_templates(app, statics)
    wall.set_up(app)
    app.add_routes(
        [
            # Before `/sessions/{id}`, which would take them.
            web.get("/sessions", pages.sessions),
            web.get("/sessions/rows", pages.sessions),
            web.get("/sessions/live", pages.sessions_live),
            web.get("/api/sessions", api.sessions),
            *pages.ROUTES,
            *raw.ROUTES,
            *api.ROUTES,
            *desk.ROUTES,
            *export.ROUTES,
            *wall.ROUTES,
            web.get("/static/{version}/{name}", statics.serve),
        ]
    )
    return app


async def _end_streams(app: web.Application) -> None:
    await app[ROOM].pulse.close()
