"""A simulated Twilio: one ConversationRelay call over a real WebSocket.

Knows: the order and the timing in which Twilio speaks, as recorded calls show it; how it treats what comes back.
Must not know: anything of relayproxy's own processes; whether a relay is in between.
"""

import asyncio
import contextlib
import random
import socket
import struct
import time
from ssl import SSLContext
from types import SimpleNamespace

import aiohttp
import msgspec
from yarl import URL

from relayproxy.conversation.protocol.messages import FromTwilio, encode
from relayproxy.lab.twilio import upgrade_request
from relayproxy.lab.twilio.caller import SimulatedCaller
from relayproxy.lab.twilio.result import CallEnding, Caller, CallResult, Frame
from relayproxy.lab.twilio.script import Scenario
from relayproxy.lab.twilio.session import Close, SimulatedSession

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


class _Redirected(Exception):
    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


async def call(line: Line, scenario: Scenario, *, caller: Caller, rng: random.Random) -> CallResult:
    """Make one call and return when it is over. Failures are results, not exceptions."""

    async def redirected(_: object, __: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams) -> None:
        raise _Redirected(params.response.status)  # which Twilio would not follow

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(redirected)
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=line.connect_timeout),
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    ) as http:
        try:
            ws = await http.ws_connect(
                URL(line.url, encoded=True),
                headers=[*upgrade_request.headers(line.public_url or line.url, line.auth_token), *line.headers],
                ssl=line.ssl if line.ssl is not None else True,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT),
                max_msg_size=0,
            )
        except (aiohttp.WSServerHandshakeError, _Redirected) as refusal:
            return _no_call(scenario, caller, "refused", refusal.status, f"handshake answered with {refusal.status}")
        except (aiohttp.ClientError, OSError, TimeoutError) as problem:
            return _no_call(scenario, caller, "unreachable", None, str(problem) or type(problem).__name__)
        return await _Call(line, scenario, caller, rng, http, ws).run()


def _no_call(scenario: Scenario, caller: Caller, ending: CallEnding, status: int | None, problem: str) -> CallResult:
    return CallResult(scenario.name, caller, (), ending, 0.0, status, None, "", problem=problem)


class _Call:
    def __init__(
        self,
        line: Line,
        scenario: Scenario,
        caller: Caller,
        rng: random.Random,
        http: aiohttp.ClientSession,
        ws: aiohttp.ClientWebSocketResponse[bool],
    ) -> None:
        self._scenario, self._caller, self._http, self._ws = scenario, caller, http, ws
        self._session = SimulatedSession(scenario.twiml, rng, line.speed, self._send, self._finish)
        self._person = SimulatedCaller(self._session, rng, line.speed, line.patience)
        self._outbox: asyncio.Queue[str | Close] = asyncio.Queue()
        self._frames: list[Frame] = []
        self._began = time.monotonic()
        self._ending: CallEnding | None = None
        self._close: tuple[int | None, str] = (None, "")

    async def run(self) -> CallResult:
        self._session.begin(self._caller)
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write())
            others = [
                tasks.create_task(self._session.playback.run()),
                tasks.create_task(self._session.leave()),
                tasks.create_task(self._person.perform(self._scenario.steps)),
            ]
            ending = await self._read()
            if self._ending is not None:
                await writer
            for task in (writer, *others):
                task.cancel()
        return CallResult(
            self._scenario.name,
            self._caller,
            tuple(self._frames),
            self._ending or ending,
            time.monotonic() - self._began,
            101,
            *self._close,
            handoff_data=self._session.handoff_data,
        )

    def _send(self, message: FromTwilio) -> None:
        if self._ending is None:
            text = encode(message)
            self._frames.append(Frame(time.monotonic() - self._began, "twilio", text))
            self._outbox.put_nowait(text)

    def _finish(self, ending: CallEnding, close: Close) -> None:
        if self._ending is None:
            self._ending, self._close = ending, close or (None, "")
            self._outbox.put_nowait(close)

    async def _write(self) -> None:
        """Send what is queued; what was queued in one go stays together."""
        while isinstance(item := await self._outbox.get(), str):
            with contextlib.suppress(ConnectionError):  # the reader learns of it too
                await self._ws.send_str(item)
        if item is not None:
            await self._ws.close(code=item[0], message=item[1].encode())
        else:
            # Lingering for zero seconds makes the close a reset.
            self._ws.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await self._http.close()

    async def _read(self) -> CallEnding:
        """Hand on what the backend sends until the connection ends; the ending, if the backend caused it."""
        while True:
            message = await self._ws.receive()
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                binary = message.type is aiohttp.WSMsgType.BINARY
                text = message.data.decode(errors="replace") if binary else message.data
                self._frames.append(Frame(time.monotonic() - self._began, "backend", text))
                self._session.receive(text, binary=binary)
                continue
            closed = message.type is aiohttp.WSMsgType.CLOSE
            if self._ending is None:
                self._close = (message.data or 1005, message.extra or "") if closed else (1006, "")
            return "backend_closed" if closed else "backend_dropped"
