"""Calls into which faults are injected: what arrives is what was asked for, in order, and what is taped says so."""

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from relayproxy.connection import Ending, Opening
from relayproxy.journal.format import EntryKind, GapBody, GapCause, JournalEntry
from tests import wire
from tests.patience import PATIENCE
from tests.relay.raw import journal
from tests.running import running

TOKENS = [f'{{"type":"text","token":"{word}"}}' for word in ("a", "bb", "ccc", "dddd", "eeeee")]


async def answer(connection: ServerConnection) -> None:
    """Answers every message with all tokens at once."""
    with contextlib.suppress(ConnectionClosed):
        async for _ in connection:
            for token in TOKENS:
                await connection.send(token)


@asynccontextmanager
async def faulty(folder: Path, handler: Any = answer, **faults: Any) -> AsyncIterator[ClientConnection]:
    """A call through a relay with these faults; the relay is gone when the block is left."""
    settings = {f"faults__{name}": str(value) for name, value in faults.items()}
    async with serve(handler, "127.0.0.1", 0, compression=None) as server:
        backend = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with running("relay", data_dir=folder, listen="127.0.0.1:0", backend=backend, **settings) as process:
            async with connect(f"ws://127.0.0.1:{process.port}", proxy=None, compression=None) as connection:
                yield connection
            process.stop()


def opening_of(entries: list[JournalEntry]) -> Opening:
    return msgspec.json.decode(next(one.body for one in entries if one.kind is EntryKind.OPENING), type=Opening)


def notes_of(entries: list[JournalEntry]) -> list[str]:
    return [one.body.decode() for one in entries if one.kind is EntryKind.FAULT]


