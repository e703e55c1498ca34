"""A small load beside what is measured of shadows and exports: Twilio's end and the backend's end in one process, so
that one clock times both. `generator.cpp` loads more for less.

Knows: opening sessions through a port, pacing messages, and timing.
Must not know: what stands between its two ends.
"""

import asyncio
import base64
import hashlib
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

from tests.wire import REQUEST

STAMP = struct.Struct("<Q")
PAYLOAD = b'{"type":"text","token":" and then","last":false,"lang":"en-US"}'
"""About the mean size of a ConversationRelay message."""
LENGTH = len(PAYLOAD) + STAMP.size
HEAD = bytes([0x82, LENGTH])
SIZE = len(HEAD) + LENGTH


def message() -> bytes:
    """One of the backend's frames, carrying the time at which it was made."""
    return HEAD + PAYLOAD + STAMP.pack(time.monotonic_ns())


class End(asyncio.Protocol):
    """One end of a session. `heard(end, frames)` gets whole frames of `size` bytes once the handshake is over."""

    def __init__(self, size: int, heard: "Callable[[End, bytes], None]", connected: "Callable[[End], object]") -> None:
        self.size = size
        self.heard = heard
        self.connected = connected
        self.transport: asyncio.Transport
        self.open = False
        self.number = 0
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self.open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self.open = True
            if head.startswith(b"GET "):
                self.number = int(head[5 : head.index(b" ", 5)].rpartition(b"/")[2])
                key = head.lower().partition(b"sec-websocket-key: ")[2]
                self.transport.write(_answer(head[len(head) - len(key) :].partition(b"\r\n")[0]))
            self.connected(self)
        whole = len(data) - len(data) % self.size
        self._rest = data[whole:]
        if whole:
            self.heard(self, data[:whole])


@dataclass
class Latency:
    p50_us: float
    p99_us: float
    n: int


class Load:
    """`sessions` WebSocket sessions to `port`, whose backend listens on `backend_port`."""

    def __init__(self, sessions: int) -> None:
        self._sessions = sessions
        self._server: asyncio.Server
        self.backend_port = 0
        self.twilio: list[End] = []
        self.backend: list[End] = []
        self.times: list[int] = []

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: End(SIZE, lambda _end, _data: None, self.backend.append), "127.0.0.1", 0, backlog=4096
        )
        self.backend_port = self._server.sockets[0].getsockname()[1]

    async def open(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        for number in range(self._sessions):
            opened: asyncio.Future[End] = loop.create_future()
            made = partial(End, SIZE, self._twilio_heard, opened.set_result)
            _, end = await loop.create_connection(made, "127.0.0.1", port)
            end.transport.write(REQUEST.replace(b"/relay/fixture?b=2&a=%7e1", b"/%d" % number))
            await opened
            self.twilio.append(end)
        assert len(self.backend) == self._sessions

    async def close(self) -> None:
        for end in (*self.twilio, *self.backend):
            end.transport.abort()
        self.twilio, self.backend = [], []
        await asyncio.sleep(0.3)

    async def paced(self, rate: int, seconds: float) -> Latency:
        """One-way latency from backend to Twilio at `rate` messages a second, spread over all sessions."""
        self.times = []
        started, sent, total = time.monotonic(), 0, int(rate * seconds)
        while sent < total:
            due = min(total, int((time.monotonic() - started) * rate))
            while sent < due:
                self.backend[sent % self._sessions].transport.write(message())
                sent += 1
            await asyncio.sleep(0.001)
        await self._until(lambda: len(self.times) >= total)
        ordered = sorted(self.times)
        return Latency(ordered[len(ordered) // 2] / 1e3, ordered[len(ordered) * 99 // 100] / 1e3, len(ordered))

    def _twilio_heard(self, end: End, data: bytes) -> None:
        now = time.monotonic_ns()
        for at in range(SIZE - STAMP.size, len(data), SIZE):
            self.times.append(now - STAMP.unpack_from(data, at)[0])

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not true():  # noqa: ASYNC110 (an event a message would be measured too)
                await asyncio.sleep(0.005)


def _answer(key: bytes) -> bytes:
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def cpu_ns(pid: int) -> int:
    """Time that all threads of a process have spent on a processor (Linux)."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:  # noqa: PTH123
            total += int(file.read().split()[0])
    return total
