"""HTTP application of the receiver: OTLP/HTTP.

Knows: paths, content types and statuses of OTLP/HTTP; who may send.
Must not know: what becomes of what is taken.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import get_args

from aiohttp import web

from relayproxy.private_http import note_requests
from relayproxy.receiver.bodies import BodyError, Room, inflate, read
from relayproxy.receiver.passing_on import VIA, Parcel
from relayproxy.receiver.requests import RETRY_AFTER, FullError, Requests
from relayproxy.settings.otlp import Signal
from relayproxy.telemetry.received.answers import Encoding, accepted, error
from relayproxy.telemetry.received.received import UndecodableError

ENCODINGS: dict[str, Encoding] = {"application/x-protobuf": "protobuf", "application/json": "json"}
CONTENT_TYPES: dict[Encoding, str] = {encoding: content_type for content_type, encoding in ENCODINGS.items()}
AT_ONCE = 8
"""Bodies that are inflated and decoded at once; as many of the largest may be read or wait for their turn."""
PATIENCE = 5.0
"""Seconds that they wait."""
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 415: 3, 503: 14}
"""Codes of `google.rpc.Code` for HTTP statuses."""


def build(requests: Requests, limit: int, token: str | None) -> web.Application:
    """The application. Bodies have at most `limit` bytes, and senders show the token when there is one. It is to be run
    as a private listener, which does not inflate bodies."""
    app = web.Application(middlewares=[note_requests, _Guard(token).middleware])
    room, turns = Room(AT_ONCE * limit), asyncio.Semaphore(AT_ONCE)
    for signal in get_args(Signal):
        app.router.add_post(f"/v1/{signal}", _Handler(requests, signal, limit, room, turns).handle)
    return app


class _Guard:
    """Answers what is no request of a sender of spans."""

    def __init__(self, token: str | None) -> None:
        self._expected = None if token is None else f"Bearer {token}".encode()

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            if "Origin" in request.headers:
                return answer(request, 403, "pages in browsers are not served")
            shown = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if self._expected is not None and not hmac.compare_digest(shown, self._expected):
                return answer(request, 401, "Authorization: Bearer and the receiver's token are expected")
            return await handler(request)
        except web.HTTPException as problem:
            if problem.status >= 500:
                raise
            return answer(request, problem.status, f"POST to /v1/traces is expected ({problem.reason})")


class _Handler:
    def __init__(self, requests: Requests, signal: Signal, limit: int, room: Room, turns: asyncio.Semaphore) -> None:
        self._requests = requests
        self._signal: Signal = signal
        self._limit = limit
        self._room = room
        self._turns = turns

    async def handle(self, request: web.Request) -> web.Response:
        """`POST /v1/traces`, `/v1/metrics`, `/v1/logs`."""
        encoding = ENCODINGS.get(request.content_type)
        if encoding is None:
            return answer(request, 415, "a Content-Type of application/x-protobuf or application/json is expected")
        if self._signal == "traces" and self._requests.full:
            return _full(request)
        if (request.content_length or 0) > self._limit:
            return answer(request, 413, f"the body has more than {self._limit} bytes")
        try:
            with self._room.share() as share:
                raw = await read(request.content, self._limit, share)
                async with self._turn():
                    return await self._take(request, encoding, raw)
        except BodyError as problem:
            return answer(request, problem.status, str(problem))
        except UndecodableError as problem:
            return answer(request, 400, str(problem))
        except FullError:
            return _full(request)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._turns.acquire()
        except TimeoutError:
            raise BodyError(503, "more is sent at once than can be decoded") from None
        try:
            yield
        finally:
            self._turns.release()

    async def _take(self, request: web.Request, encoding: Encoding, raw: bytes) -> web.Response:
        content_encoding = request.headers.get("Content-Encoding", "")
        body = await asyncio.to_thread(inflate, raw, content_encoding, self._limit)
        content_type = request.headers["Content-Type"]
        parcel = Parcel(self._signal, raw, content_type, content_encoding, request.headers.get(VIA, ""), body)
        if self._signal != "traces":
            self._requests.others(parcel)
            return _success(encoding, accepted(encoding))
        peer = request.remote or ""
        found = await asyncio.to_thread(self._requests.traces, body, encoding, parcel, peer)
        return _success(encoding, accepted(encoding, found.rejected, found.message))


def _success(encoding: Encoding, body: bytes) -> web.Response:
    return web.Response(body=body, content_type=CONTENT_TYPES[encoding])


def _full(request: web.Request) -> web.Response:
    return answer(request, 503, "the database is away or too slow, and no more spans can wait")


def answer(request: web.Request, status: int, message: str) -> web.Response:
    """An error, in the encoding of the request; in JSON when that is none of OTLP. What is left of the body is not
    read."""
    encoding = ENCODINGS.get(request.content_type, "json")
    response = web.Response(
        status=status, body=error(encoding, _CODES.get(status, 2), message), content_type=CONTENT_TYPES[encoding]
    )
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    if not request.content.at_eof():
        response.force_close()
    return response
