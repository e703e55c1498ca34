"""The health page and its JSON twin, on a real database."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from relayproxy import __version__
from relayproxy.console.app import build
from relayproxy.console.health import health_page as monitoring
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.health.heartbeat import (
    Heartbeat,
    HeartbeatWriter,
    JournalHeartbeat,
    RecordingsHeartbeat,
    RelayHeartbeat,
    RetentionHeartbeat,
)
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.wall_clock import wall_ahead
from tests.console.conftest import Client, OpenPage
from tests.console.samples import Call, ago, odd
from tests.patience import PATIENCE

PROCESS = "recorder:here:1-1"
RELAY = RelayHeartbeat("relay-2", 4712, "draining", 3, "0.9")
HEARTBEAT = Heartbeat(
    version=__version__,
    host="here",
    pid=4711,
    started_at=ago(3600),
    data_dir="/var/lib/relayproxy",
    journals=(JournalHeartbeat("20261124T061203-1f2e3d4c", True, 1, 4096, 0, relay=RELAY),),
    quota=1 << 30,
    calls=2,
    disk_free=50,
    disk_total=100,
    retention=RetentionHeartbeat({"": (30, 400), "sales": (7, 0)}, ran_at=ago(60), content=3),
    recordings=RecordingsHeartbeat("s3://calls", waiting=2, waiting_since=ago(7200), moved=5),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # Nothing listens on port 1.
    return Settings(data_dir=tmp_path / "data", backend="ws://127.0.0.1:1", listen="127.0.0.1:1")


@pytest.fixture
def heartbeat_writer(settings: Settings, archive: Archive) -> Iterator[HeartbeatWriter]:
    heartbeat_writer = HeartbeatWriter(open_engine(settings.database))
    yield heartbeat_writer
    heartbeat_writer.close()


async def health(client: Client) -> Any:
    async with client.get("/api/health") as response:
        assert response.status == 200
        return await response.json()


def checks(body: Any) -> dict[str, str]:
    return {check["name"]: check["state"] for check in body["checks"]}


async def test_all_that_is_known(client: Client, archive: Archive, heartbeat_writer: HeartbeatWriter) -> None:
    odd(archive, ago(60)).commit()
    heartbeat_writer.write(PROCESS, HEARTBEAT)
    body = await health(client)
    assert (body["state"], body["summary"]) == ("warn", "1 gap in the recordings of the last hour.")
    assert {name for name, state in checks(body).items() if state != "ok"} <= {"gaps", "disk"}
    moving = body["recorders"][0]["recordings"]
    assert (moving["place"], moving["waiting"], moving["moved"]) == ("s3://calls", 2, 5)
    assert moving["waiting_since_ns"] == HEARTBEAT.recordings.waiting_since  # type: ignore[union-attr]
    assert body["recorders"][0]["retention"]["kept"] == [
        {"route": None, "content_days": 30.0, "numbers_days": 400.0},
        {"route": "sales", "content_days": 7.0, "numbers_days": 0.0},
    ]
    [recorder] = body["recorders"]
    assert (recorder["process"], recorder["working"], recorder["live_connections"]) == (PROCESS, True, 2)
    assert recorder["journals"] == [
        {
            "id": "20261124T061203-1f2e3d4c",
            "relay_alive": True,
            "segments": 1,
            "bytes": 4096,
            "unread_bytes": 0,
            "relay_silent_ms": 0,
            "relay": {"name": "relay-2", "pid": 4712, "status": "draining", "live_calls": 3, "version": "0.9"},
        }
    ]
    async with client.get("/health") as response:
        assert "relay-2, draining, 3 live calls; 1 file, 4.0 KiB, all read" in await response.text()
    assert body["database"]["kind"] == "SQLite"
    assert body["database"]["sessions_at_least"] == 1
    assert body["gaps"]["last_hour"] == {"gaps": 1, "sessions": 1}
    assert body["console"]["version"] == __version__
    assert body["relay"]["problem"] == "connection refused"


async def test_a_recorder_that_fell_silent(client: Client, heartbeat_writer: HeartbeatWriter) -> None:
    heartbeat_writer.write(PROCESS, HEARTBEAT, ago(330))
    body = await health(client)
    assert body["state"] == "bad"
    assert checks(body)["recorder"] == "bad"
    async with client.get("/health") as response:
        page = await response.text()
    assert "The recorder has not reported for 5 min" in page
    assert "Start it there: <code>relayproxy recorder</code>" in page


async def test_an_audit_that_cannot_be_written_and_a_clock_that_was_set_are_told(
    client: Client,
    archive: Archive,
    heartbeat_writer: HeartbeatWriter,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heartbeat_writer.write(PROCESS, HEARTBEAT)
    monkeypatch.setattr(monitoring, "FRESH", 0.0)
    ahead = wall_ahead()
    with closing(sqlite3.connect(settings.data_dir / "relayproxy.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with client.get("/api/sessions?q=%22words%22") as response:
            assert response.status == 200
        async with asyncio.timeout(PATIENCE):
            while (body := await health(client))["audit"]["cause"] is None:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.05)
        assert checks(body)["audit"] == "bad"
        assert "is locked" in body["audit"]["cause"]
        # To get there took a while, after which the recorder would be missed.
        other.execute("ROLLBACK")
        heartbeat_writer.write(PROCESS, HEARTBEAT)
        monkeypatch.setattr(monitoring, "wall_ahead", lambda: ahead + 3600)
        body = await health(client)
        assert (checks(body)["clock"], checks(body)["recorder"], round(body["clock_step_s"])) == ("warn", "ok", 3600)


async def test_one_look_answers_everybody(client: Client, heartbeat_writer: HeartbeatWriter) -> None:
    heartbeat_writer.write(PROCESS, HEARTBEAT)
    first = await health(client)
    heartbeat_writer.write(PROCESS, replace_host("elsewhere"))
    assert (await health(client))["checked_at_ns"] == first["checked_at_ns"]


def replace_host(host: str) -> Heartbeat:
    return Heartbeat(**{name: getattr(HEARTBEAT, name) for name in HEARTBEAT.__struct_fields__} | {"host": host})


async def test_a_database_that_is_moved_away_is_missed_at_the_next_look(
    client: Client,
    heartbeat_writer: HeartbeatWriter,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitoring, "FRESH", 0.0)
    heartbeat_writer.write(PROCESS, HEARTBEAT)
    assert checks(await health(client))["database"] == "ok"
    (settings.data_dir / "relayproxy.db").rename(tmp_path / "elsewhere.db")
    body = await health(client)
    assert (body["state"], checks(body)["database"], body["database"]) == ("bad", "bad", None)
    assert body["stale"] == "The database cannot be read: what you see may be old."


async def test_without_a_database_the_page_says_so(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "none", listen="127.0.0.1:0")
    reader, writer = open_reader(settings.database), AnnotationWriter(open_engine(settings.database))
    async with TestClient(TestServer(build(settings, Queries(reader), writer))) as client:
        body = await health(client)
        assert (body["state"], body["database"]) == ("bad", None)
        assert "run `relayproxy migrate`" in body["database_problem"]
        async with client.get("/health") as response:
            assert response.status == 200
            assert "run <code>relayproxy migrate</code>" in await response.text()
        async with client.get("/healthz") as response:
            assert await response.json() == {"status": "ok"}
    reader.dispose()
    writer.close()


async def test_what_is_told_cannot_break_the_page(client: Client, heartbeat_writer: HeartbeatWriter) -> None:
    heartbeat_writer.write(PROCESS, replace_host("<script>\u202e`"))
    async with client.get("/health") as response:
        page = await response.text()
    assert "<script>\u202e" not in page
    assert "&lt;script&gt;" in page


@pytest.fixture
async def relay() -> AsyncIterator[TestServer]:
    """What a relay says of itself while its disk is full."""

    async def ready(_: web.Request) -> web.Response:
        return web.json_response({"status": "degraded", "journal": "disk", "live_calls": 3})

    app = web.Application()
    app.router.add_get("/.relayproxy/readyz", ready)
    server = TestServer(app)
    async with server:
        yield server


async def test_the_relay_is_asked_itself(tmp_path: Path, relay: TestServer) -> None:
    settings = Settings(data_dir=tmp_path / "none", listen=f"127.0.0.1:{relay.port}")
    reader, writer = open_reader(settings.database), AnnotationWriter(open_engine(settings.database))
    async with TestClient(TestServer(build(settings, Queries(reader), writer))) as client:
        body = await health(client)
    assert body["relay"] == {
        "url": f"http://127.0.0.1:{relay.port}",
        "problem": None,
        "status": "degraded",
        "journal": "disk",
        "live_calls": 3,
    }
    assert checks(body)["relay"] == "bad"
    reader.dispose()
    writer.close()


def test_the_page_changes_in_place(visit: OpenPage, heartbeat_writer: HeartbeatWriter, archive: Archive) -> None:
    Call(archive, ago(60)).setup().commit()
    heartbeat_writer.write(PROCESS, HEARTBEAT, time.time_ns() + 3600 * 10**9)
    page = visit("/health")
    recorder = page.locator("#check-recorder")
    assert "good" in (recorder.get_attribute("class") or "")
    heartbeat_writer.write(PROCESS, HEARTBEAT, ago(42))
    page.locator("#sentence", has_text="The recorder has not reported for").wait_for()
    assert "bad" in (recorder.get_attribute("class") or "")
    assert page.title().startswith("✕")
    page.get_by_role("button", name="Pause").click()
    heartbeat_writer.write(PROCESS, HEARTBEAT, time.time_ns() + 3600 * 10**9)
    assert page.get_by_role("button", name="Paused").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Paused").click()
    page.locator("#check-recorder.good").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
