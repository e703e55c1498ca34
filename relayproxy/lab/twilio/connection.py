"""A WebSocket of a simulated call: how it is opened, what goes over it, how it ends.

Knows: sockets, close frames and resets; what is kept of them.
Must not know: what messages mean; that a call can have several connections.
"""

import asyncio
import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable
from ssl import SSLContext
from types import SimpleNamespace
from typing import Any, Literal

import aiohttp
import msgspec
from yarl import URL

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.message import Message
from relayproxy.lab.twilio import upgrade_request
from relayproxy.lab.twilio.limits import MAX_MESSAGE, MAX_SECONDS, MESSAGE_TOO_LARGE, Received
from relayproxy.lab.twilio.result import Connection

CLOSE_TIMEOUT = 10.0
"""Seconds that the other side has to answer a close frame."""
LEAVE_TIMEOUT = 15.0
"""Seconds until a connection that is left is over, also where the other side does not read, or goes on sending."""


class Line(msgspec.Struct, frozen=True):
    """The connection to the backend, or to the relay before it, and its speed."""

    url: str
    public_url: str | None = None
    """The URL as the TwiML writes it, if it is another one: it is what gets signed, and its host is the Host header."""
    auth_token: str | None = None
    """Requests are signed with it; None: not signed."""
    headers: tuple[tuple[str, str], ...] = ()
    """Added by something in front, such as `X-Forwarded-Host`."""
    ssl: SSLContext | None = None
    speed: float = 1.0
    """The factor by which the call is faster than real time. Waiting for the other side is not scaled."""
    patience: float = 10.0
    """Seconds that a caller waits for an answer before going on anyway."""
    connect_timeout: float = 10.0
    max_seconds: float = MAX_SECONDS
    """A call that is not over after so long is cut off."""


class NotConnected(Exception):
    """Raised when there is no WebSocket to a backend."""

    def __init__(self, connection: Connection, problem: str) -> None:
        super().__init__(problem)
        self.connection, self.problem = connection, problem


class _Redirected(Exception):
    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


async def dial(line: Line, session_id: str, rng: random.Random, received: Received) -> "SimulatedConnection":
    """Open a connection for a session; `received` counts what comes over it. Raises NotConnected when the answer is
    another than 101, or none."""

    async def redirected(_: object, __: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams) -> None:
        raise _Redirected(params.response.status)  # which Twilio would not follow

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(redirected)
    url = URL(line.url, encoded=True)
    opening = Opening(
        connection_id=f"{rng.getrandbits(128):032x}",
        trace_id=f"{rng.getrandbits(128):032x}",
        span_id=f"{rng.getrandbits(64):016x}",
        route="",
        backend=str(url.with_query(None)),
        target=url.raw_path,
        opened_at=time.time_ns(),
        peer="",
    )
    began = time.monotonic_ns()

    def failed(status: int | None, problem: str) -> NotConnected:
        t = time.monotonic_ns() - began
        refused = msgspec.structs.replace(opening, status=status, error=problem)
        return NotConnected(Connection(session_id, refused, (), Ending(t, first="backend")), problem)

    http = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=line.connect_timeout),
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    )
    try:
        ws = await http.ws_connect(
            url,
            headers=[*upgrade_request.headers(line.public_url or line.url, line.auth_token), *line.headers],
            ssl=line.ssl if line.ssl is not None else True,
            timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT),
            max_msg_size=MAX_MESSAGE,
        )
    except BaseException as problem:
        await http.close()
        if isinstance(problem, aiohttp.WSServerHandshakeError | _Redirected):
            raise failed(problem.status, f"handshake answered with {problem.status}") from None
        if isinstance(problem, aiohttp.ClientError | OSError | TimeoutError):
            raise failed(None, str(problem) or type(problem).__name__) from None
        raise
    connected = time.monotonic_ns() - began
    opened = msgspec.structs.replace(opening, status=101, connected_after=connected)
    return SimulatedConnection(session_id, opened, began, http, ws, received)


Close = tuple[int, str] | None
"""Code and reason of the close frame to send; None resets the connection instead."""


