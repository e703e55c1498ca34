"""The routes of the console: each path leads to one handler, and to the right one where two would take it."""

from collections import Counter

import pytest
from aiohttp.test_utils import make_mocked_request

from relayproxy.console.app import build
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/sessions/rows", "/sessions/rows"),
        ("/sessions/facets", "/sessions/facets"),
        ("/sessions/live", "/sessions/live"),
        ("/sessions/overview", "/sessions/overview"),
        ("/sessions/VX1", "/sessions/{id}"),
        ("/sessions/VX1/numbers", "/sessions/{id}/numbers"),
        ("/static/1/app.css", "/static/{version}/{name}"),
        ("/static/1/vendor/uPlot.esm.js", "/static/{version}/{name}"),
    ],
)
async def test_a_path_that_two_routes_would_take_leads_to_its_own(
    settings: Settings, queries: Queries, writer: AnnotationWriter, path: str, resource: str
) -> None:
    app = build(settings, queries, writer)

    found = await app.router.resolve(make_mocked_request("GET", path, app=app))

    assert found.route.resource is not None
    assert found.route.resource.canonical == resource


async def test_no_route_stands_twice(settings: Settings, queries: Queries, writer: AnnotationWriter) -> None:
    routes = build(settings, queries, writer).router.routes()

    counted = Counter((route.method, route.resource.canonical) for route in routes if route.resource)
    assert counted.most_common(1)[0][1] == 1


async def test_two_consoles_in_one_process_are_apart_and_read_the_same_files(
    settings: Settings, queries: Queries, writer: AnnotationWriter
) -> None:
    one, other = (build(settings, queries, writer)[APP_CONTEXT] for _ in range(2))

    assert one.poller is not other.poller
    assert one.static_files is other.static_files, "they are read once"
