"""Bits of the journal flip on the disk: everything else is recorded, and what is not is told."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from relayproxy.journal.format import EntryKind, JournalEntry
from relayproxy.journal.reader import Block, JournalReader
from relayproxy.journal.segments import journal_paths, segment_numbers, segment_path
from tests.running import Running
from tests.system.stack import Stack, stack, until


async def answer(connection: ServerConnection) -> None:
    async for _ in connection:
        await connection.send('{"type":"text","token":"Certainly.","last":true}')


@pytest.fixture
async def backend() -> AsyncIterator[str]:
    async with serve(answer, "127.0.0.1", 0, ping_interval=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def call(system: Stack, number: int) -> None:
    async with connect(system.url(), proxy=None) as twilio:
        await say(twilio, number)


async def say(twilio: ClientConnection, number: int) -> None:
    await twilio.send(f'{{"type":"setup","sessionId":"VX{number:032x}","callSid":"CA{number:032x}"}}')
    await twilio.send('{"type":"prompt","voicePrompt":"Are you there?","last":true}')
    await twilio.recv()


def newest(data_dir: Path) -> Path:
    [journal] = journal_paths(data_dir / "journal")
    return segment_path(journal, segment_numbers(journal)[-1])


def flip_a_bit(file: Path, from_the_end: int) -> None:
    content = bytearray(file.read_bytes())
    content[-from_the_end] ^= 0x10
    with file.open("r+b") as same:
        same.seek(len(content) - from_the_end)
        same.write(content[-from_the_end : len(content) - from_the_end + 1])


def numbers(system: Stack) -> list[int]:
    """Of the calls whose setup is recorded."""
    known = (session["session_id"] for session in system.sessions())
    return sorted(int(id.removeprefix("VX"), 16) for id in known if id)


def check(system: Stack, name: str) -> Any:
    return next(check for check in system.get("/api/health")["checks"] if check["name"] == name)


async def grown(file: Path, size: int) -> int:
    """The file's new size, once the journal has taken what was handed to it."""
    await until(lambda: file.stat().st_size > size)
    before = -1
    while before != (now := file.stat().st_size):
        before = now
        await asyncio.sleep(0.2)
    return now


def entries(data_dir: Path, kind: EntryKind) -> list[tuple[Path, JournalEntry]]:
    """Those of one kind that can be read, each with its file."""
    [journal] = journal_paths(data_dir / "journal")
    with JournalReader(journal, segment_numbers(journal)[0]) as reader:
        blocks = [part for part in reader.read(1 << 30) if isinstance(part, Block)]
    return [
        (segment_path(journal, block.segment), entry)
        for block in blocks
        for entry in block.entries
        if entry.kind is kind
    ]


def flip_in(place: tuple[Path, JournalEntry]) -> None:
    file, entry = place
    flip_a_bit(file, file.stat().st_size - entry.offset)


async def test_a_bit_that_flips_in_the_living_journal_costs_one_call_and_not_all_that_follow(
    tmp_path: Path, backend: str
) -> None:
    with stack(tmp_path, backend) as system:
        await call(system, 1)
        await system.ended(1)
        await until(lambda: entries(tmp_path, EntryKind.OPEN_CONNECTIONS))
        await asyncio.to_thread(system.recorder.stop)
        file = newest(tmp_path)
        size = file.stat().st_size
        async with connect(system.url(), proxy=None) as twilio:
            await say(twilio, 2)
            size = await grown(file, size)
            flip_a_bit(file, 40)
            system.recorder = await asyncio.to_thread(Running, "recorder", data_dir=tmp_path)
            try:
                lag = await until(lambda: check(system, "lag")["state"] == "warn" and check(system, "lag"))
                assert "behind the calls" in lag["title"], "what cannot be read yet waits"
                for number in range(3, 63):
                    await call(system, number)
                await until(lambda: set(numbers(system)) >= {1, *range(3, 63)})
                await until(lambda: check(system, "lag")["state"] == "ok")
                told = await until(lambda: check(system, "gaps")["state"] != "ok" and check(system, "gaps"))
                assert told["title"].startswith("A part of the journal could not be read")
                [gap] = system.get("/api/health")["journal_gaps"]
                assert (gap["cause"], gap["bytes"] > 40) == ("checksum", True)
                assert system.get("/api/sessions?limit=500")["journal_gaps"] == [gap]
                newest_page = system.get("/api/sessions?limit=50")
                assert newest_page["journal_gaps"] == []
                assert "Calls may be missing here" not in system.get("/sessions")
                assert "Calls may be missing here" in system.get(f"/sessions?before={newest_page['next']}")
            finally:
                await asyncio.to_thread(system.recorder.stop)


async def test_calls_whose_beginning_or_end_lay_in_the_damage_end_while_their_relay_goes_on(
    tmp_path: Path, backend: str
) -> None:
    with stack(tmp_path, backend) as system:
        dial = partial(connect, system.url(), proxy=None, compression=None)
        async with dial() as silent, dial() as over:
            await say(silent, 1)
            await say(over, 2)
            await until(lambda: numbers(system) == [1, 2])
            await asyncio.to_thread(system.recorder.stop)
            await over.close()
            [ending] = await until(lambda: entries(tmp_path, EntryKind.ENDING))
            flip_in(ending)
            async with dial() as unknown:
                *_, opening = await until(lambda: entries(tmp_path, EntryKind.OPENING)[2:])
                flip_in(next(one for one in entries(tmp_path, EntryKind.REQUEST) if one[1].connection == 3))
                flip_in(opening)
                await say(unknown, 3)
                system.recorder = await asyncio.to_thread(Running, "recorder", data_dir=tmp_path)
                try:
                    ended = await until(lambda: [one for one in system.sessions() if one["ended_at"] is not None])
                    assert [one["session_id"] for one in ended] == [f"VX{2:032x}"]
                    assert ended[0]["outcome"] == "unknown"
                    assert "was not recorded" in ended[0]["end_reason"]
                    assert await until(lambda: system.get("/api/health")["journal_gaps"])
                    await unknown.close()
                    await until(lambda: sum(one["ended_at"] is not None for one in system.sessions()) == 2)
                    [live] = [one for one in system.sessions() if one["ended_at"] is None]
                    assert live["session_id"] == f"VX{1:032x}", "it only says nothing"
                    await silent.send('{"type":"prompt","voicePrompt":"Goodbye.","last":true}')
                    await silent.recv()
                    await silent.close()
                    await system.ended(3)
                    assert "Goodbye." in str(system.messages(live["id"]))
                finally:
                    await asyncio.to_thread(system.recorder.stop)


async def test_calls_that_a_killed_relay_left_in_a_damaged_journal_are_missed(tmp_path: Path, backend: str) -> None:
    with stack(tmp_path, backend) as system:
        await asyncio.to_thread(system.recorder.stop)
        size = newest(tmp_path).stat().st_size
        for number in range(1, 7):
            await call(system, number)
            size = await grown(newest(tmp_path), size)
        await asyncio.to_thread(system.relay.stop, SIGKILL)
        flip_a_bit(newest(tmp_path), 40)
        system.recorder = await asyncio.to_thread(Running, "recorder", data_dir=tmp_path)
        try:
            await until(lambda: system.get("/api/health")["journal_gaps"])
            [gap] = system.get("/api/health")["journal_gaps"]
            assert gap["cause"] in ("checksum", "format")
            assert numbers(system)[:5] == [1, 2, 3, 4, 5]
            assert check(system, "gaps")["state"] == "warn"
            assert "Calls may be missing here" in system.get("/sessions")
        finally:
            await asyncio.to_thread(system.recorder.stop)
