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
from relayproxy.lab.twilio.result import Connection

CLOSE_TIMEOUT = 10.0
"""Seconds that the other side has to answer a close frame."""


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


class NotConnected(Exception):
    """Raised when there is no WebSocket to a backend."""

    def __init__(self, connection: Connection, problem: str) -> None:
        super().__init__(problem)
        self.connection, self.problem = connection, problem


class _Redirected(Exception):
    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


async def dial(line: Line, session_id: str, rng: random.Random) -> "SimulatedConnection":
    """Open a connection for a session. Raises NotConnected when the answer is another than 101, or none."""

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
            max_msg_size=0,
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
    return SimulatedConnection(session_id, opened, began, http, ws)


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
    ) -> None:
        self._session_id, self._opening, self._began = session_id, opening, began
        self._http, self._ws = http, ws
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

    async def run(self, receive: Callable[[str, bool], None]) -> None:
        """Carry messages until the connection is over; `receive` gets each of the backend's, and if it is binary."""
        writer = asyncio.create_task(self._write())
        try:
            await self._read(receive)
            if self._leaving:
                await writer
        finally:
            writer.cancel()
            self._over = time.monotonic_ns() - self._began
            await self._http.close()

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
            # Lingering for zero seconds makes the close a reset.
            self._reset = True
            self._ws.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await self._http.close()

    async def _read(self, receive: Callable[[str, bool], None]) -> None:
        while True:
            message = await self._ws.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                self._keep("backend", text=message.data, size=len(message.data.encode()))
                receive(message.data, False)
            elif message.type is aiohttp.WSMsgType.BINARY:
                self._keep("backend", kind="binary", data=message.data, size=len(message.data))
                receive(message.data.decode(errors="replace"), True)
            else:
                if not self._leaving:
                    self._ended_by_backend(message.type is aiohttp.WSMsgType.CLOSE, message.data, message.extra)
                return

    def _ended_by_backend(self, closed: bool, code: Any, reason: str | None) -> None:
        self.closed_by_backend = closed
        if closed:
            # A code that the library cannot express comes as 0: there was none.
            self._keep("backend", kind="close", code=code or None, reason=reason or None)
            self.close_code, self.close_reason = code or 1005, reason or ""
        else:
            self._reset = True
            self.close_code = 1006
