"""Listener: the relay's HTTP server.

Knows: accepting connections, the limits on request heads that have not ended, draining.
Must not know: routes, handshakes, the journal.
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from relayproxy.relay.answers import Answer, words
from relayproxy.relay.failures import let_go
from relayproxy.relay.listener.protocol import HeadProtocol, Request, Unreadable
from relayproxy.settings.validators import split_address

log = logging.getLogger(__name__)

HEAD_TIMEOUT = 10.0
"""Seconds a fresh connection gets to send a whole request head."""
BURST = 0.1
"""Seconds for which twice as many connections may be without a whole head: of many that are taken at once nobody has
read what they have sent yet."""
HEADS = 32 * 1024 * 1024
"""Bytes of all heads that have not ended; beyond, the connection that has waited longest is given up."""
GOODBYE = 0.1
"""Seconds that connections get to take what was written to them, at the end."""

Handler = Callable[[Request], Awaitable[Answer | None]]
"""Answers a request; None: its connection is taken over, or closed."""
Tell = Callable[[HeadProtocol, Unreadable], None]
"""Is told of a request whose head could not be read."""


class _Connections:
    """The connections that are no calls: of requests that have not ended or are not answered. Limits the time and the
    number of heads that have not ended."""

    def __init__(self, handler: Handler, tell: Tell, max_heads: int) -> None:
        self._handler = handler
        self._tell = tell
        self._max_heads = max_heads
        self._open: set[HeadProtocol] = set()
        self._waiting: dict[HeadProtocol, asyncio.TimerHandle] = {}
        """Those whose head has not ended, the oldest first."""
        self._unseen: set[HeadProtocol] = set()
        """Those with a request that is not being handled yet."""
        self._requests: deque[Request] = deque()
        """What will be handled, the oldest first."""
        self._trimming: asyncio.TimerHandle | None = None
        self._sizes: Counter[HeadProtocol] = Counter()
        """Bytes of those heads, where the first piece was not all."""

    @property
    def pending(self) -> bool:
        """True while there is a connection whose head has not ended, or whose request no handler has seen yet."""
        return bool(self._waiting or self._unseen)

    def make(self) -> HeadProtocol:
        """The protocol of a new connection."""
        return HeadProtocol(self)

    def opened(self, connection: HeadProtocol) -> None:
        """Begins to wait for a head, which others may have to make room for."""
        self._open.add(connection)
        loop = asyncio.get_running_loop()
        if len(self._waiting) >= 2 * self._max_heads:
            self._give_up_oldest()
        elif len(self._waiting) >= self._max_heads and self._trimming is None:
            self._trimming = loop.call_later(BURST, self._trim)
        self._waiting[connection] = loop.call_later(HEAD_TIMEOUT, connection.give_up, HEAD_TIMEOUT)

    def grew(self, connection: HeadProtocol, size: int) -> None:
        """Counts the bytes of a head that has not ended."""
        if connection in self._waiting:
            self._sizes[connection] += size
            if self._sizes.total() > HEADS:
                self._give_up_oldest()

    def requested(self, connection: HeadProtocol, request: Request) -> None:
        """Has a request answered."""
        self._stop_waiting(connection)
        self._unseen.add(connection)
        self._requests.append(request)
        if len(self._requests) == 1:
            asyncio.get_running_loop().call_soon(self._handle_next)

    def unreadable(self, connection: HeadProtocol, found: Unreadable) -> None:
        """Tells of a head that cannot be read."""
        self._stop_waiting(connection)
        self._tell(connection, found)

    def closed(self, connection: HeadProtocol) -> None:
        """Forgets a connection."""
        self._stop_waiting(connection)
        self._unseen.discard(connection)
        self._open.discard(connection)

    async def close(self) -> None:
        """Closes them all, once what was written to them is sent."""
        for connection in list(self._open):
            connection.close()
        if self._open:
            await asyncio.sleep(GOODBYE)

    def _handle_next(self) -> None:
        # One in each round of the event loop, which forwards in between what has come of calls: hundreds of calls may
        # begin at once, and each takes half a millisecond.
        loop = asyncio.get_running_loop()
        request = self._requests.popleft()
        if self._requests:
            loop.call_soon(self._handle_next)
        if request.connection in self._unseen:
            request.connection.task = loop.create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        self._unseen.discard(request.connection)
        try:
            answer = await self._handler(request)
        except asyncio.CancelledError as problem:  # the caller has gone, or the process waits no longer
            let_go(problem)
            request.connection.close()
            return
        except Exception:
            log.exception("a request failed")
            answer = words(500, "a bug; the log tells more")
        if answer is not None:
            request.connection.answer(answer)

    def _trim(self) -> None:
        self._trimming = None
        while len(self._waiting) > self._max_heads:
            self._give_up_oldest()

    def _give_up_oldest(self) -> None:
        # A head takes one round trip: what has waited longest is the least likely to be a call.
        count, oldest = len(self._waiting), next(iter(self._waiting))
        self._stop_waiting(oldest)
        oldest.give_way(count)

    def _stop_waiting(self, connection: HeadProtocol) -> None:
        self._sizes.pop(connection, None)
        timer = self._waiting.pop(connection, None)
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
        handler: Handler,
        tell: Tell,
        address: str,
        tls: ssl.SSLContext | None,
        max_heads: int,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        self._connections = _Connections(handler, tell, max_heads)
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
        """True while a connection that was accepted may not have sent the head of a request yet, or may not have been
        handled."""
        return self._connections.pending or asyncio.get_running_loop().time() < self._pending_until

    async def start(self) -> None:
        """Begins to listen, and sets `url`. Raises OSError."""
        places: list[dict[str, Any]] = [{"sock": one} for one in self._sockets]
        for place in places or [{"host": self._host, "port": self._port}]:
            server = await asyncio.get_running_loop().create_server(
                self._connections.make,
                **place,
                ssl=self._tls,
                ssl_handshake_timeout=HEAD_TIMEOUT if self._tls else None,
                backlog=1024,
            )
            for one in server.sockets:
                # Connections have it from the socket that they are accepted at.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
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
        """Closes all sockets that are no call's."""
        self.stop_accepting()
        await self._connections.close()
