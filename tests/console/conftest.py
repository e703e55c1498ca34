"""A database with its writer, and a console on it: as an application for clients, as a server for browsers."""

import asyncio
import atexit
import queue
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from playwright.sync_api import Page

from relayproxy.console.app import build
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from tests.console.browser import Pages
from tests.databases import migrated
from tests.patience import PATIENCE

OpenPage = Callable[..., Page]
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        backend="wss://agent.example.com/ws?key=secret",
        public_url="wss://relay.example.com",
        routes={"bookings": {"backend": "wss://bookings.example.com/ws"}},  # type: ignore[dict-item]
    )


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    if settings.embedded:
        migrated(settings.database)
    engine = open_engine(settings.database)
    yield Archive(engine)
    engine.dispose()


@pytest.fixture
def queries(settings: Settings) -> Iterator[Queries]:
    engine = open_reader(settings.database)
    yield Queries(engine)
    engine.dispose()


@pytest.fixture
def writer(settings: Settings) -> Iterator[AnnotationWriter]:
    writer = AnnotationWriter(open_engine(settings.database, create=False))
    yield writer
    writer.close()


@pytest.fixture
async def client(settings: Settings, queries: Queries, writer: AnnotationWriter) -> AsyncIterator[Client]:
    async with TestClient(TestServer(build(settings, queries, writer))) as client:
        yield client


@pytest.fixture
def visit(pages: Pages, console: str) -> Iterator[OpenPage]:
    """Opens a path of the console in a watched page."""
    with ExitStack() as stack:

        def visit(path: str, **context: Any) -> Page:
            page = stack.enter_context(pages.watched(console, **context))
            page.goto(console + path)
            return page

        yield visit


@pytest.fixture
def console(settings: Settings, queries: Queries, writer: AnnotationWriter) -> Iterator[str]:
    """The URL of a console that runs in a thread of its own, for tests that are not asynchronous."""
    with served(settings, queries, writer) as url:
        yield url


_reserved = threading.Lock()


@cache
def _reserved_port() -> socket.socket:
    """Bound to the port of all consoles of this process that run alone, so that a browser knows their static files
    already. It never listens; while it exists nobody else gets the port."""
    reserved = _bound(0)
    atexit.register(reserved.close)
    return reserved


@contextmanager
def _listener() -> Iterator[socket.socket]:
    """A socket for one console: on the port that browsers know while no other console of this process is there."""
    alone = _reserved.acquire(blocking=False)
    try:
        with _bound(_reserved_port().getsockname()[1] if alone else 0) as listener:
            yield listener
    finally:
        if alone:
            _reserved.release()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", port))
    return bound


@contextmanager
def served(settings: Settings, queries: Queries, writer: AnnotationWriter) -> Iterator[str]:
    """A console in a thread of its own, which ends with the block however that ends; its URL."""
    told: queue.SimpleQueue[tuple[str, Callable[[], object]]] = queue.SimpleQueue()

    async def serve(listener: socket.socket) -> None:
        runner = web.AppRunner(build(settings, queries, writer), handler_cancellation=True, shutdown_timeout=1)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        stop = asyncio.Event()
        stopped = partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set)
        told.put((f"http://127.0.0.1:{runner.addresses[0][1]}", stopped))
        await stop.wait()
        await runner.cleanup()

    with _listener() as listener:
        thread = threading.Thread(target=lambda: asyncio.run(serve(listener)))
        thread.start()
        url, stop = told.get(timeout=PATIENCE)
        try:
            yield url
        finally:
            stop()
            thread.join(PATIENCE)
    assert not thread.is_alive()
