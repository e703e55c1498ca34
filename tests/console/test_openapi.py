"""The OpenAPI document: valid, complete, and in step with the routes, the handlers and the guide."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from relayproxy import __version__
from relayproxy.console.app import build
from relayproxy.console.http.errors import ERRORS
from relayproxy.console.openapi import document
from relayproxy.console.operations import OPERATIONS, Operation
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from tests.console.conftest import Client
from tests.console.contract import BY_ID, ask

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs/api.md").read_text("utf-8")

PARTS = {
    "/sessions/rows",
    "/sessions/facets",
    "/sessions/overview",
    "/sessions/{id}/parts",
    "/sessions/{id}/desk",
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
}


def routes(settings: Settings, queries: Queries, writer: AnnotationWriter) -> Iterator[tuple[str, str]]:
    """Method and path of everything that the console answers."""
    for route in build(settings, queries, writer).router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            yield route.method.lower(), route.resource.canonical


def test_it_is_valid() -> None:
    validate(document())
    assert document()["info"]["version"] == __version__
    for schema in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_schema_of_an_object_is_closed() -> None:
    def objects(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "properties" in value and "type" in value:
                yield value
            for one in value.values():
                yield from objects(one)
        elif isinstance(value, list):
            for one in value:
                yield from objects(one)

    found = list(objects(document()))
    assert len(found) > 50
    assert all(one["additionalProperties"] is False and set(one["required"]) == set(one["properties"]) for one in found)


def test_every_schema_is_used() -> None:
    told = str(document())
    assert [name for name in document()["components"]["schemas"] if f"'#/components/schemas/{name}'" not in told] == []


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
    assert {path for path in forms if not path.startswith("/api/")} == {*twins, "/connect/check"}
    assert forms >= {f"/api{path}" for path in twins}
    assert "check" in {parameter["name"] for parameter in BY_ID["getConnect"].parameters}


def test_every_error_code_in_use_is_in_it() -> None:
    made: set[tuple[int, str]] = set()
    for path in (ROOT / "relayproxy/console").rglob("*.py"):
        found = re.findall(r"Problem\(\s*(\d{3}),\s*\"(\w+)\"", path.read_text("utf-8"))
        made |= {(int(status), code) for status, code in found}
    assert made == {(status, code) for status, some in ERRORS.items() for code in some}


def test_the_guide_has_every_endpoint_and_every_code() -> None:
    def row(one: Operation) -> str:
        return f"| `{one.method.upper()}` | `{one.path}` | {one.says} | {f'`{one.page}`' if one.page else ''} |"

    table = GUIDE[GUIDE.index("| method |") :].split("\n\n", 1)[0].splitlines()[2:]
    assert table == [row(one) for one in OPERATIONS]
    codes = GUIDE[GUIDE.index("| status |") :].split("\n\n", 1)[0].splitlines()[2:]
    assert codes == [
        f"| {status} | `{code}` | {words} |" for status, some in ERRORS.items() for code, words in some.items()
    ]


async def test_it_is_served(client: Client) -> None:
    assert await ask(client, "getOpenAPI") == document()
