"""Console application: routes and set-up of every feature.

Knows: every path.
Must not know: what handlers do.
"""

from functools import cache

from aiohttp import web

from relayproxy.assets import web_dir
from relayproxy.console.access import audit_page, erasures, signin
from relayproxy.console.alerts import alerts_page, running
from relayproxy.console.calls import requested
from relayproxy.console.calls.drawing import sparkline, timeline
from relayproxy.console.compare import compare_page
from relayproxy.console.connect import connect_page
from relayproxy.console.health import health_page, liveness, metrics
from relayproxy.console.http.change_poller import ChangePoller
from relayproxy.console.http.context import APP_CONTEXT, AppContext
from relayproxy.console.http.middleware import error_middleware, security_headers
from relayproxy.console.http.render import PAGE_VALUES, set_up_templates
from relayproxy.console.http.static_files import StaticFiles
from relayproxy.console.insight import insight_page
from relayproxy.console.listing import imports, list_page, overview
from relayproxy.console.live import live_view
from relayproxy.console.replays import replay_page
from relayproxy.console.sessions import (
    annotations,
    api,
    backend_pages,
    backend_spans,
    export,
    message_pages,
    numbers_page,
    session_page,
)
from relayproxy.private_http import note_requests
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter

RECORDED = ("sessions", "insight")
"""The pages that are about calls that were recorded, and nothing else."""


def build(
    settings: Settings, queries: Queries, writer: AnnotationWriter, *, recorded_only: bool = False
) -> web.Application:
    """The application. Its database may come into being later. It runs on the event loop that it is built on.
    `recorded_only`: there is no relay and no recorder, of which the head of its pages would tell."""
    app = web.Application(middlewares=[note_requests, error_middleware])
    static_files = _statics()
    app[APP_CONTEXT] = AppContext(settings, queries, ChangePoller(queries), static_files, writer)
    app.on_response_prepare.append(security_headers)
    app.on_shutdown.append(_end_streams)
    set_up_templates(app, static_files)
    signin.set_up(app, settings, queries, writer)
    requested.set_up(app)
    sparkline.set_up(app)
    live_view.set_up(app)
    connect_page.set_up(app)
    health_page.set_up(app)
    liveness.set_up(app)
    metrics.set_up(app)
    running.set_up(app)
    imports.set_up(app)
    replay_page.set_up(app)
    if recorded_only:
        app[PAGE_VALUES] |= {"rooms": lambda _request: RECORDED, "notice": lambda _request: None}
    app.add_routes(
        [
            # Before `/sessions/{id}`, which would take them.
            *list_page.ROUTES,
            *overview.ROUTES,
            *imports.ROUTES,
            *session_page.ROUTES,
            *backend_pages.ROUTES,
            *numbers_page.ROUTES,
            *message_pages.ROUTES,
            *timeline.ROUTES,
            *api.ROUTES,
            *backend_spans.ROUTES,
            *annotations.ROUTES,
            *export.ROUTES,
            *live_view.ROUTES,
            *connect_page.ROUTES,
            *health_page.ROUTES,
            *metrics.ROUTES,
            *insight_page.ROUTES,
            *compare_page.ROUTES,
            *replay_page.ROUTES,
            *alerts_page.ROUTES,
            *audit_page.ROUTES,
            *erasures.ROUTES,
            web.get("/api/openapi.json", _openapi),
            web.get("/static/{version}/{name:.+}", static_files.serve),
        ]
    )
    return app


@cache
def _statics() -> StaticFiles:
    return StaticFiles(web_dir() / "static")


async def _openapi(request: web.Request) -> web.Response:
    # Its hundreds of schemas would make every start longer, and few ever ask.
    from relayproxy.console import openapi

    return await openapi.serve(request)


async def _end_streams(app: web.Application) -> None:
    await app[APP_CONTEXT].poller.close()
