"""Request bodies: form fields and JSON, with limits.

Knows: the encoding of our pages' forms, their size limits, and the refusal of everything else.
Must not know: what fields mean.

No request body makes a handler fail: it is read, or refused with a Problem.
"""

import asyncio
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from relayproxy.console.http.middleware import Problem, bad_request
from relayproxy.text import storable

MAX_FORM_BYTES = 128 * 1024
"""Bytes of a form. The longest note, percent-encoded, has less than half of them."""
MAX_FORM_FIELDS = 20
BODY_TIMEOUT = 30.0
"""Seconds that a request's body may take to arrive."""
_FORM = "application/x-www-form-urlencoded"

T = TypeVar("T")


async def form_of(request: web.Request) -> dict[str, str]:
    """The fields of the form that was sent, of each name the first. Bytes that are no UTF-8, and characters that no
    database takes, are replaced. Raises a Problem: 415 for what is no such form, 413 for what is too long, else 400."""
    if request.content_type != _FORM:
        raise _unsupported(f"A form ({_FORM}) is expected.")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise _unsupported("A form in UTF-8 is expected.")
    body = await body_of(request)
    if len(body) > MAX_FORM_BYTES:
        raise Problem(413, "too_large", "What was sent is too long.")
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="replace"
        )
    except ValueError:
        raise bad_request(f"A form of at most {MAX_FORM_FIELDS} fields is expected.") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(storable(name), storable(value))
    return fields


async def json_of(request: web.Request, kind: type[T]) -> T:
    """The JSON body as a value of type `kind`; its Content-Type does not matter. Raises a Problem as `form_of` does."""
    try:
        return msgspec.json.decode(await body_of(request), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise bad_request(f"The body is not what is expected: {problem}") from None
    except RecursionError:
        raise bad_request("The body is not what is expected: it is nested too deeply") from None


async def body_of(request: web.Request) -> bytes:
    """The body as it is. Raises a Problem: 415 when it is compressed, 400 when it does not arrive whole, 408 when that
    takes too long."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise _unsupported("A body without Content-Encoding is expected.")
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return await request.read()
    except TimeoutError:
        raise Problem(408, "request_timeout", f"The body had not arrived after {BODY_TIMEOUT:g} s.") from None
    except (RequestPayloadError, ClientPayloadError, HttpProcessingError):
        raise bad_request("The body could not be read.") from None


def _unsupported(message: str) -> Problem:
    return Problem(415, "unsupported_media_type", message)
