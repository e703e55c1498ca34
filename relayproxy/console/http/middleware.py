"""Error middleware and security headers of every response.

Knows: the Content-Security-Policy; how an error is reported to a browser and to a program.
Must not know: sessions, or what any handler does.
"""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from aiohttp import web

from relayproxy.console.http.errors import ErrorDocument, ProblemDocument
from relayproxy.console.http.render import render
from relayproxy.store.errors import DamagedFileError, NotReady, RefusedError, SlowError, StoreError, UnreadableError
from relayproxy.store.read.recording_objects import RecordingAwayError
from relayproxy.text import storable

_log = logging.getLogger(__name__)

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_GONE = 499
"""nginx's status for a client that closed the connection before the response."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Problem(Exception):
    """A request that cannot be answered as asked. `code` is for programs, `message` for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad_request(message: str) -> Problem:
    """A parameter of the request is wrong."""
    return Problem(400, "bad_request", message)


def not_found(message: str) -> Problem:
    """What was asked for does not exist."""
    return Problem(404, "not_found", message)


def said_of(problem: Exception) -> str:
    """What an error of ours says, as a sentence by itself."""
    words = str(problem)
    return words[:1].upper() + words[1:] + "."


async def security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal, so that streams get the headers too. Nothing is stored unless it says so."""
    for name, value in _HEADERS.items():
        response.headers[name] = value
    if response.headers.get("Cache-Control", "no-cache") == "no-cache" and "ETag" not in response.headers:
        response.headers["Cache-Control"] = "no-store"


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every failure into JSON under `/api/`, into a page elsewhere."""
    try:
        return await handler(request)
    except Problem as found:
        problem = found
    except NotReady as found:
        problem = Problem(503, "not_ready", str(found))
    except SlowError as found:
        problem = Problem(503, "too_slow", str(found).removeprefix("database: ").capitalize() + ".")
    except RefusedError:
        problem = _internal(request)
    except DamagedFileError as found:
        problem = Problem(503, "database_unavailable", str(found))
    except (RecordingAwayError, UnreadableError) as found:
        problem = Problem(503, "recording_unavailable", said_of(found))
    except StoreError as found:
        problem = Problem(503, "database_unavailable", str(found))
    except web.HTTPException as found:
        if found.status < 400:
            raise
        problem = _http_problem(request, found)
    except Exception as found:
        if isinstance(found, ConnectionError) and (request.transport is None or request.transport.is_closing()):
            return web.Response(status=_GONE)
        problem = _internal(request)
    return _tell(request, problem)


def _internal(request: web.Request) -> Problem:
    """The 500 for an unexpected exception, which is logged with its traceback."""
    _log.exception("%s %s failed", request.method, request.match_info.route.resource)
    return Problem(500, "internal_error", "The console failed on this request; its log says why.")


def _http_problem(request: web.Request, found: web.HTTPException) -> Problem:
    if found.status == HTTPStatus.NOT_FOUND:
        return not_found("There is nothing at this address.")
    if found.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return Problem(405, "method_not_allowed", f"{request.method} is not possible here.")
    if found.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Problem(413, "too_large", "What was sent is too long.")
    return Problem(found.status, HTTPStatus(found.status).name.lower(), found.reason)


def _tell(request: web.Request, problem: Problem) -> web.Response:
    if request.path.startswith("/api/") or request.path == "/api":
        # It may quote what was sent, which may be no text that can be sent back.
        body = msgspec.json.encode(
            ErrorDocument(error=ProblemDocument(code=problem.code, message=storable(problem.message)))
        )
        return web.Response(status=problem.status, body=body, content_type="application/json")
    title = HTTPStatus(problem.status).phrase
    context = {"title": title, "problem": problem}
    return render("http/error.html", request, context, status=problem.status)
