"""A call with injected faults in this process: raw sockets at both ends, a `FaultySplice` between, its tape in memory.

Knows: saying something at either end, leaving in every way, and what must hold of every call once it is over.
"""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable, Coroutine
from time import monotonic_ns
from typing import Any

import msgspec
import uvloop

from relayproxy.connection import Ending, Side
from relayproxy.journal.format import EntryKind, GapBody, GapCause, JournalEntry, unpack_entries
from relayproxy.journal.tape import Tape
from relayproxy.relay.faulty_splice import FaultySplice
from relayproxy.settings.faults import Faults
from tests.relay.tls import Tls
from tests.wire import frame

PATIENCE = 60.0
"""Seconds for what takes milliseconds on a machine that has nothing else to do."""
KINDS: dict[Side, EntryKind] = {"twilio": EntryKind.TWILIO_CHUNK, "backend": EntryKind.BACKEND_CHUNK}
PROMPT = frame(1, b'{"type":"prompt","voicePrompt":"Hello?","last":true}', mask=True)
WORDS = frame(1, b'{"type":"prompt","voicePrompt":"Still there?","last":true}', mask=True)
REPLY = (
    b"".join(frame(1, f'{{"type":"text","token":"{word} "}}'.encode()) for word in ("Grüße", "おはよう", "👋🏽", "you"))
    + frame(1, b'{"type":"text",', fin=False)
    + frame(9, b"still there?")
    + frame(0, b'"token":"in parts"}')
)
HALF = REPLY[:20]
CLOSE = frame(8, b"\x03\xe8")
MASKED_CLOSE = frame(8, b"\x03\xe8", mask=True)


class Sink:
    """Keeps what is taped."""

    pending = 0

    def __init__(self) -> None:
        self.taped = bytearray()

    def put(self, entries: bytearray) -> None:
        self.taped += entries


