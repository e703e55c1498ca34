"""A backend that does what a test wants, without a library: it can flood, hang and reset.

Knows: the handshake; which connections there are.
Must not know: who calls.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.lab.twilio.dialling import answer_101

FIN, TEXT, CLOSE = 0x80, 0x01, 0x08


class Line:
    """A connection to the backend."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def accept(self) -> None:
        await answer_101(self._reader, self._writer)

    async def refuse(self) -> None:
        await self._reader.readuntil(b"\r\n\r\n")
        self._writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async def send(self, *messages: dict[str, Any]) -> None:
        self._writer.write(b"".join(map(_frame, messages)))
        await self._writer.drain()

    def reset(self) -> None:
        wire: socket.socket = self._writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.close()

    async def gone(self) -> None:
        """Waits until the other side is gone, and answers its close frame."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                first, second = await self._reader.readexactly(2)
                length = second & 0x7F
                if length == 126:
                    (length,) = struct.unpack(">H", await self._reader.readexactly(2))
                await self._reader.readexactly(4 + length)
                if first == FIN | CLOSE:
                    self._writer.write(bytes((FIN | CLOSE, 0)))


class Peer:
    """The backend. `talk` is what it does with each connection; it hangs unless told otherwise."""

    def __init__(self) -> None:
        self.url = ""
        self.came, self.went = asyncio.Event(), asyncio.Event()
        self.calls = 0
        self.talk: Callable[[Line], Awaitable[None]] = hang

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        try:
            await self.talk(line := Line(reader, writer))
            self.came.set()
            await line.gone()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.came.set()
            self.went.set()
            writer.close()


async def hang(line: Line) -> None:
    """The connection stands, and nothing comes."""
    await line.accept()


def _frame(message: dict[str, Any]) -> bytes:
    payload = json.dumps(message, separators=(",", ":")).encode()
    length = len(payload)
    if length < 126:
        return bytes((FIN | TEXT, length)) + payload
    return struct.pack(">BBQ", FIN | TEXT, 127, length) + payload


@asynccontextmanager
async def peer_listens() -> AsyncIterator[Peer]:
    """The backend as long as the block lasts."""
    made = Peer()
    async with await asyncio.start_server(made.handle, "127.0.0.1", 0) as server:
        made.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
