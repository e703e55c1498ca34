"""A receiver within the test's own process, on a database of its own, and calls that spans can belong to."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from relayproxy.receiver import process
from relayproxy.settings.model import Settings
from relayproxy.settings.receiver import Receiver
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.backend_spans import SessionSpans, session_spans
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.databases import migrated
from tests.patience import PATIENCE
from tests.store.build import connection, session

TRACE = "5b8efff798038103d269b633813fc60c"
"""Of the handshake of the call `a`."""


class Stage:
    """A receiver at `url`, the way to its database, and what it was asked."""

    def __init__(
        self,
        place: tuple[str, int | None],
        database: str,
        http: aiohttp.ClientSession,
        stop: asyncio.Event,
        running: "asyncio.Task[None]",
    ) -> None:
        self.url, self.grpc = place
        self.stop = stop
        self.running = running
        self.http = http
        self.queries = Queries(open_reader(database))
        engine = open_engine(database)
        self.archive = Archive(engine)
        self.engine = engine

    async def post(
        self, body: bytes, signal: str = "traces", content_type: str = "application/json", **headers: str
    ) -> tuple[int, bytes, Any]:
        """Status, body and headers of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post(
            f"{self.url}/v1/{signal}", data=body, headers={"Content-Type": content_type, **named}
        ) as answer:
            return answer.status, await answer.read(), answer.headers

    def spans(self, session: str = "a") -> SessionSpans:
        return session_spans(self.queries, session)

    async def until(self, holds: Callable[[], Any]) -> Any:
        """What `holds` gives once it is true."""
        async with asyncio.timeout(PATIENCE):
            while not (found := await asyncio.to_thread(holds)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # the database tells nobody of its changes
        return found

    def call(self, id: str = "a", trace: str = TRACE, route: str = "default", **known: Any) -> None:
        """A call that is live now."""
        now = time.time_ns()
        self.archive.commit(
            Batch(
                sessions=(session(id, started_at=now - 60_000_000_000, route=route, **known),),
                connections=(connection(id, trace_id=trace, number=abs(hash(id)) % 10**6),),
            )
        )


@asynccontextmanager
async def receiving(folder: Path, *, database: bool = True, **settings: Any) -> AsyncIterator[Stage]:
    """A receiver with these settings of `[receiver]`; others by name, such as `record`."""
    own = {name: settings.pop(name) for name in list(settings) if name in Receiver.model_fields}
    given = Settings.model_validate(
        {"data_dir": folder, "receiver": {"listen": "127.0.0.1:0", **own}, "record": "full", **settings}
    )
    if database:
        migrated(given.database)
    stop: asyncio.Event = asyncio.Event()
    ready: asyncio.Future[tuple[str, int | None]] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(process.serve(given, stop, lambda *place: ready.set_result(place)))
    async with aiohttp.ClientSession() as http:
        first: set[asyncio.Future[Any]] = {running, ready}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await running
        stage = Stage(ready.result(), given.database, http, stop, running)
        try:
            yield stage
        finally:
            stop.set()
            await running
            stage.engine.dispose()
