"""Event streams: a reader who does not read costs nothing."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import closing

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from relayproxy.console.http import event_stream
from relayproxy.console.live.live_view import CHANGE_FEED
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.patience import PATIENCE

EVENT = "x" * 10_000


class Source:
    """Events without end; tells how many were asked for, and when nobody asks any more."""

    def __init__(self) -> None:
        self.given = 0
        self.closed = asyncio.Event()

    async def events(self) -> AsyncGenerator[str, None]:
        try:
            while True:
                self.given += 1
                yield EVENT
                await asyncio.sleep(0)
        finally:
            self.closed.set()


def silent_reader(port: int, path: str) -> socket.socket:
    """Asks for a stream and never reads of it."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    reader.connect(("127.0.0.1", port))
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    return reader


async def test_what_nobody_reads_is_not_made_and_its_reader_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "SEND_TIMEOUT", 0.5)
    source = Source()

    async def handler(request: web.Request) -> web.StreamResponse:
        return await event_stream.stream(request, source.events())

    app = web.Application()
    app.router.add_get("/stream", handler)
    async with TestServer(app) as server:
        with closing(silent_reader(server.port or 0, "/stream")):
            await asyncio.wait_for(source.closed.wait(), PATIENCE)
    # What lies in buffers is all that was ever made for it.
    assert source.given * len(EVENT) < 2_000_000


async def test_a_reader_of_the_wall_who_does_not_read_holds_up_nobody(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "SEND_TIMEOUT", 1.0)
    live = [samples.Call(archive, samples.ago(99 - n), route="r" * 3000).setup().commit() for n in range(30)]
    board = client.app[CHANGE_FEED]
    silent = [silent_reader(client.port or 0, "/live/stream") for _ in range(5)]
    try:
        async with client.get("/live/stream") as stream:
            async with asyncio.timeout(PATIENCE):
                while board.followers < 6:  # noqa: ASYNC110 - nothing tells that a reader has come
                    await asyncio.sleep(0.01)
            number = 0
            while board.followers > 1:
                number += 1
                for call in live:
                    call.asks(number, f"Question {number}").commit()
                async with asyncio.timeout(PATIENCE):
                    while f"Question {number}" not in (await stream.content.readline()).decode():
                        pass
            assert number < 100
        again = samples.Call(archive).setup().commit()
        async with client.get("/live/stream") as stream, asyncio.timeout(PATIENCE):
            while again.id not in (await stream.content.readline()).decode():
                pass
    finally:
        for reader in silent:
            reader.close()
