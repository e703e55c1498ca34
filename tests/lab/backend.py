"""A backend made with `websockets`: the second implementation on the far side of the simulated Twilio."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve


class Backend:
    """Serves with `talk`, one call at a time, and keeps what it saw of the last one."""

    def __init__(self, talk: Callable[["Backend"], Awaitable[None]]) -> None:
        self._talk = talk
        self.url = ""
        self.frames: list[str | bytes] = []
        self.connection: ServerConnection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def next(self, kind: str | None = None) -> dict[str, Any]:
        """The next message (of that type)."""
        while True:
            frame = await self.connection.recv()
            self.frames.append(frame)
            message: dict[str, Any] = json.loads(frame)
            if kind in (None, message["type"]):
                return message

    async def closed(self) -> tuple[int | None, str | None]:
        """Wait for the end; code and reason as this side saw them."""
        async for frame in self.connection:
            self.frames.append(frame)
        await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason

    async def handle(self, connection: ServerConnection) -> None:
        self.connection = connection
        await self._talk(self)


@asynccontextmanager
async def backend(talk: Callable[[Backend], Awaitable[None]]) -> AsyncIterator[Backend]:
    """The backend as long as the block lasts."""
    made = Backend(talk)
    async with serve(made.handle, "127.0.0.1", 0) as server:
        made.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield made
