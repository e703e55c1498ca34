"""What the journal tells of a connection besides its bytes: who was first, how long dialling took, what had to wait."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns
from typing import cast

import msgspec
import pytest
import uvloop

from relayproxy.connection import Ending, Opening
from relayproxy.journal.format import MAX_TOOK, EntryKind, GapBody, GapCause, JournalEntry, unpack_entries
from relayproxy.journal.tape import Tape
from relayproxy.relay.splice import Splice
from tests.patience import PATIENCE
from tests.relay.raw import journal
from tests.relay.tls import Tls
from tests.running import running
from tests.wire import ANSWER, REQUEST, connect, frame, how_it_ends, listening, receive, receive_head

TEXT = 1
Act = Callable[[socket.socket, socket.socket], None]


def taped(folder: Path, act: Act, host: str = "127.0.0.1", **settings: int) -> list[JournalEntry]:
    """The journal of one call in which `act` is done with Twilio's and the backend's end."""
    with (
        listening() as (server, port),
        running("relay", data_dir=folder, listen="127.0.0.1:0", backend=f"ws://{host}:{port}", **settings) as process,
        connect(process.port) as twilio,
    ):
        twilio.sendall(REQUEST)
        with server.accept()[0] as backend:
            receive_head(backend)
            backend.sendall(ANSWER)
            receive_head(twilio)
            act(twilio, backend)
        process.stop()
    return journal(folder)


def opening(entries: list[JournalEntry]) -> Opening:
    return msgspec.json.decode(entries[0].body, type=Opening)


def ending(entries: list[JournalEntry]) -> Ending:
    return msgspec.json.decode(entries[-1].body, type=Ending)


def test_beyond_its_limit_a_call_goes_on_and_what_it_says_is_counted(tmp_path: Path) -> None:
    limit, piece, pieces = 64 * 1024, b"x" * 1024, 1000

    def flood(twilio: socket.socket, backend: socket.socket) -> None:
        for _ in range(pieces):
            twilio.sendall(piece)
            assert receive(backend, len(piece)) == piece
        backend.sendall(b"still here")
        assert receive(twilio, 10) == b"still here"
        twilio.close()
        assert how_it_ends(backend) == "eof"

    entries = taped(tmp_path, flood, session_limit=limit)
    kept = sum(len(entry.body) for entry in entries if entry.kind is EntryKind.TWILIO_CHUNK)
    gaps = [GapBody.unpack(entry.body) for entry in entries if entry.kind is EntryKind.GAP]
    assert limit - len(piece) < kept <= limit
    assert kept + sum(gap.size for gap in gaps) == ending(entries).twilio_bytes == pieces * len(piece)
    assert {(gap.cause, gap.side) for gap in gaps} == {(GapCause.LIMIT, EntryKind.TWILIO_CHUNK)}
    assert 2 <= len(gaps) <= 20
    assert [entry.body for entry in entries if entry.kind is EntryKind.BACKEND_CHUNK] == [b"still here"]


def backend_leaves(twilio: socket.socket, backend: socket.socket) -> None:
    backend.shutdown(socket.SHUT_WR)
    assert how_it_ends(twilio) == "eof"
    twilio.close()
    assert how_it_ends(backend) == "eof"


def twilio_leaves(twilio: socket.socket, backend: socket.socket) -> None:
    backend_leaves(backend, twilio)


@pytest.mark.parametrize(("act", "first"), [(backend_leaves, "backend"), (twilio_leaves, "twilio")])
def test_when_each_stream_was_over(tmp_path: Path, act: Act, first: str) -> None:
    found = ending(taped(tmp_path, act))

    assert found.twilio_t is not None
    assert found.backend_t is not None
    assert found.first == first
    assert (found.backend_t < found.twilio_t) == (first == "backend")
    assert 0 < min(found.twilio_t, found.backend_t) <= max(found.twilio_t, found.backend_t) <= found.t


@pytest.mark.parametrize(("host", "resolved"), [("127.0.0.1", False), ("localhost", True)])
def test_dialling_in_parts(tmp_path: Path, host: str, resolved: bool) -> None:
    found = opening(taped(tmp_path, backend_leaves, host))

    assert found.dial is not None
    assert (found.dial.dns is not None) == resolved
    assert found.dial.connect is not None
    assert found.dial.upgrade is not None
    parts = (found.dial.dns or 0, found.dial.connect, found.dial.upgrade)
    assert min(parts) >= 0
    assert sum(parts) <= (found.connected_after or 0)


def test_what_waits_for_a_reader_is_told_from_what_leaves_at_once(tmp_path: Path) -> None:
    big = frame(TEXT, b"x" * 65536)

    def stall(twilio: socket.socket, backend: socket.socket) -> None:
        backend.sendall(frame(TEXT, b"at once"))
        assert twilio.recv(100)
        sender = threading.Thread(target=backend.sendall, args=(big * 400,))
        sender.start()
        sender.join(1)
        assert sender.is_alive()  # everything between the two ends is full
        received = 0
        while received < 400 * len(big):
            received += len(twilio.recv(1 << 20))
        sender.join()
        backend_leaves(twilio, backend)

    chunks = [entry for entry in taped(tmp_path, stall) if entry.kind == EntryKind.BACKEND_CHUNK]

    assert chunks[0].took < MAX_TOOK
    assert any(entry.took == MAX_TOOK for entry in chunks[1:])


# -- one splice, without a process around it -------------------------------------------------------------------------


class Inbox:
    """Takes what is taped, entry by entry."""

    pending = 0

    def __init__(self) -> None:
        self.entries: asyncio.Queue[JournalEntry] = asyncio.Queue()

    def put(self, entries: bytearray) -> None:
        for entry in unpack_entries(bytes(entries), 0):
            self.entries.put_nowait(entry)

    def tape(self) -> Tape:
        """One that hands over at once."""
        return Tape(self, 1 << 24, lambda _seconds, flush: flush())


async def accepted(tls: Tls | None = None) -> tuple[asyncio.Transport, socket.socket]:
    """A transport, and the socket at its other end, which reads only when it is told to."""
    made: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()

    class Accept(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.set_result(cast(asyncio.Transport, transport))

    context: ssl.SSLContext | None = tls.server if tls else None
    server = await asyncio.get_running_loop().create_server(Accept, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    other = await asyncio.to_thread(connect, port, tls.client if tls else None)
    transport = await made
    server.close()
    return transport, other


async def splice(
    tape: Tape, twilio: asyncio.Transport, backend: asyncio.Transport, on_end: Callable[[Ending], None]
) -> Splice:
    made = Splice(
        number=1,
        tape=tape,
        opened=monotonic_ns(),
        limit=1 << 30,
        twilio=twilio,
        backend=backend,
        on_end=on_end,
    )
    made.start(b"", b"", b"")
    return made


async def test_what_waits_for_a_reader_over_tls(tmp_path: Path) -> None:
    size = 400_000  # a transport over TLS makes nobody wait for so little
    inbox = Inbox()
    twilio, caller = await accepted(Tls(tmp_path))
    backend, agent = await accepted()
    twilio.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    call = await splice(inbox.tape(), twilio, backend, lambda _: None)

    agent.sendall(b"at once")
    assert (await inbox.entries.get()).took < MAX_TOOK

    sending = asyncio.create_task(asyncio.to_thread(agent.sendall, b"x" * size))
    chunks: list[JournalEntry] = []
    while sum(len(chunk.body) for chunk in chunks) < size:
        chunks.append(await asyncio.wait_for(inbox.entries.get(), PATIENCE))
    await sending
    assert chunks[-1].took == MAX_TOOK

    agent.close()
    caller.close()
    await asyncio.wait_for(call.finished, PATIENCE)


@pytest.mark.parametrize("first", ["twilio", "backend"])
def test_who_ends_its_stream_over_tls_without_a_goodbye(first: str, tmp_path: Path) -> None:
    tls, endings = Tls(tmp_path), list[Ending]()

    async def hold() -> None:
        twilio, caller = await accepted(tls)
        backend, agent = await accepted(tls)
        call = await splice(Inbox().tape(), twilio, backend, endings.append)
        leaving, staying = (caller, agent) if first == "twilio" else (agent, caller)
        staying.sendall(b"hi")
        assert await asyncio.to_thread(receive, leaving, 2) == b"hi"
        leaving.close()  # says no close_notify, as no process does that dies
        assert await asyncio.to_thread(staying.recv, 1) == b""
        staying.close()
        await asyncio.wait_for(call.finished, PATIENCE)

    with asyncio.Runner(
        loop_factory=uvloop.new_event_loop
    ) as runner:  # the relay's, which tells it in a way of its own
        runner.run(hold())
    found = {"twilio": endings[0].twilio, "backend": endings[0].backend}
    assert endings[0].first == first
    assert found.pop(first) == "eof"
    assert [*found.values()] == ["closed_by_proxy"]


async def test_an_end_that_stopped_taking_data(tmp_path: Path) -> None:
    endings: list[Ending] = []
    twilio, caller = await accepted()
    backend, agent = await accepted()
    backend.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 300)
    call = await splice(Inbox().tape(), twilio, backend, endings.append)

    def talk() -> None:
        with pytest.raises(ConnectionError):
            caller.sendall(b"x" * (1 << 26))

    talking = asyncio.create_task(asyncio.to_thread(talk))
    await asyncio.wait_for(call.finished, PATIENCE)
    await talking

    assert (endings[0].first, endings[0].backend) == ("backend", "timeout")
    caller.close()
    agent.close()
