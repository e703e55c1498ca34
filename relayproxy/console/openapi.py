"""OpenAPI document of the API, made when it is first requested.

Knows: how operations and schemas become a document; who may ask.
Must not know: what any endpoint means.
"""

from functools import cache
from http import HTTPStatus
from types import UnionType
from typing import Any, get_args

import msgspec
from aiohttp import web

from relayproxy import __version__
from relayproxy.console.http.documents import schemas
from relayproxy.console.http.errors import ERRORS, ErrorDocument
from relayproxy.console.operations import JSON, OPERATIONS, Operation

_ABOUT = """\
Everything that the console's pages show, as JSON. The guide is docs/api.md in the repository.

Times are RFC 3339 in UTC; the field of the same name with `_ns` is exact, in nanoseconds since 1970, and too large for
numbers of JavaScript. Durations end in `_ms`. What is absent is `null`, never 0 or -1. Lists are `{"items", "next"}`;
`next` is what the next page is asked for with, and null at the end. Every error has the same shape. Objects have
exactly these fields in this version; skip those that you do not know, as later versions may have more.

Where nobody is configured, the console listens on loopback and needs no credentials; else every request does.\
"""
_SECURITY: dict[str, Any] = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token of the settings, for programs."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "relayproxy",
        "description": "Of a browser that has signed in; over https its name is __Host-relayproxy.",
    },
}
_ALWAYS = (401, 403, 500, 503)
Schema = dict[str, Any]


@cache
def document() -> dict[str, Any]:
    """The whole OpenAPI document as plain values, ready for JSON."""
    bodies = [one.body for one in OPERATIONS if one.body is not None]
    answers = [type for one in OPERATIONS for answer in one.answers.values() for type in _types(answer)]
    types = [ErrorDocument, *bodies, *answers]
    found, components = schemas(types)
    told = {id(type): schema for type, schema in zip(types, found, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one, told)
    return {
        "openapi": "3.1.0",
        "info": {"title": "relayproxy console", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {_name(status): _error(status, told[id(ErrorDocument)]) for status in ERRORS},
            "securitySchemes": _SECURITY,
        },
    }


async def serve(_: web.Request) -> web.Response:
    """`GET /api/openapi.json`."""
    response = web.Response(body=_body(), content_type="application/json", charset="utf-8")
    response.enable_compression()
    return response


def _operation(one: Operation, by_type: dict[int, Schema]) -> dict[str, Any]:
    wrong = {*_ALWAYS}
    if one.body is not None or one.file:
        wrong |= {400, 413, 415}
    if any(parameter["in"] == "query" for parameter in one.parameters):
        wrong.add(400)
    if any(parameter["in"] == "path" for parameter in one.parameters):
        wrong.add(404)
    wrong.update(one.errors)
    answers: dict[str, Any] = {str(one.status): _answer(one, by_type)}
    answers |= {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in sorted(wrong)}
    told: dict[str, Any] = {"operationId": one.id, "summary": one.says}
    if one.parameters:
        told["parameters"] = list(one.parameters)
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": {JSON: {"schema": by_type[id(one.body)]}}}
    if one.file:
        told["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    told["responses"] = answers
    if one.page:
        told["x-page"] = one.page
    if one.admin:
        told["x-role"] = "admin"
    return told


def _answer(one: Operation, by_type: dict[int, Schema]) -> dict[str, Any]:
    told: dict[str, Any] = {"description": HTTPStatus(one.status).phrase}
    if one.answers:
        told["content"] = {media: {"schema": _schema(answer, by_type)} for media, answer in one.answers.items()}
    return told


def _types(answer: Any) -> tuple[Any, ...]:
    """One type, or those of a union."""
    return get_args(answer) if isinstance(answer, UnionType) else (answer,)


def _schema(answer: Any, by_type: dict[int, Schema]) -> Schema:
    found = [by_type[id(type)] for type in _types(answer)]
    return {"oneOf": found} if len(found) > 1 else found[0]


def _error(status: int, schema: Schema) -> dict[str, Any]:
    codes = "; ".join(f"`{code}`: {words}" for code, words in ERRORS[status].items())
    return {"description": codes, "content": {JSON: {"schema": schema}}}


def _name(status: int) -> str:
    return f"Error{status}"


@cache
def _body() -> bytes:
    return msgspec.json.encode(document())