class SimulatedConnection:
    """An open WebSocket; `run` carries its messages until it is over."""

    def __init__(
        self,
        session_id: str,
        opening: Opening,
        began: int,
        http: aiohttp.ClientSession,
        ws: aiohttp.ClientWebSocketResponse[bool],
        received: Received,
    ) -> None:
        self._session_id, self._opening, self._began = session_id, opening, began
        self._http, self._ws, self._received = http, ws, received
        self._outbox: asyncio.Queue[str | Close] = asyncio.Queue()
        self._messages: list[Message] = []
        self._leaving = False
        self._first: Literal["twilio", "backend"] = "backend"
        self._reset = False
        self._over = 0
        self.close_code: int | None = None
        self.close_reason = ""
        """Of the first close frame; 1005 without a code, 1006 when the backend went without one, None when Twilio did.
        """
        self.closed_by_backend = False
        """A close frame of the backend came first."""
        self.excess: str | None = None
        """Why no more is taken of the backend, in words; None while it sends no more than it may."""
        self._aborted = False
        self._carrying: tuple[asyncio.Task[None], ...] = ()
        self._leave_timer: asyncio.TimerHandle | None = None

    def send(self, text: str) -> None:
        """Queue a message; without effect once the connection is to be closed."""
        if not self._leaving:
            self._keep("twilio", text=text, size=len(text.encode()))
            self._outbox.put_nowait(text)

    def leave(self, close: Close) -> None:
        """Close or reset it once what is queued has been sent."""
        if not self._leaving:
            self._leaving, self._first = True, "twilio"
            self.close_code, self.close_reason = close or (None, "")
            self._outbox.put_nowait(close)
            self._leave_timer = asyncio.get_running_loop().call_later(LEAVE_TIMEOUT, self.abort)

    def abort(self) -> None:
        """Reset it at once, whatever is queued."""
        self._aborted = self._leaving = True
        self._first = "twilio"
        for task in self._carrying:
            task.cancel()

    async def run(self, receive: Callable[[str, bool], None]) -> None:
        """Carry messages until the connection is over; `receive` gets each of the backend's, and if it is binary."""
        reader, writer = asyncio.create_task(self._read(receive)), asyncio.create_task(self._write())
        self._carrying = reader, writer
        if self._aborted:
            self.abort()
        try:
            await _ended(reader)
            if self._leaving and not self._aborted:
                await _ended(writer)
        finally:
            for task in self._carrying:
                task.cancel()
            if self._leave_timer is not None:
                self._leave_timer.cancel()
            if self._aborted:
                self._linger_not()
            self._over = time.monotonic_ns() - self._began
            await self._http.close()
            if self._aborted:
                await self._ws.close()  # without a wire it only lets go of what it holds

    def value(self) -> Connection:
        """What was seen of it, once it is over."""
        how: Literal["eof", "reset"] = "reset" if self._reset else "eof"
        ending = Ending(
            self._over,
            first=self._first,
            twilio=how if self._first == "twilio" else "eof",
            backend=how if self._first == "backend" else "eof",
        )
        return Connection(self._session_id, self._opening, tuple(self._messages), ending)

    def _keep(self, sender: Literal["twilio", "backend"], **fields: object) -> None:
        t = time.monotonic_ns() - self._began
        message = Message(len(self._messages), t, sender, "text", out=t)
        self._messages.append(msgspec.structs.replace(message, **fields))

    async def _write(self) -> None:
        """Send what is queued; what was queued in one go stays together."""
        while isinstance(item := await self._outbox.get(), str):
            with contextlib.suppress(ConnectionError):  # the reader learns of it too
                await self._ws.send_str(item)
        if item is not None:
            self._keep("twilio", kind="close", code=item[0], reason=item[1])
            await self._ws.close(code=item[0], message=item[1].encode())
        else:
            self._linger_not()
            await self._http.close()

    def _linger_not(self) -> None:
        """Lingering for zero seconds makes the close a reset."""
        self._reset = True
        if (wire := self._ws.get_extra_info("socket")) is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _read(self, receive: Callable[[str, bool], None]) -> None:
        while not self._aborted:
            message = await self._ws.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                size = len(message.data.encode())
                self._keep("backend", text=message.data, size=size)
                receive(message.data, False)
                self._count(size)
            elif message.type is aiohttp.WSMsgType.BINARY:
                self._keep("backend", kind="binary", data=message.data, size=len(message.data))
                receive(message.data.decode(errors="replace"), True)
                self._count(len(message.data))
            else:
                problem = message.data
                if isinstance(problem, aiohttp.WebSocketError) and problem.code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                    self._exceeds(MESSAGE_TOO_LARGE)
                if not self._leaving:
                    self._ended_by_backend(message.type is aiohttp.WSMsgType.CLOSE, message.data, message.extra)
                return

    def _count(self, size: int) -> None:
        if (excess := self._received.add(size)) is not None:
            self._exceeds(excess)

    def _exceeds(self, how: str) -> None:
        self.excess = how
        self.abort()

    def _ended_by_backend(self, closed: bool, code: Any, reason: str | None) -> None:
        self.closed_by_backend = closed
        if closed:
            # A code that the library cannot express comes as 0: there was none.
            self._keep("backend", kind="close", code=code or None, reason=reason or None)
            self.close_code, self.close_reason = code or 1005, reason or ""
        else:
            self._reset = True
            self.close_code = 1006


async def _ended(task: asyncio.Task[None]) -> None:
    """Wait for a task, which may be cancelled meanwhile. Raises what it raised."""
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
