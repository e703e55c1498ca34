"""`websockets` at both ends: an implementation that we did not write must not notice the relay."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.typing import Subprotocol

from tests.patience import PATIENCE
from tests.running import Running, relay


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@asynccontextmanager
async def relayed(handler: object = echo, **options: object) -> AsyncIterator[Running]:
    async with serve(handler, "127.0.0.1", 0, max_size=None, **options) as server:  # type: ignore[arg-type]
        port = server.sockets[0].getsockname()[1]
        with relay(f"ws://127.0.0.1:{port}") as process:
            yield process


def call(process: Running, path: str = "/", **options: object) -> connect:
    return connect(f"ws://127.0.0.1:{process.port}{path}", proxy=None, max_size=None, **options)  # type: ignore[arg-type]


async def test_a_subprotocol_is_agreed_end_to_end() -> None:
    async with (
        relayed(subprotocols=[Subprotocol("relay.v2")]) as process,
        call(process, subprotocols=[Subprotocol("relay.v1"), Subprotocol("relay.v2")]) as connection,
    ):
        assert connection.subprotocol == "relay.v2"


async def test_compression_is_agreed_end_to_end_and_works() -> None:
    async with relayed() as process, call(process) as connection:
        assert [type(extension) for extension in connection.protocol.extensions] == [PerMessageDeflate]
        for text in ("again and again " * 50, "again and again " * 50, ""):
            await connection.send(text)
            assert await connection.recv() == text


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_a_message_of_3_mb(compression: str | None) -> None:
    blob = random.Random(3).randbytes(3_000_000)
    async with relayed() as process, call(process, compression=compression) as connection:
        await connection.send(blob)
        assert await connection.recv() == blob
        await connection.send(part for part in ("frag", "ment", "ed"))
        assert await connection.recv() == "fragmented"
        await (await connection.ping(b"?"))


async def test_close_codes_and_reasons_reach_the_other_side() -> None:
    seen: asyncio.Queue[tuple[int | None, str | None]] = asyncio.Queue()

    async def goodbye(connection: ServerConnection) -> None:
        try:
            if await connection.recv() == "you first":
                await connection.close(4000, "as you wish")
            await connection.recv()
        except (ConnectionClosedOK, ConnectionClosedError):
            await seen.put((connection.close_code, connection.close_reason))

    async with relayed(goodbye) as process:
        async with call(process) as connection:
            await connection.send("you first")
            with pytest.raises(ConnectionClosedError) as closed:
                await connection.recv()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "as you wish")
        assert await seen.get() == (4000, "as you wish")
        async with call(process) as connection:
            await connection.send("then me")
            await connection.close(1000, "Closing websocket session")
        assert await seen.get() == (1000, "Closing websocket session")


async def test_a_thousand_calls_at_once() -> None:
    calls = 1000
    all_there = asyncio.Event()
    there = 0

    async with relayed() as process:

        async def one(number: int) -> None:
            nonlocal there
            async with call(process, f"/{number}", compression=None, open_timeout=PATIENCE) as connection:
                await say(connection, f"hello {number}")
                there += 1
                if there == calls:
                    all_there.set()
                await all_there.wait()
                await say(connection, f"still here {number}")

        async def say(connection: ClientConnection, text: str) -> None:
            await connection.send(text)
            assert await connection.recv() == text

        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            for number in range(calls):
                group.create_task(one(number))
