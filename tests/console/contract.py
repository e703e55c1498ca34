"""Asks the API as its OpenAPI document says, and holds what comes against what the document says.

Knows: how operations are asked for; how an answer is compared with its schema.
Must not know: what is tested.
"""

from collections.abc import AsyncIterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from relayproxy.console.http.errors import ERRORS
from relayproxy.console.openapi import document
from relayproxy.console.operations import OPERATIONS
from tests.console.conftest import Client

BY_ID = {one.id: one for one in OPERATIONS}
_WHOLE = "urn:openapi"


def validator(schema: Any) -> Draft202012Validator:
    """One that knows the document's own schemas."""
    return Draft202012Validator(_absolute(schema), registry=_registry())


@cache
def _registry() -> Registry[Any]:
    found: Registry[Any] = Registry().with_resource(_WHOLE, Resource.from_contents(document(), DRAFT202012))
    return found.crawl()


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _WHOLE + value if name == "$ref" else _absolute(value) for name, value in schema.items()}
    return [_absolute(one) for one in schema] if isinstance(schema, list) else schema


def complaints(schema: Any, value: Any) -> list[str]:
    """What of the value is not as the schema says."""
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(schema).iter_errors(value)]


async def ask(client: Client, name: str, query: str = "", body: Any = None, **parts: str) -> Any:
    """The answer of an operation, which is as the document says."""
    one = BY_ID[name]
    path = one.path.format(**parts) + (f"?{query}" if query else "")
    async with client.request(one.method, path, json=body) as response:
        assert response.status == one.status, await response.text()
        if not one.answers:
            assert await response.read() == b""
            return None
        assert response.content_type in one.answers
        if response.content_type != "application/json":
            return await response.read()
        found = await response.json()
    answers = document()["paths"][one.path][one.method]["responses"]
    assert complaints(answers[str(one.status)]["content"]["application/json"]["schema"], found) == []
    return found


async def refused(client: Client, method: str, path: str, status: int, **more: Any) -> str:
    """The code of an error, which is told in the one shape."""
    async with client.request(method, path, **more) as response:
        assert response.status == status, await response.text()
        assert response.content_type == "application/json"
        problem = await response.json()
    assert complaints(document()["components"]["schemas"]["Error"], problem) == []
    assert problem["error"]["code"] in ERRORS[status]
    return str(problem["error"]["code"])


async def pages(client: Client, name: str, query: str, limit: int, **parts: str) -> AsyncIterator[list[Any]]:
    """All pages of a list, one after the other."""
    known = {parameter["name"] for parameter in BY_ID[name].parameters}
    cursor, place = "", "before" if "before" in known else "after"
    while True:
        found = await ask(client, name, f"{query}&limit={limit}{cursor}", **parts)
        assert len(found["items"]) <= limit
        yield found["items"]
        if found["next"] is None:
            return
        cursor = f"&{place}={found['next']}"
