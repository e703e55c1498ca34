"""The pages on PostgreSQL, which refuses values that SQLite takes; and what is odd is wrong input on both."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import text

from relayproxy.console.access.audit_log import AuditLog
from relayproxy.console.app import build
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.audit import AuditEntry, read_entries
from tests.console import samples
from tests.console.conftest import Client
from tests.peers.postgres import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    described = Settings(data_dir=tmp_path / "data", backend="wss://agent.example.com/ws")
    if request.param == "postgresql":
        running: Server = request.getfixturevalue("postgres")
        url = running.migrated()
        yield described.model_copy(update={"database_url": url})
        running.give_back(url)
    else:
        yield described


@pytest.fixture
def booked(archive: Archive) -> samples.Call:
    other = samples.Call(archive, samples.ago(200), route="bookings").setup(call_sid="CA9")
    other.twilio(1, "prompt", voicePrompt="Hello", lang="en", last=True).commit()
    return samples.booking(archive, samples.ago(100)).commit()


@pytest.fixture
async def client(
    settings: Settings, queries: Queries, writer: AnnotationWriter, booked: samples.Call
) -> AsyncIterator[Client]:
    async with TestClient(TestServer(build(settings, queries, writer))) as client:
        yield client


async def status(client: Client, path: str) -> int:
    async with client.get(path, allow_redirects=False) as answer:
        body = await answer.text()
        assert "database_unavailable" not in body
        assert "internal_error" not in body
        return answer.status


PAGES = [
    "/sessions",
    "/sessions?facets",
    "/sessions/rows",
    "/sessions/facets",
    "/sessions/overview",
    "/live",
    "/insight",
    "/insight?by=tag",
    "/insight?by=param.plan&a=since:7d&b=since:14d",
    "/connect",
    "/health",
    "/audit",
    "/api/sessions",
    "/api/facets",
    "/api/complete?q=route:",
    "/api/overview",
    "/api/insight?by=route",
    "/api/tags",
    "/api/live",
    "/api/health",
    "/api/audit",
    "/sessions/{id}",
    "/sessions/{id}/messages?text=table",
    "/sessions/{id}/timeline",
    "/api/sessions/{id}",
    "/api/sessions/{id}/turns?limit=1",
    "/api/sessions/{id}/messages",
    "/api/sessions/{id}/spans",
    "/sessions/{id}/recording?format=text",
    "/calls/{call}",
    "/api/calls/{call}",
]


async def test_every_page_is_there(client: Client, booked: samples.Call) -> None:
    for path in PAGES:
        assert await status(client, path.format(id=booked.vx, call="CA9")) == 200, path


FILTERS = [
    "table",
    '"a table" tabl*',
    "turns:>0 duration:<1h latency:<100 p95:>0.1",
    "-is:live is:ended,handoff,noted,gap",
    "route:book* -route:bookings lang:en param.plan:gold finding:slow_turn tag:vip",
    "since:7d until:2030-01-01 on:today",
    f"turns:>{2**63 - 1}",
    f"code:{2**31} errors:<{2**40} latency:>99999999w",
    "tag:\0 from:\0* \0 param.\0:\0",
    "tag:\ud800",
]


async def test_every_filter_is_answered(client: Client) -> None:
    for path in ("/sessions", "/api/sessions", "/api/facets", "/api/overview", "/api/insight", "/api/complete"):
        for q in FILTERS:
            found = await status(client, f"{path}?q={quote(q.encode('utf-8', 'surrogatepass'))}")
            assert found == 200 or (found == 400 and "\0" in q), (path, q)


async def test_a_list_goes_on_where_it_ended(client: Client, booked: samples.Call) -> None:
    async with client.get("/api/sessions?limit=1") as answer:
        first = await answer.json()
    async with client.get("/api/sessions", params={"limit": 1, "before": first["next"]}) as answer:
        second = await answer.json()
    assert len({first["items"][0]["id"], second["items"][0]["id"], booked.id}) == 2


NOWHERE = [
    "/sessions/%00",
    "/sessions/%00/messages",
    "/sessions/%00/messages/0.1",
    "/sessions/%00/timeline",
    "/sessions/%00/annotations",
    "/sessions/%00/parts",
    "/sessions/%00/recording",
    "/sessions/%00/slowest",
    "/sessions/%00/live",
    "/sessions/%ff",
    "/sessions/%ed%a0%80",
    "/api/sessions/%00",
    "/api/sessions/%00/turns",
    "/api/sessions/%00/messages",
    "/api/sessions/%00/timeline",
    "/api/sessions/%00/tags",
    "/api/sessions/%00/notes",
    "/api/sessions/%00/recording",
    "/calls/%00",
    "/api/calls/%00",
    "/api/calls/%ed%a0%80",
    "/sessions/{id}/messages/99999999.999999999999999999",
]
ODD = [
    "/sessions?before=ended.0.%00",
    "/sessions?before=%00",
    "/sessions?before=ended.9223372036854775807.%ff",
    "/api/sessions?before=live.0.%00",
    "/sessions/rows?shown=%00,%ff&have=%00.1",
    "/insight?by=param.%00",
    "/api/insight?by=param.%00",
    "/insight?by=%00",
    "/insight?field=tag&value=%00",
    "/insight?a=tag:%00&b=tag:%ff",
    "/audit?action=%00",
    "/audit?actor=%00&subject=%ff",
    "/api/audit?actor=%00",
    "/api/audit?subject=%00&before=999999999999999999",
    "/live/stream/%00",
    "/api/sessions/{id}/turns?after=999999999",
    "/api/sessions/{id}/turns?after=9999999999",
    "/api/sessions/{id}/messages?after=999999999999.99999999999999999999",
    "/api/sessions/{id}/messages?text=%00&type=%00",
    "/sessions/{id}/messages?at=%00&time=%00",
    "/sessions/{id}/timeline?first=999999999",
    "/sessions/{id}?turn=999999999",
    "/static/%00/%00",
    "/api/complete?q=tag:%00&at=999999",
]


async def test_what_cannot_be_there_is_not_there(client: Client, booked: samples.Call) -> None:
    for path in NOWHERE:
        assert await status(client, path.format(id=booked.id)) == 404, path


async def test_odd_parameters_are_no_failure(
    client: Client, booked: samples.Call, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ODD:
        assert await status(client, path.format(id=booked.id)) in (200, 303, 400, 404), path
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def test_tags_and_notes_are_kept(client: Client, booked: samples.Call) -> None:
    path = f"/api/sessions/{booked.id}"
    async with client.post(f"{path}/tags", json={"tag": "a\0b"}) as answer:
        assert (answer.status, await answer.json()) == (201, {"tag": "a-b"})
    async with client.post(f"{path}/notes", json={"text": "a\0b"}) as answer:
        assert answer.status == 201
        note = await answer.json()
    assert note["text"] == "a\N{REPLACEMENT CHARACTER}b"
    async with client.post(f"/sessions/{booked.id}/notes", data={"text": "a\0b"}, allow_redirects=False) as answer:
        assert answer.status == 303
    async with client.delete(f"{path}/tags/%00") as answer:
        assert answer.status == 404
    for odd in ("999999999999999999", "9999999999999999999", "%00"):
        async with client.delete(f"{path}/notes/{odd}") as answer:
            assert answer.status == 404
    for gone in (f"{path}/tags/a-b", f"{path}/notes/{note['id']}"):
        async with client.delete(gone) as answer:
            assert answer.status == 204
    async with client.get("/api/audit") as answer:
        actions = [entry["action"] for entry in (await answer.json())["items"]]
    assert {"tag", "untag", "note", "delete_note"} <= set(actions)


async def test_a_mistake_of_ours_is_not_told_as_the_databases(
    client: Client, writer: AnnotationWriter, booked: samples.Call, caplog: pytest.LogCaptureFixture
) -> None:
    with writer.writing() as db:
        db.execute(text("ALTER TABLE notes RENAME COLUMN author TO writer"))
    async with client.get(f"/api/sessions/{booked.id}/notes") as answer:
        assert answer.status == 500
        assert (await answer.json())["error"]["code"] == "internal_error"
    assert "failed" in caplog.text


async def test_an_entry_that_cannot_be_written_takes_no_other_with_it(
    settings: Settings, archive: Archive, queries: Queries, writer: AnnotationWriter, caplog: pytest.LogCaptureFixture
) -> None:
    audit_log = AuditLog(writer)
    for number, actor in enumerate(["ann", "half \ud800", "bob", "\ud800", "cleo"]):
        audit_log.take(AuditEntry(time.time_ns(), actor, "view", f"s{number}", ""))
    task = asyncio.create_task(audit_log.run())
    await audit_log.settle(30)
    assert audit_log.waiting == 0
    audit_log.take(AuditEntry(time.time_ns(), "dora", "view", "s5", ""))
    await audit_log.settle(30)
    task.cancel()
    entries = (await asyncio.to_thread(read_entries, queries, 10)).entries[::-1]
    assert [entry.actor for entry in entries if entry.action == "view"] == ["ann", "bob", "cleo", "dora"]
    assert sum(int(entry.subject) for entry in entries if entry.action == "lost") == 2
    assert caplog.text.count("an entry of the audit could not be written") == 2
