"""Second backends that fail in every way: the call goes on, and what became of the shadow is recorded."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from relayproxy.journal.format import GapCause
from tests import wire
from tests.relay.raw import echo
from tests.relay.shadow.second import call, relay, server, taped


def reset(accepted: socket.socket) -> None:
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()


Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TAKEN = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: x\r\n%b\r\n"
)


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def crash_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def crash_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(TAKEN % b"")
    await reader.readexactly(7)
    reset(writer.get_extra_info("socket")._sock.dup())
    writer.transport.abort()


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(TAKEN % b"" + wire.frame(8, b"\x03\xe8"))
    await reader.readexactly(8)
    writer.close()


async def compress(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(TAKEN % b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    await reader.read()
    writer.close()


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(TAKEN % b"")
    try:
        while True:
            writer.write(wire.frame(1, b'{"type":"text","token":"a"}') * 2000)
            await writer.drain()
    except ConnectionError:
        writer.transport.abort()


async def ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(TAKEN % b"" + wire.frame(9, b"") * 100_000)
    try:
        await reader.read()
    finally:
        writer.transport.abort()


async def take_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(TAKEN % b"")
    writer.close()


@pytest.mark.parametrize(
    ("second", "status", "error", "first", "cause"),
    [
        (refuse, 403, "the backend answered 403 Forbidden", "backend", None),
        (crash_at_once, 502, "the backend hung up without an answer", "backend", None),
        (crash_later, 101, None, "backend", None),
        (close_at_once, 101, None, "backend", None),
        (compress, None, "it negotiated other extensions of the WebSocket than the call's backend", "proxy",
         "shadow_extensions"),
        (flood, 101, None, "proxy", "shadow_flood"),
        (ping, 101, None, "proxy", "shadow_flood"),
        (take_and_hang_up, 101, None, "backend", None),
    ],
)  # fmt: skip
async def test_a_second_backend_that_fails_is_recorded_and_the_call_goes_on(
    second: Raw, status: int | None, error: str | None, first: str, cause: str | None, tmp_path: Path
) -> None:
    gone = asyncio.Event()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await second(reader, writer)
            await reader.read()
        except ConnectionError:
            pass
        finally:
            gone.set()

    listening = await asyncio.start_server(served, "127.0.0.1", 0)
    async with server(echo) as backend, listening:
        with relay(tmp_path, backend, listening.sockets[0].getsockname()[1]) as process:
            async with call(process) as connection:
                await connection.send("x")
                assert await connection.recv() == "x"
                await gone.wait()
                for at in range(100):
                    await connection.send(f"still {at}")
                    assert await connection.recv() == f"still {at}"
            process.stop()
    _, shadow = taped(tmp_path)
    assert (shadow.opening.status, shadow.opening.error) == (status, error)
    assert shadow.ending is not None
    assert (shadow.ending.first, shadow.ending.cause) == (first, cause)
    assert "Traceback" not in process.log.read_text()
    if cause == "shadow_flood":
        assert [gap.cause for gap in shadow.gaps] == [GapCause.LIMIT]
        assert len(shadow.backend) + sum(gap.size for gap in shadow.gaps) == shadow.ending.backend_bytes
        assert len(shadow.backend) <= 256 * 1024


@pytest.mark.parametrize("answers", [True, False])
async def test_one_that_does_not_read_is_given_up_and_the_call_gets_everything(answers: bool, tmp_path: Path) -> None:
    let, taken = asyncio.Event(), asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answers:
            writer.write(TAKEN % b"")
            await reader.readexactly(7)
        taken.set()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await let.wait()
        writer.transport.abort()

    blob = "x" * 200_000
    listening = await asyncio.start_server(deaf, "127.0.0.1", 0)
    async with server(echo) as backend, listening:
        with relay(tmp_path, backend, listening.sockets[0].getsockname()[1]) as process:
            async with call(process) as connection:
                await connection.send("x")
                assert await connection.recv() == "x"
                await taken.wait()
                for _ in range(60):
                    await connection.send(blob)
                    assert await connection.recv() == blob
            process.stop()
            let.set()
    _, shadow = taped(tmp_path)
    assert shadow.ending is not None
    assert shadow.ending.cause == "shadow_slow"
    assert (shadow.opening.status == 101) is answers
