"""Listener: the relay's HTTP server.

Knows: accepting connections with aiohttp, the limits on request heads that have not ended, draining.
Must not know: routes, handshakes, the journal.
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from relayproxy.relay.listener.protocol import HeadProtocol, Unreadable
from relayproxy.settings.validators import split_address

log = logging.getLogger(__name__)

HEAD_TIMEOUT = 10.0
"""Seconds a fresh connection gets to send a whole request head."""
BURST = 0.1
"""Seconds for which twice as many connections may be without a whole head: of many that are taken at once nobody has
read what they have sent yet."""
HEADS = 32 * 1024 * 1024
"""Bytes of all heads that have not ended; beyond, the connection that has waited longest is given up."""


class _Server(web.Server):
    """aiohttp's server, with limits on the time and the number of request heads that have not ended."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        tell: Callable[[RequestHandler, Unreadable], None],
        max_heads: int,
    ) -> None:
        super().__init__(self._handle, handler_cancellation=True)
        self._wanted = handler
        self._tell = tell
        self._max_heads = max_heads
        self._waiting: dict[HeadProtocol, asyncio.TimerHandle] = {}
        """Connections whose first head has not ended, the oldest first."""
        self._trimming: asyncio.TimerHandle | None = None
        self._sizes: Counter[HeadProtocol] = Counter()
        """Bytes of those heads, where the first piece was not all."""

    @property
    def heads(self) -> int:
        """The connections whose first head has not ended."""
        return len(self._waiting)

    def __call__(self) -> HeadProtocol:
        logger = logging.getLogger("relayproxy.http")
        return HeadProtocol(
            self,
            self._tell,
            self._grew,
            loop=asyncio.get_running_loop(),
            logger=logger,
            access_log=None,
        )

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._stop_waiting(request.protocol)
        return await self._wanted(request)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        assert isinstance(handler, HeadProtocol)
        if len(self._waiting) >= 2 * self._max_heads:
            self._give_up_oldest()
        elif len(self._waiting) >= self._max_heads and self._trimming is None:
            self._trimming = asyncio.get_running_loop().call_later(BURST, self._trim)
        self._waiting[handler] = asyncio.get_running_loop().call_later(HEAD_TIMEOUT, handler.give_up, HEAD_TIMEOUT)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        self._stop_waiting(handler)
        super().connection_lost(handler, exc)

    def _grew(self, handler: HeadProtocol, size: int) -> None:
        if handler in self._waiting:
            self._sizes[handler] += size
            if self._sizes.total() > HEADS:
                self._give_up_oldest()

    def _trim(self) -> None:
        self._trimming = None
        while len(self._waiting) > self._max_heads:
            self._give_up_oldest()

    def _give_up_oldest(self) -> None:
        # A head takes one round trip: what has waited longest is the least likely to be a call.
        count, oldest = len(self._waiting), next(iter(self._waiting))
        self._stop_waiting(oldest)
        oldest.give_way(count)

    def _stop_waiting(self, handler: RequestHandler) -> None:
        assert isinstance(handler, HeadProtocol)
        self._sizes.pop(handler, None)
        timer = self._waiting.pop(handler, None)
        if timer is not None:
            timer.cancel()


class Listener:
    """A listening server for `handler` at `address` (`HOST:PORT`), or on `sockets`, which were inherited; `start`
    raises OSError when it cannot listen.

    `tell` is called for each request whose head could not be read. Of more than `max_heads` connections that have not
    sent a whole head yet the oldest are given up.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        tell: Callable[[RequestHandler, Unreadable], None],
        address: str,
        tls: ssl.SSLContext | None,
        max_heads: int,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        self._server = _Server(handler, tell, max_heads)
        self._host, self._port = split_address(address)
        self._sockets = sockets
        self._tls = tls
        self._listening: list[asyncio.Server] = []
        self._pending_until = 0.0
        """The event loop's time until which TLS handshakes may be going on that were begun before `stop_accepting`."""
        self.url = ""
        self.left = False
        """True once no more connections are accepted."""

    @property
    def pending(self) -> bool:
        """True while a connection that was accepted may not have sent the head of a request yet."""
        return self._server.heads > 0 or asyncio.get_running_loop().time() < self._pending_until

    async def start(self) -> None:
        """Begins to listen, and sets `url`. Raises OSError."""
        places: list[dict[str, Any]] = [{"sock": one} for one in self._sockets]
        for place in places or [{"host": self._host, "port": self._port}]:
            server = await asyncio.get_running_loop().create_server(
                self._server,
                **place,
                ssl=self._tls,
                ssl_handshake_timeout=HEAD_TIMEOUT if self._tls else None,
                backlog=1024,
            )
            self._listening.append(server)
        host, port = self._listening[0].sockets[0].getsockname()[:2]
        self.url = f"{'https' if self._tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    def stop_accepting(self) -> None:
        """Closes the listening sockets; connections go on."""
        if self._listening and self._tls is not None:
            self._pending_until = asyncio.get_running_loop().time() + HEAD_TIMEOUT
        self.left = True
        for server in self._listening:
            server.close()
        self._listening.clear()

    async def close(self) -> None:
        """Closes all sockets. Only when no call is in progress: aiohttp's shutdown closes connections in use."""
        self.stop_accepting()
        await self._server.shutdown(timeout=0.1)
