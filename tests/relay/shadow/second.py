"""Second backends, the relay that copies to them, and what its journal holds of a shadow."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from relayproxy.connection import Ending, Opening
from relayproxy.journal.format import EntryKind, GapBody
from tests.relay.raw import journal
from tests.running import Running, running

Handler = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class Second:
    """A second backend that writes down what it gets, and answers every message."""

    heads: list[Any] = field(default_factory=list)
    got: "asyncio.Queue[str | bytes]" = field(default_factory=asyncio.Queue)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.heads.append(connection.request.headers)
        try:
            await (await connection.ping(b"?"))
            async for message in connection:
                await connection.send(f"unheard {message!s}")
                self.got.put_nowait(message)
        except ConnectionClosed:
            return
        finally:
            self.over.set()


@asynccontextmanager
async def server(handler: Handler, **options: Any) -> AsyncIterator[int]:
    async with serve(handler, "127.0.0.1", 0, max_size=None, **options) as listening:
        yield listening.sockets[0].getsockname()[1]


@contextmanager
def relay(folder: Path, backend: int, second: int, **settings: Any) -> Iterator[Running]:
    with running(
        "relay",
        data_dir=folder,
        listen="127.0.0.1:0",
        backend=f"ws://127.0.0.1:{backend}",
        shadow__backend=f"ws://127.0.0.1:{second}",
        **{"shadow__share": "1", **settings},
    ) as process:
        yield process


def call(process: Running, **options: Any) -> connect:
    options = {"compression": None, **options}
    return connect(f"ws://127.0.0.1:{process.port}/ws?a=1", proxy=None, max_size=None, **options)


@dataclass
class Taped:
    """What the journal holds of a shadow."""

    opening: Opening
    ending: Ending | None
    caller: bytes
    backend: bytes
    gaps: list[GapBody]


def taped(folder: Path) -> tuple[Opening, Taped]:
    """The opening of the only call, and its shadow."""
    entries = journal(folder)
    openings = {
        one.connection: msgspec.json.decode(one.body, type=Opening) for one in entries if one.kind is EntryKind.OPENING
    }
    (first,) = [opening for opening in openings.values() if opening.shadow_of is None]
    ((number, opening),) = [(number, one) for number, one in openings.items() if one.shadow_of]
    own = [one for one in entries if one.connection == number]

    def bodies(kind: EntryKind) -> list[bytes]:
        return [one.body for one in own if one.kind is kind]

    endings = [msgspec.json.decode(one, type=Ending) for one in bodies(EntryKind.ENDING)]
    return first, Taped(
        opening,
        endings[0] if endings else None,
        b"".join(bodies(EntryKind.TWILIO_CHUNK)),
        b"".join(bodies(EntryKind.BACKEND_CHUNK)),
        [GapBody.unpack(one) for one in bodies(EntryKind.GAP)],
    )
