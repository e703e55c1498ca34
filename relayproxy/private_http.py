"""HTTP server of the private listeners, the console's and the receiver's: limits on connections, and its own answers to
unreadable requests.

Knows: the response and the log line for an unreadable request; for how long the head of a request may take to arrive;
how many connections there may be.
Must not know: what is served.

aiohttp itself would quote such a request in its answer and, with a traceback, in the log: tokens, cookies, searches.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from relayproxy.logs import RateLimit

_log = logging.getLogger(__name__)

HEAD_TIMEOUT = 10.0
"""Seconds that a new connection gets to send the whole head of a request."""
KEEP_ALIVE = 75.0
"""Seconds that a connection may wait for its next request, head included."""
MAX_CONNECTIONS = 512
"""Connections at once. A page that is open holds one or two, a sender of spans one."""


class UnreadableLog:
    """Rate-limited log of unreadable requests: one line now and then for each reason."""

    def __init__(self) -> None:
        self._limit = RateLimit()

    def note(self, peer: str, kind: str) -> None:
        """A request of `peer` cannot be read; `kind` is the name of aiohttp's error."""
        more = self._limit.suffix(kind)
        if more is not None:
            _log.info("a request of %s cannot be read as HTTP (%s)%s", peer, kind, more)


class Connections:
    """The open connections of one server, the `owner`'s, at most `limit`. That which has waited longest for a request
    makes room for a new one; where none waits, the new one is refused."""

    def __init__(self, owner: str, limit: int = MAX_CONNECTIONS) -> None:
        self._owner = owner
        self._limit = limit
        self._open: set[PrivateRequestHandler] = set()
        self._waiting: dict[PrivateRequestHandler, asyncio.TimerHandle | None] = {}
        """Those that wait for the head of a request, the longest wait first; with a timer, for their first."""
        self._refused = RateLimit()

    def opened(self, handler: "PrivateRequestHandler") -> None:
        """Takes a new connection, and gives it `HEAD_TIMEOUT` for its first request."""
        if len(self._open) >= self._limit:
            self._make_room(handler)
        self._open.add(handler)
        self._waiting[handler] = asyncio.get_running_loop().call_later(HEAD_TIMEOUT, handler.expire)

    def requested(self, handler: "PrivateRequestHandler") -> None:
        """A connection has sent the head of a request."""
        timer = self._waiting.pop(handler, None)
        if timer is not None:
            timer.cancel()

    def answered(self, handler: "PrivateRequestHandler") -> None:
        """A connection waits for its next request, if it is still there; for `KEEP_ALIVE` at most."""
        if handler in self._open:
            self._waiting[handler] = None

    def closed(self, handler: "PrivateRequestHandler") -> None:
        """A connection is gone."""
        self.requested(handler)
        self._open.discard(handler)

    def _make_room(self, newest: "PrivateRequestHandler") -> None:
        more = self._refused.suffix("full")
        if more is not None:
            _log.warning("the %s has %d connections, which is its limit%s", self._owner, self._limit, more)
        oldest = next(iter(self._waiting), newest)
        words = f"there are {self._limit} connections, the {self._owner}'s limit"
        oldest.give_way(words, silently=oldest is not newest)
        self.closed(oldest)


class PrivateRequestHandler(web.RequestHandler):
    """aiohttp's protocol, whose answers and log lines hold nothing of a request that cannot be read."""

    __slots__ = ("_connections", "_heard", "_note")

    def __init__(self, server: web.Server, connections: Connections, note: Callable[[str, str], None]) -> None:
        # Nobody has to send compressed bodies; what claims to be one could be anything.
        super().__init__(
            server,
            loop=server._loop,
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE,
        )
        self._connections = connections
        self._note = note
        self._heard = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._connections.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        super().data_received(data)

    def requested(self) -> None:
        """The head of a request has been read."""
        self._heard = False
        self._connections.requested(self)

    def answered(self) -> None:
        """A request has been answered."""
        self._connections.answered(self)

    def give_way(self, words: str, *, silently: bool) -> None:
        """Closes the connection, as one too many; without a word where no request has begun and `silently` says so."""
        if self._heard or not silently:
            self.refuse(503, words)
        else:
            self.force_close()

    def expire(self) -> None:
        """Refuses a head that has begun and not ended in time. A connection without one, which browsers open ahead of
        need, is closed without a word."""
        if self._heard:
            self.refuse(408, f"the head of the request had not ended after {HEAD_TIMEOUT:g} s")
        else:
            self.force_close()

    def refuse(self, status: int, words: str) -> None:
        """Answers without having read a request, and closes the connection."""
        if self.transport is None:
            return
        body = f"relayproxy: {words}\n"
        self.transport.write(
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers in our own words; a bug is aiohttp's to report."""
        self.requested()
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self._note(request.remote or "an unknown address", type(exc).__name__)
        what = "its address or a header is too long" if isinstance(exc, LineTooLong) else "it is not valid HTTP"
        answer = web.Response(status=status, text=f"relayproxy: this request cannot be read, {what}.\n")
        answer.force_close()
        return answer


@web.middleware
async def note_requests(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Tells a connection that its request has come, and that it is answered. The outermost middleware."""
    connection = request.protocol
    if not isinstance(connection, PrivateRequestHandler):
        return await handler(request)
    connection.requested()
    try:
        return await handler(request)
    finally:
        connection.answered()


async def listen(runner: web.AppRunner, connections: Connections, host: str, port: int) -> tuple[asyncio.Server, str]:
    """The listening server of an application that is set up and has `note_requests`, and its URL. Raises OSError when
    it cannot listen there."""
    server, note = runner.server, UnreadableLog().note
    assert server is not None
    listening = await asyncio.get_running_loop().create_server(
        lambda: PrivateRequestHandler(server, connections, note), host, port
    )
    port = listening.sockets[0].getsockname()[1]
    return listening, f"http://{f'[{host}]' if ':' in host else host}:{port}"
