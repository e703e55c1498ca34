"""The OpenAPI document: valid, complete, and in step with the routes, the handlers and the guide."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_spec_validator import validate

from relayproxy import __version__
from relayproxy.console.http.errors import ERRORS
from relayproxy.console.openapi import document
from relayproxy.console.operations import OPERATIONS, Operation
from tests.console.conftest import Client
from tests.console.contract import ask

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs/api.md").read_text("utf-8")


def test_it_is_valid() -> None:
    validate(document())  # each schema, too
    assert document()["info"]["version"] == __version__


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
