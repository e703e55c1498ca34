"""The routes of the console: each path leads to one handler, and to the right one where two would take it."""

from collections import Counter

import pytest
from aiohttp.test_utils import make_mocked_request

from relayproxy.console.app import build
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


async def test_nothing_changes_by_being_looked_at(
    settings: Settings, queries: Queries, writer: AnnotationWriter
) -> None:
    methods = {route.method for route in build(settings, queries, writer).router.routes()}

    assert methods == {"GET", "HEAD", "POST", "DELETE"}


async def test_two_consoles_in_one_process_are_apart(
    settings: Settings, queries: Queries, writer: AnnotationWriter
) -> None:
    one, other = (build(settings, queries, writer) for _ in range(2))

    assert not {id(value) for value in one.values() if hasattr(value, "close")} & {
        id(value) for value in other.values() if hasattr(value, "close")
    }
