"""A call in a process of its own: what goes in and comes out, what it may take, and when it ends."""

import asyncio
import gzip
import os
import resource
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from relayproxy.lab.replay.process import COMMAND, MEMORY, NICE, Answer, Order
from relayproxy.recordings.files import recording_of
from tests.lab.backend import Backend, backend
from tests.lab.replay.agents import agent
from tests.lab.replay.conftest import SPEED
from tests.lab.replay.recorded import Part, parts_of_script, write_file

OF = "5" * 32
MASKED = """
    0.000  twilio   setup sessionId=VX1 callSid=CA1
    1.200  twilio   prompt "My card is ••••." last
    2.000  twilio   close 1000
    2.010  -        gone first=twilio
"""


@asynccontextmanager
async def told(url: str, recorded: bytes) -> AsyncIterator[Process]:
    """The process, with all that it needs to know."""
    process = await asyncio.create_subprocess_exec(*COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    assert process.stdin is not None
    order = Order("next", url, None, fill=False, speed=SPEED, max_seconds=600.0, of=OF, route="bookings")
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n" + recorded + b"\n")
        await process.stdin.drain()
        yield process
    finally:
        process.stdin.close()
        await process.wait()


async def answered(url: str, recorded: bytes) -> tuple[Answer, bytes]:
    async with told(url, recorded) as process:
        assert process.stdout is not None
        first, _, file = (await process.stdout.read()).partition(b"\n")
        return msgspec.json.decode(first, type=Answer), file


def lines(folder: Path, parts: list[Part]) -> bytes:
    """A recording."""
    return gzip.decompress(write_file(folder / "call.gz", parts).read_bytes())


async def test_a_recorded_call_goes_in_and_a_recording_comes_out(tmp_path: Path, booking_parts: list[Part]) -> None:
    async with agent() as url:
        answer, file = await answered(url, lines(tmp_path, booking_parts))
    assert answer == Answer()
    (made := tmp_path / "made.gz").write_bytes(file)
    with made.open("rb") as opened:
        header, messages = recording_of(opened, "made")
        assert header.produced_by.endswith(f"replay of {OF}")
        assert {one.opening.route for one in header.connections} == {"bookings"}
        assert len(list(messages)) > 10


@pytest.mark.parametrize(
    ("recorded", "problem"),
    [
        (b"{}", "not a recording of relayproxy: its first line is no header."),
        (b"", "not a recording of relayproxy: its first line is no header."),
    ],
)
async def test_what_is_no_recording_is_said(recorded: bytes, problem: str) -> None:
    assert await answered("ws://127.0.0.1:9", recorded) == (Answer(problem), b"")


async def test_what_is_masked_is_said(tmp_path: Path) -> None:
    answer, _ = await answered("ws://127.0.0.1:9", lines(tmp_path, parts_of_script(MASKED)))
    assert answer.problem is not None
    assert answer.problem.startswith("This call: what the caller said is masked")
    assert answer.problem.endswith("Test values can be filled in there.")


async def test_it_takes_little_and_ends_with_its_parent(tmp_path: Path, booking_parts: list[Part]) -> None:
    came, went = asyncio.Event(), asyncio.Event()

    async def talk(peer: Backend) -> None:
        came.set()
        with pytest.raises(ConnectionClosed):
            await peer.closed()
        went.set()

    async with backend(talk) as peer, told(peer.url, lines(tmp_path, booking_parts)) as process:
        await came.wait()
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= NICE
        assert resource.prlimit(process.pid, resource.RLIMIT_AS) == (MEMORY, MEMORY)
        assert process.stdin is not None
        process.stdin.close()
        await went.wait()
        assert await process.wait() < 0
