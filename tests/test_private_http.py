"""Requests to the console and the receiver that cannot be read or do not end: what they are answered, and what the log
says of them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from relayproxy import private_http
from relayproxy.private_http import Connections, listen, note_requests
from tests.patience import PATIENCE
from tests.running import running

SECRET = b"SECRETTOKEN"
LONG = b"A" * 9000


@pytest.fixture
def _database(tmp_path: Path) -> None:
    with running("migrate", data_dir=tmp_path):
        pass


def answer(host: str, port: int, request: bytes) -> bytes:
    with socket.create_connection((host, port), timeout=PATIENCE) as peer:
        peer.sendall(request)
        received = b""
        while chunk := peer.recv(65536):
            received += chunk
        return received


HEAD = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /sign-in" + HEAD + b"Content-Type: application/x-www-form-urlencoded\r\n"
REQUESTS = {
    "a long search": b"GET /?q=" + LONG + SECRET + HEAD + b"\r\n",
    "a long token": b"GET /" + HEAD + b"Authorization: Bearer " + SECRET + LONG + b"\r\n\r\n",
    "a broken header": b"GET /" + HEAD + b"Bad Header " + SECRET + b": 1\r\n\r\n",
    "a control character in a cookie": b"GET /" + HEAD + b"Cookie: a=" + SECRET + b"\x01\r\n\r\n",
    "a method with ESC": b"G\x1bET /" + SECRET + HEAD + b"\r\n",
    "another version": b"GET /" + SECRET + b" HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    "an address that is none": b"GET http://[" + SECRET + b"/" + HEAD + b"\r\n",
    "a length that is none": POST + b"Content-Length: abc" + SECRET + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00" + SECRET + b"\r\n\r\n",
}


LISTENERS: dict[str, dict[str, Any]] = {
    "console": {"console": "127.0.0.1:0"},
    "receiver": {"receiver": {"listen": "127.0.0.1:0"}},
}


@pytest.mark.usefixtures("_database")
@pytest.mark.parametrize("role", LISTENERS)
def test_neither_the_answer_nor_the_log_holds_anything_of_them(role: str, tmp_path: Path) -> None:
    with running(role, data_dir=tmp_path, **LISTENERS[role]) as process:
        for name, request in REQUESTS.items():
            for _ in range(3):
                said = answer(process.host, process.port, request)
                assert said.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 ")), name
                assert b"relayproxy: this request cannot be read" in said, name
                assert SECRET not in said, name
    lines = process.log.read_text().splitlines()
    assert lines
    assert not any(SECRET.decode() in line or "Traceback" in line for line in lines)
    kinds = [line.rpartition("(")[2] for line in lines if "cannot be read as HTTP" in line]
    assert len(kinds) == len(lines) == len(set(kinds)), "one line stands for all of its kind"


ARRIVED = web.AppKey("arrived", asyncio.Queue[None])
"""An item for each request whose head has come."""


async def echo(request: web.Request) -> web.Response:
    request.app[ARRIVED].put_nowait(None)
    return web.Response(body=b"<" + await request.read() + b">")


@asynccontextmanager
async def server_of(connections: Connections, arrived: asyncio.Queue[None] | None = None) -> AsyncIterator[int]:
    app = web.Application(middlewares=[note_requests])
    app[ARRIVED] = arrived or asyncio.Queue()
    app.router.add_post("/echo", echo)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    listening, url = await listen(runner, connections, "127.0.0.1", 0)
    yield int(url.rpartition(":")[2])
    listening.close()
    await runner.cleanup()


class Peer:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, port: int, stack: AsyncExitStack, sent: bytes = b"") -> "Peer":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        peer = cls(reader, writer)
        peer.send(sent)
        return peer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def all(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()


BODY = b"POST /echo" + HEAD + b"Content-Length: 3\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"GET /?q=" + SECRET + HEAD, b"HTTP/1.1 408 Request Timeout"),
        (b"G", b"HTTP/1.1 408 Request Timeout"),
        (b"", b""),
    ],
)
async def test_a_head_that_does_not_end_is_not_waited_for(
    sent: bytes, told: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_http, "HEAD_TIMEOUT", 0.1)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(server_of(Connections("console")))
        slow = await Peer.connect(port, stack, sent)
        async with asyncio.timeout(PATIENCE):
            said = await (slow.reader.readline() if told else slow.reader.read())
        assert said.strip() == told
        # However busy the machine is.
        monkeypatch.undo()
        whole = await Peer.connect(port, stack, BODY + b"abc")
        async with asyncio.timeout(PATIENCE):
            assert await whole.reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_connections_without_a_request_make_room_for_others_and_a_request_for_nobody() -> None:
    async with AsyncExitStack() as stack:
        arrived: asyncio.Queue[None] = asyncio.Queue()
        port = await stack.enter_async_context(server_of(Connections("console", 3), arrived))
        halves = [await Peer.connect(port, stack, b"GET /") for _ in range(3)]
        for _ in halves:
            peer = await Peer.connect(port, stack, BODY + b"abc")
            async with asyncio.timeout(PATIENCE):
                assert await peer.reader.readuntil(b"<abc>")
        for half in halves:
            assert (await half.all()).startswith(b"HTTP/1.1 503 ")
        # The three that were answered are idle now, and give way to requests that are not over yet.
        busy = [await Peer.connect(port, stack, BODY + b"ab") for _ in range(3)]
        for one in busy[:-1]:
            one.send(b"c")
            async with asyncio.timeout(PATIENCE):
                assert await one.reader.readuntil(b"<abc>")
            one.send(BODY + b"ab")
        async with asyncio.timeout(PATIENCE):
            for _ in range(3 + 5):  # with those before
                await arrived.get()
        refused = await Peer.connect(port, stack)
        assert b"3 connections, the console's limit" in await refused.all()
        busy[-1].send(b"d")
        async with asyncio.timeout(PATIENCE):
            assert await busy[-1].reader.readuntil(b"<abd>")