class FaultedCall:
    """One call, over TLS at both ends if so said. What its ends are sent they read at once; at the end of it they send
    nothing more. `early`: all that the backend ever sends, which came with its 101."""

    def __init__(self, *, tls: Tls | None = None, early: bytes | None = None, **faults: Any) -> None:
        self.faults = Faults(**faults)
        self.got: dict[Side, bytearray] = {"twilio": bytearray(), "backend": bytearray()}
        self.sent: dict[Side, int] = {"twilio": 0, "backend": len(early or b"")}
        self.reset: set[Side] = set()
        """Ends that left with a reset, and hear nothing after it."""
        self._tls = tls
        self._early = early
        self._ends: dict[Side, asyncio.StreamWriter] = {}
        self._sink = Sink()
        self._readers: dict[Side, asyncio.Task[None]] = {}

    async def begin(self) -> "FaultedCall":
        self._tape = Tape(self._sink, 1 << 24, asyncio.get_running_loop().call_later)
        ends: dict[str, Any] = {"backend": None}
        sides: list[Side] = ["twilio", *(["backend"] if self._early is None else [])]  # type: ignore[list-item]
        for side in sides:
            ends[side] = await self._connect(side)
        given = {"number": 1, "tape": self._tape, "opened": monotonic_ns(), "limit": 1 << 30}
        self.splice = FaultySplice(faults=self.faults, on_end=self._ended, **given, **ends)
        self.splice.start(b"", b"", self._early or b"")
        return self

    async def _connect(self, side: Side) -> asyncio.Transport:
        """The relay's transport of an end."""
        there: asyncio.Queue[None] = asyncio.Queue()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._ends[side] = writer
            self._readers[side] = asyncio.create_task(self._read(side, reader))
            there.put_nowait(None)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=self._tls.server if self._tls else None)
        context = self._tls.client if self._tls else None
        address = server.sockets[0].getsockname()
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, *address, ssl=context)
        await there.get()
        server.close()
        return transport

    def _ended(self, ending: Ending) -> None:
        self._tape.note(EntryKind.ENDING, 1, monotonic_ns(), msgspec.json.encode(ending))

    async def _read(self, side: Side, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.got[side] += data
        self._ends[side].close()

    def says(self, side: Side, data: bytes) -> None:
        """Sends bytes from an end, unless it is gone."""
        writer = self._ends[side]
        if not writer.is_closing():
            writer.write(data)
            self.sent[side] += len(data)

    async def hears(self, side: Side, size: int) -> None:
        """Waits until an end has got so many bytes, or the call is over."""
        await until(lambda: len(self.got[side]) >= size or self.splice.finished.done())

    def leaves(self, side: Side, how: str) -> None:
        """Ends one side: `fin`, `rst`, or `close`, which is a close frame and `fin`."""
        writer = self._ends[side]
        if how == "close":
            self.says(side, MASKED_CLOSE if side == "twilio" else CLOSE)
        if writer.is_closing():
            return
        if how == "rst":
            self.reset.add(side)
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        elif self._tls is None:
            writer.write_eof()
        else:
            writer.close()

    async def over(self) -> None:
        """Waits for the end of the call, and of what its ends can hear of it."""
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(self.splice.finished, *self._readers.values())
        finally:
            for writer in self._ends.values():
                writer.transport.abort()

    @property
    def entries(self) -> list[JournalEntry]:
        self._tape.close()
        found = unpack_entries(bytes(self._sink.taped), 0)
        return [entry for entry in found if entry.kind is not EntryKind.OPEN_CONNECTIONS]

    def passed(self, side: Side) -> bytes:
        """What an end has said, as it is on the tape as passed on."""
        return b"".join(entry.body for entry in self.entries if entry.kind is KINDS[side])

    def missing(self, side: Side) -> int:
        """Bytes that an end has said, as gaps tell of them."""
        gaps = [GapBody.unpack(entry.body) for entry in self.entries if entry.kind is EntryKind.GAP]
        assert {gap.cause for gap in gaps} <= {GapCause.FAULT}
        return sum(gap.size for gap in gaps if gap.side is KINDS[side])

    @property
    def ending(self) -> Ending:
        return msgspec.json.decode(self.entries[-1].body, type=Ending)

    def holds_true(self, *, unread: bool = False) -> None:
        """What was passed on is on the tape, byte for byte, and a gap tells of what was not. `unread`: the relay may
        not have read all when it ended the call, as with every reset."""
        entries = self.entries
        assert [entry.kind for entry in entries].count(EntryKind.ENDING) == 1
        assert entries[-1].kind is EntryKind.ENDING
        notes = b"; ".join(entry.body for entry in entries if entry.kind is EntryKind.FAULT).decode()
        cut = sum(int(before) - int(after) for before, after in re.findall(r"cut from (\d+) to (\d+)", notes))
        directions: list[tuple[Side, Side]] = [("backend", "twilio"), ("twilio", "backend")]
        for side, other in directions:
            passed, gone, heard = self.passed(side), self.missing(side), bytes(self.got[other])
            # An end that was reset while it sent something itself may not have read all before.
            deaf = other in self.reset or self.ending.cause == "fault"
            same = passed == heard or (deaf and passed.startswith(heard))
            assert same, f"{other} heard {heard!r}, and {passed!r} is on the tape"
            sent = len(passed) + gone + (cut if side == "backend" else 0)
            unread = unread or bool(self.reset) or self.ending.cause == "fault"
            lost = self.sent[side] - sent
            assert lost == 0 or (unread and lost > 0), f"of what {side} said {lost} bytes are neither"
        assert self.ending.backend_bytes == len(self.passed("backend")) + self.missing("backend")


async def until(true: Callable[[], bool]) -> None:
    """Lets others go on until that is true."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


def play(*calls: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Plays conversations at once, on the event loop that the relay has. No callback of it may fail."""
    problems: list[dict[str, Any]] = []

    async def all_of_them() -> list[BaseException | None]:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, told: problems.append(told))
        return await asyncio.gather(*(call() for call in calls), return_exceptions=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(all_of_them())
    failed = [f"{call}: {one!r}" for call, one in zip(calls, found, strict=True) if one is not None]
    failed += [f"{told}" for told in problems]
    assert not failed, "\n".join(failed)
