"""The operations of the API are in step with the routes and their handlers, and every page has its twin."""

import re
from collections.abc import Iterator

from relayproxy.console.app import build
from relayproxy.console.operations import OPERATIONS
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from tests.console.contract import BY_ID

PARTS = {
    "/sessions/rows",
    "/sessions/facets",
    "/sessions/overview",
    "/sessions/{id}/parts",
    "/sessions/{id}/annotations",
    "/sessions/{id}/messages",
    "/sessions/{id}/messages/{cursor}",
    "/sessions/{id}/turns/{number}/waterfall",
    "/sessions/{id}/turns/{number}/numbers",
    "/sessions/{id}/numbers",
}
"""Fragments: pieces of pages, in HTML."""


STREAMS = {"/sessions/live", "/sessions/{id}/live", "/live/stream"}
"""Events that keep pages current."""


OTHERS = {
    "/": "leads to the list",
    "/sessions/{id}/slowest": "leads to a turn",
    "/sessions/{id}/longest-wait": "leads to a turn",
    "/sessions/{id}/timeline": "JSON, the same as under /api/",
    "/sessions/{id}/recording": "a file, the same as under /api/",
    "/signin": "a form; programs have tokens",
    "/static/{version}/{name}": "a file",
    "/numbers": "what numbers mean; the document has the same words",
    "/health/notice": "JSON, a part of what is under /api/health",
    "/healthz": "JSON, for whatever restarts the process",
    "/metrics": "text for Prometheus",
}


def routes(settings: Settings, queries: Queries, writer: AnnotationWriter) -> Iterator[tuple[str, str]]:
    """Method and path of everything that the console answers."""
    for route in build(settings, queries, writer).router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            yield route.method.lower(), route.resource.canonical


async def test_every_path_of_the_api_is_in_it(settings: Settings, queries: Queries, writer: AnnotationWriter) -> None:
    there = {(method, path) for method, path in routes(settings, queries, writer) if path.startswith("/api/")}
    told = {(one.method, one.path) for one in OPERATIONS}
    assert there == told
    assert len({one.id for one in OPERATIONS}) == len(OPERATIONS)
    for one in OPERATIONS:
        in_path = [name["name"] for name in one.parameters if name["in"] == "path"]
        assert in_path == re.findall(r"\{(\w+)\}", one.path)


async def test_every_parameter_that_a_handler_names_is_in_it(
    settings: Settings, queries: Queries, writer: AnnotationWriter
) -> None:
    for route in build(settings, queries, writer).router.routes():
        path = route.resource.canonical if route.resource else ""
        if not path.startswith("/api/") or route.method == "HEAD":
            continue
        (one,) = (one for one in OPERATIONS if (one.method, one.path) == (route.method.lower(), path))
        asked = re.search(r"`[A-Z]+ [^`?]+\?([^`]+)`", route.handler.__doc__ or "")
        named = set(re.findall(r"(\w+)=", asked[1])) if asked else set()
        assert named == {parameter["name"] for parameter in one.parameters if parameter["in"] == "query"}, path


async def test_every_page_has_a_twin(settings: Settings, queries: Queries, writer: AnnotationWriter) -> None:
    there = {path for method, path in routes(settings, queries, writer) if method == "get"}
    pages = {path for path in there if not path.startswith("/api/")} - PARTS - STREAMS - set(OTHERS)
    assert pages == {one.page for one in OPERATIONS if one.page}
    assert there >= PARTS | STREAMS | set(OTHERS)


async def test_everything_that_a_form_can_do_programs_can(
    settings: Settings, queries: Queries, writer: AnnotationWriter
) -> None:
    forms = {path for method, path in routes(settings, queries, writer) if method == "post"} - {"/signin", "/signout"}
    twins = {"/sessions/{id}/tags", "/sessions/{id}/notes"}
    assert {path for path in forms if not path.startswith("/api/")} == {
        *twins,
        "/connect/check",
        "/erase",
        "/import",
        "/alerts/{alert}/silence",
        "/sessions/{id}/replay",
        "/replays/{run}",
    }
    assert forms >= {f"/api{path}" for path in twins} | {"/api/erasures/preview", "/api/erasures"}
    assert {"/api/alerts/{alert}/silence", "/api/sessions/{id}/replay"} < forms
    assert "stopReplay" in BY_ID
    assert "check" in {parameter["name"] for parameter in BY_ID["getConnect"].parameters}
