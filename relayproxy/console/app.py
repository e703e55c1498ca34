"""The console's application: which handler answers where.

Knows: every path.
Must not know: what handlers do.
"""

from functools import cache

from aiohttp import web

from relayproxy.assets import web_dir
from relayproxy.console import (
    api,
    audit_page,
    connecting,
    desk,
    export,
    health,
    insight,
    listing,
    overview,
    pages,
    raw,
    signin,
    threads,
    timeline,
    wall,
)
from relayproxy.console.live import Pulse
from relayproxy.console.manners import add_headers, tell_errors
from relayproxy.console.render import set_up_templates
from relayproxy.console.room import ROOM, Room
from relayproxy.console.statics import Statics
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import Pen


def build(settings: Settings, queries: Queries, pen: Pen) -> web.Application:
    """The application on a database that may come later. Runs on the event loop it is built for."""
    app = web.Application(middlewares=[tell_errors])
    statics = _statics()
    app[ROOM] = Room(settings, queries, Pulse(queries), statics, pen)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(_end_streams)
    set_up_templates(app, statics)
    signin.set_up(app, settings, pen)
    wall.set_up(app)
    connecting.set_up(app)
    health.set_up(app)
    threads.set_up(app)
    app.add_routes(
        [
            # Before `/sessions/{id}`, which would take them.
            *listing.ROUTES,
            *overview.ROUTES,
            *pages.ROUTES,
            *raw.ROUTES,
            *timeline.ROUTES,
            *api.ROUTES,
            *desk.ROUTES,
            *export.ROUTES,
            *wall.ROUTES,
            *connecting.ROUTES,
            *health.ROUTES,
            *insight.ROUTES,
            *audit_page.ROUTES,
            web.get("/api/openapi.json", _openapi),
            web.get("/static/{version}/{name}", statics.serve),
        ]
    )
    return app


@cache
def _statics() -> Statics:
    return Statics(web_dir() / "static")


async def _openapi(request: web.Request) -> web.Response:
    # Its hundreds of schemas would make every start longer, and few ever ask.
    from relayproxy.console import openapi

    return await openapi.serve(request)


async def _end_streams(app: web.Application) -> None:
    await app[ROOM].pulse.close()
