"""What is recorded of who looked, and what happens when it cannot be."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Connection, Engine

from relayproxy.assets import web_dir
from relayproxy.console.access import audit_log, signin
from relayproxy.console.access.audit_log import AUDIT_LOG, AuditLog, audit, searched, viewed
from relayproxy.console.http.middleware import error_middleware
from relayproxy.console.http.render import set_up_templates
from relayproxy.console.http.static_files import StaticFiles
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.errors import AwayError
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.audit import AuditEntry, read_entries
from tests.console.door import BEARER, OTHER, Client, console_on, settings_in, sign_in, status_of
from tests.databases import migrated
from tests.patience import PATIENCE


class Stuck(AnnotationWriter):
    """A database that cannot be written while `stuck`."""

    stuck = True

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.tries = threading.Semaphore(0)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        self.tries.release()
        if self.stuck:
            raise AwayError("database is locked")
        with super().writing() as db:
            yield db


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = settings_in(tmp_path / "data")
    migrated(settings.database)
    return settings


@pytest.fixture
def queries(settings: Settings) -> Iterator[Queries]:
    engine = open_reader(settings.database)
    yield Queries(engine)
    engine.dispose()


@pytest.fixture
def writer(settings: Settings) -> Iterator[Stuck]:
    writer = Stuck(open_engine(settings.database))
    writer.stuck = False
    yield writer
    writer.close()


@pytest.fixture
async def client(settings: Settings, queries: Queries, writer: Stuck) -> AsyncIterator[Client]:
    """A console whose handlers do nothing but record."""
    app = web.Application(middlewares=[error_middleware])
    set_up_templates(app, StaticFiles(web_dir() / "static"))
    signin.set_up(app, settings, queries, writer)

    async def show(request: web.Request) -> web.Response:
        await viewed(request, request.match_info["id"])
        return web.Response()

    async def download(request: web.Request) -> web.Response:
        await viewed(request, request.match_info["id"])
        await audit(request, "export", request.match_info["id"])
        return web.Response()

    async def search(request: web.Request) -> web.Response:
        await searched(request, request.query.getall("word"))
        return web.Response()

    for path in ("/api/sessions/{id}", "/api/sessions/{id}/messages"):
        app.router.add_get(path, show)
    app.router.add_get("/sessions/{id}/recording", download)
    app.router.add_get("/api/search", search)
    async with TestClient(TestServer(app), headers=BEARER) as client:
        yield client


async def told(client: Client, queries: Queries) -> list[tuple[str, str, str]]:
    """Who did what to which session, first first."""
    assert client.app is not None
    await client.app[AUDIT_LOG].settle(30)
    entries = await asyncio.to_thread(read_entries, queries, 1000)
    return [(entry.actor, entry.action, entry.subject) for entry in reversed(entries.entries)]


# What makes an entry


async def test_opening_a_session_is_an_entry_each_time_and_its_parts_are_none(client: Client, queries: Queries) -> None:
    for path in ("/api/sessions/s1", "/api/sessions/s1/messages", "/api/sessions/s1/messages", "/api/sessions/s1"):
        assert await status_of(client, path) == 200

    assert await told(client, queries) == [("token:ci", "view", "s1")] * 2


async def test_parts_alone_are_an_entry_too(client: Client, queries: Queries) -> None:
    for session in ("s1", "s1", "s2", "s1"):
        assert await status_of(client, f"/api/sessions/{session}/messages") == 200

    assert await told(client, queries) == [("token:ci", "view", "s1"), ("token:ci", "view", "s2")]


async def test_a_download_is_one_entry(client: Client, queries: Queries) -> None:
    assert await status_of(client, "/sessions/s1/recording") == 200

    assert await told(client, queries) == [("token:ci", "export", "s1")]


async def test_words_that_were_searched_for_are_not_kept(client: Client, queries: Queries) -> None:
    for words in ("word=hunter2", "word=hunter2", "word=hunter2&word=refund"):
        assert await status_of(client, f"/api/search?{words}") == 200

    assert await told(client, queries) == [("token:ci", "search", "")] * 2


async def test_signing_in_and_out_are_entries_with_names_of_users_alone(settings: Settings, queries: Queries) -> None:
    async with console_on(settings) as client:
        await sign_in(client, "hunter2", "in the wrong field")
        await sign_in(client, "root", "wrong")
        await sign_in(client, "root", OTHER)
        await client.post("/signout", allow_redirects=False)
        for _ in range(3):
            await client.get("/api/sessions", headers={"Authorization": "Bearer wrong"})

        assert await told(client, queries) == [
            ("", "sign_in_failed", ""),
            ("root", "sign_in_failed", ""),
            ("root", "sign_in", ""),
            ("root", "sign_out", ""),
            ("token:", "sign_in_failed", ""),
        ]


# When it cannot be written


async def test_a_page_does_not_wait_and_its_entry_is_written_later(
    client: Client, queries: Queries, writer: Stuck, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audit_log, "PAUSES", (0.01,))
    writer.stuck = True
    for number in range(5):
        assert await status_of(client, f"/api/sessions/s{number}") == 200
    for _ in range(5):
        assert await asyncio.to_thread(writer.tries.acquire, timeout=PATIENCE)
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "the audit cannot be written, its entries wait: database is locked"
    ]
    state = client.server.app[AUDIT_LOG].state  # type: ignore[attr-defined]
    assert (state.waiting, state.cause, state.failing_since is None) == (5, "database is locked", False)

    writer.stuck = False
    assert [subject for _, _, subject in await told(client, queries)] == ["s0", "s1", "s2", "s3", "s4"]
    assert caplog.messages[-1] == "the audit is written again"
    assert client.server.app[AUDIT_LOG].state.failing_since is None  # type: ignore[attr-defined]


async def test_nobody_downloads_what_cannot_be_recorded(client: Client, queries: Queries, writer: Stuck) -> None:
    writer.stuck = True
    async with client.get("/sessions/s1/recording") as response:
        assert response.status == 503
    assert await status_of(client, "/api/sessions/s1") == 200

    writer.stuck = False
    assert await status_of(client, "/sessions/s1/recording") == 200


async def test_without_a_sign_in_a_download_needs_no_record(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data", users={}, tokens={})
    migrated(settings.database)
    reader, writer = open_reader(settings.database), Stuck(open_engine(settings.database))
    app = web.Application()
    set_up_templates(app, StaticFiles(web_dir() / "static"))
    signin.set_up(app, settings, Queries(reader), writer)

    async def download(request: web.Request) -> web.Response:
        await audit(request, "export", "s1")
        return web.Response()

    app.router.add_get("/sessions/{id}/recording", download)
    async with TestClient(TestServer(app)) as client:
        assert await status_of(client, "/sessions/s1/recording") == 200
    writer.close()
    reader.dispose()


async def test_what_finds_no_room_is_counted(writer: Stuck, queries: Queries) -> None:
    audit_log = AuditLog(writer, waiting=3)
    for number in range(5):
        audit_log.take(AuditEntry(number, "alice", "view", f"s{number}", ""))
    assert audit_log.waiting == 3

    task = asyncio.create_task(audit_log.run())
    await audit_log.settle(30)
    task.cancel()

    entries = read_entries(queries, 10).entries
    assert [(entry.actor, entry.action, entry.subject) for entry in reversed(entries)] == [
        ("alice", "view", "s0"),
        ("alice", "view", "s1"),
        ("alice", "view", "s2"),
        ("relayproxy", "lost", "2"),
    ]
    assert audit_log.waiting == 0


async def test_what_waits_is_written_before_the_console_stops(settings: Settings, queries: Queries) -> None:
    async with console_on(settings) as client:
        await sign_in(client, "root", OTHER)

    assert [entry.action for entry in read_entries(queries, 10).entries] == ["sign_in"]


async def test_what_is_remembered_of_who_looked_stays_small(writer: Stuck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "REMEMBERED", 10)
    log = AuditLog(writer)

    assert all(log.is_news("view", str(number)) for number in range(100))
    assert not log.is_news("view", "99")
    assert log.is_news("view", "1")