async def test_replies_are_held_back_token_by_token_and_stay_in_order(tmp_path: Path) -> None:
    async with faulty(tmp_path, first_token_delay="200ms", token_delay="20ms") as connection:
        await connection.send("hello")
        assert [await connection.recv() for _ in TOKENS] == TOKENS
    entries = journal(tmp_path)
    assert opening_of(entries).faults == (
        "the first message of a reply held back 200 ms",
        "each further message of a reply held back 20 ms",
    )
    held = [int(note.removeprefix("held back ").removesuffix(" ms")) for note in notes_of(entries)]
    went = [one.t // 1_000_000 for one in entries if one.kind is EntryKind.BACKEND_CHUNK]
    came = went[0] - held[0]
    assert len(held) == len(TOKENS)
    assert all(went[at] >= came + 198 + 20 * at for at in range(len(TOKENS)))


async def test_a_message_that_is_cut_is_taped_as_it_went_out_with_a_note(tmp_path: Path) -> None:
    async with faulty(tmp_path, malformed=1) as connection:
        await connection.send("hello")
        arrived = [await connection.recv() for _ in TOKENS]
    assert arrived == [token[: len(token) // 2] for token in TOKENS]
    entries = journal(tmp_path)
    taped = [one.body for one in entries if one.kind is EntryKind.BACKEND_CHUNK]
    assert taped[: len(TOKENS)] == [wire.frame(1, str(text).encode()) for text in arrived]
    assert notes_of(entries) == [f"cut from {len(token)} to {len(token) // 2} bytes" for token in TOKENS]


async def test_what_is_left_of_a_text_is_a_text_and_no_json_and_fragments_are_left_alone(tmp_path: Path) -> None:
    tokens = [f'{{"type":"text","token":"{"é" * size}語👋🏽"}}' for size in range(24)]

    async def speak(connection: ServerConnection) -> None:
        for token in tokens:
            await connection.send(token)
        await connection.send(['{"type":"text",', '"token":"in', ' parts"}'])
        await connection.wait_closed()

    async with faulty(tmp_path, speak, malformed=1) as connection:
        cut = [await connection.recv() for _ in tokens]  # one that is no UTF-8 would be the end of the connection
        assert await connection.recv() == '{"type":"text","token":"in parts"}'
    for token, left in zip(tokens, cut, strict=True):
        assert isinstance(left, str)
        assert token.startswith(left)
        size, whole = len(left.encode()), len(token.encode())
        assert whole // 2 - 3 <= size <= whole // 2
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(left)


async def test_a_call_is_dropped_after_its_time(tmp_path: Path) -> None:
    seen = asyncio.Event()

    async def wait(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await connection.recv()
        assert connection.close_code == 1006
        seen.set()

    async with faulty(tmp_path, wait, drop_after=0.05) as connection:
        with pytest.raises(ConnectionClosed):
            await connection.recv()
        assert connection.close_code == 1006
        await seen.wait()
    ending = msgspec.json.decode(
        next(one.body for one in journal(tmp_path) if one.kind is EntryKind.ENDING), type=Ending
    )
    assert (ending.first, ending.cause) == ("proxy", "fault")


async def test_a_backend_that_is_read_slowly_has_to_wait(tmp_path: Path) -> None:
    sent = 0

    async def flood(connection: ServerConnection) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connection.send("x" * 1000)
                sent += 1

    async with faulty(tmp_path, flood, slow_reader=50_000) as connection:
        async with asyncio.timeout(PATIENCE):
            before = -1
            while sent != before:  # once the buffers between are full, it gets rid of no more
                before = sent
                assert [await connection.recv() for _ in range(3)] == ["x" * 1000] * 3
        connection.transport.abort()


async def test_what_is_held_back_still_arrives_when_the_backend_leaves(tmp_path: Path) -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.recv()
        for token in TOKENS:
            await connection.send(token)
        await connection.close(1000, "done")

    async with faulty(tmp_path, leave, first_token_delay="150ms") as connection:
        await connection.send("hello")
        assert [await connection.recv() for _ in TOKENS] == TOKENS
        with pytest.raises(ConnectionClosed):
            await connection.recv()
        assert (connection.close_code, connection.close_reason) == (1000, "done")


async def test_a_caller_who_leaves_ends_the_call_whatever_is_held_back(tmp_path: Path) -> None:
    async with faulty(tmp_path, first_token_delay="30s") as connection:
        await connection.send("hello")
        await connection.close(1000)
    endings = [one for one in journal(tmp_path) if one.kind is EntryKind.ENDING]
    assert len(endings) == 1


async def test_without_faults_and_beyond_their_share_calls_are_as_ever(tmp_path: Path) -> None:
    async with faulty(tmp_path, first_token_delay="30s", share=0.000000001) as connection:
        await connection.send("hello")
        assert [await connection.recv() for _ in TOKENS] == TOKENS
    entries = journal(tmp_path)
    assert opening_of(entries).faults == ()
    assert notes_of(entries) == []


def test_dropped_calls_end_and_a_relay_is_stopped_whatever_is_held_back_for_a_backend_that_is_gone(
    tmp_path: Path,
) -> None:
    faults = {"held": '{"token_delay": 3600}', "dropped": '{"token_delay": 3600, "drop_after": 2}'}
    first, *more = (wire.frame(1, token.encode()) for token in TOKENS)
    rest = b"".join(more)
    callers: dict[str, list[socket.socket]] = {route: [] for route in faults}
    with wire.listening() as (server, port), ExitStack() as open_ends:
        env = {f"RELAYPROXY_ROUTES__{name}__FAULTS": one for name, one in faults.items()}
        env |= {f"RELAYPROXY_ROUTES__{name}__BACKEND": f"ws://127.0.0.1:{port}" for name in faults}
        settings = {"listen": "127.0.0.1:0", "drain_timeout": 0, "env": env}
        process = open_ends.enter_context(running("relay", data_dir=tmp_path, **settings))
        for route, leave in itertools.product(faults, (reset, finish, stay)):
            twilio = open_ends.enter_context(wire.connect(process.port))
            twilio.sendall(wire.REQUEST.replace(b"/relay/fixture", f"/r/{route}/ws".encode()))
            backend = open_ends.enter_context(server.accept()[0])
            wire.receive_head(backend)
            backend.sendall(wire.ANSWER)
            wire.receive_head(twilio)
            backend.sendall(first + rest)
            assert wire.receive(twilio, len(first)) == first
            leave(backend)
            callers[route].append(twilio)
        assert [wire.how_it_ends(twilio) for twilio in callers["dropped"]] == ["reset"] * 3
        assert process.stop() == 0
        assert [wire.how_it_ends(twilio) for twilio in callers["held"]] == ["eof"] * 3
        assert "Traceback" not in process.log.read_text()
    entries = journal(tmp_path)
    assert b"".join(one.body for one in entries if one.kind is EntryKind.BACKEND_CHUNK) == 6 * first
    gaps = [GapBody.unpack(one.body) for one in entries if one.kind is EntryKind.GAP]
    assert [(gap.cause, gap.size) for gap in gaps] == [(GapCause.FAULT, len(rest))] * 6
    endings = [msgspec.json.decode(one.body, type=Ending) for one in entries if one.kind is EntryKind.ENDING]
    assert sorted(str(ending.cause) for ending in endings) == ["drain"] * 3 + ["fault"] * 3


def reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def finish(end: socket.socket) -> None:
    end.shutdown(socket.SHUT_WR)


def stay(end: socket.socket) -> None:
    """Says nothing more."""
