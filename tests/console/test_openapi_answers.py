"""What the API really answers is what its OpenAPI document says: every endpoint, over calls of every kind."""

import io
import re
from pathlib import Path
from typing import Any

import pytest

from relayproxy.console.openapi import document
from relayproxy.console.operations import OPERATIONS
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.read.health.heartbeat import (
    Heartbeat,
    HeartbeatWriter,
    JournalHeartbeat,
    OtlpHeartbeat,
    RelayHeartbeat,
)
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.contract import ask, pages, refused
from tests.console.door import BEARER, console_on, settings_in, sign_in
from tests.console.fortnight import record
from tests.databases import migrated


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # Nothing listens on port 1.
    return Settings(
        data_dir=tmp_path / "data",
        backend="ws://127.0.0.1:1",
        listen="127.0.0.1:1",
        public_url="ws://127.0.0.1:1",
        routes={"bookings": {"backend": "ws://127.0.0.1:1/ws"}},  # type: ignore[dict-item]
        alerts={"1": {"kind": "disk", "above": 0.9999}},  # type: ignore[dict-item]
    )


BODIES: dict[str, dict[str, Any]] = {
    "addTag": {"tag": "a"},
    "addNote": {"text": "a"},
    "previewErasure": {"session": "a"},
    "orderErasure": {"session": "a", "confirm": "a"},
    "silenceAlert": {"minutes": 5},
    "startReplay": {"target": "next"},
}
"""What the operations that take one are sent."""


QUERIES = {"completeFilter": "?q=route:", "compareSessions": "?a=1&b=2"}
"""What the operations that need one are asked, where nothing is recorded."""


def everything(archive: Archive) -> dict[str, samples.Call]:
    """Calls of every kind."""
    live = samples.Call(archive, samples.ago(40), route="bookings").setup(call_sid="CA1")
    live.asks(5, "Is anybody there?").answers(5.6, "Yes.").asks(20, "And the refund?")
    wrong = samples.Call(archive, samples.ago(50)).setup(call_sid="CA1")
    wrong.text(1, "backend", '{"type":"txt","token":"Hi"}').twilio(2, "prompt", voicePrompt="Hi", lang="en", last=True)
    wrong.answers(3, "**Hello** [there](https://example.com/a)").backend(4, "end", handoffData={"a": [1]})
    return {
        "booking": samples.booking(archive, samples.ago(900)).commit(),
        "failing": samples.failing(archive, samples.ago(800)).commit(),
        "refused": samples.refused(archive, samples.ago(700)).commit(),
        "odd": samples.odd(archive, samples.ago(600)).commit(),
        "wrong": wrong.hang_up(4.5).commit(),
        "live": live.commit(),
        "silent": samples.Call(archive, samples.ago(5)).commit(),
    }


async def test_a_session_is_as_it_says(client: Client, archive: Archive) -> None:
    for call in everything(archive).values():
        await told(client, call)


async def told(client: Client, call: samples.Call) -> None:
    """All that can be asked of a session is as the document says."""
    found = await ask(client, "getSession", id=call.id)
    turns = await ask(client, "listTurns", id=call.id)
    assert turns["items"] == found["turns"]
    await ask(client, "listMessages", id=call.id)
    await ask(client, "listSpans", id=call.id)
    await ask(client, "listMessages", "from=twilio&type=setup&type=prompt&text=e", id=call.id)
    timeline = await ask(client, "getTimeline", id=call.id)
    await ask(client, "getTimeline", f"first={timeline['settled']}", id=call.id)
    file = await ask(client, "downloadSession", "format=json", id=call.id)
    assert file["turns"] == found["turns"]
    assert (await ask(client, "downloadSession", id=call.id)).startswith(b"\x1f\x8b")
    assert b"Recording" in await ask(client, "downloadSession", "format=text", id=call.id)


async def test_two_sessions_side_by_side_are_as_they_say(client: Client, archive: Archive) -> None:
    calls = everything(archive)
    booking = calls["booking"]
    for kind, other in calls.items():
        found = await ask(client, "compareSessions", f"a={booking.vx}&b={other.id}")
        assert (found["a"]["id"], found["b"]["id"]) == (booking.id, other.id)
        assert (found["text"] == "Nothing differs.") is (kind == "booking")
        one_by_one = [
            turn
            async for items in pages(client, "compareSessions", f"a={booking.id}&b={other.id}", 1)
            for turn in items
        ]
        assert one_by_one == found["items"], kind


async def test_lists_are_as_they_say(client: Client, archive: Archive) -> None:
    calls = everything(archive)
    assert len((await ask(client, "listSessions"))["items"]) == len(calls)
    assert (await ask(client, "listSessions", "q=%22booking+number%22"))["items"][0]["hits"]
    assert len((await ask(client, "getCall", call_sid="CA1"))["items"]) == 2
    assert {item["awaited"]["state"] for item in (await ask(client, "listLive"))["items"]} == {"agent", "caller"}
    assert (await ask(client, "getFacets", "q=transition:failed"))["items"]
    for text in ("", "tra", "transition:f", "turns:", "param.", "since:", "route:b"):
        await ask(client, "completeFilter", f"q={text}&at={len(text)}")
    assert (await ask(client, "getOverview"))["items"]


INSIGHT = (
    "",
    "q=since:14d",
    "q=since:14d&by=route",
    "by=param.release",
    "a=since:7d&b=since:14d+until:7d",
    "q=turns:>99",
)


async def test_numbers_over_many_calls_are_as_they_say(client: Client, archive: Archive) -> None:
    everything(archive)
    record(archive, samples.ago(0), a_day=12)
    for query in INSIGHT:
        await ask(client, "getInsight", query)
    await ask(client, "getOverview", "q=since:14d")


async def test_numbers_over_no_calls_are_as_they_say(client: Client, archive: Archive) -> None:
    assert archive.sessions() == 0
    for query in ("", "by=tag", "a=route:x&b=-route:x"):
        await ask(client, "getInsight", query)
    for id in ("getOverview", "listSessions", "getFacets", "completeFilter", "listLive", "listTags", "listAudit"):
        await ask(client, id)


async def test_what_people_add_is_as_it_says(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    assert await ask(client, "addTag", body={"tag": "To do!"}, id=call.id) == {"tag": "to-do"}
    note = await ask(client, "addNote", body={"text": "Ask them."}, id=call.vx)
    assert (await ask(client, "listTags"))["items"] == ["to-do"]
    assert (await ask(client, "listSessionTags", id=call.id))["items"] == ["to-do"]
    assert (await ask(client, "listNotes", id=call.id))["items"] == [note]
    await ask(client, "deleteNote", id=call.id, note=str(note["id"]))
    await ask(client, "removeTag", id=call.id, tag="to-do")
    await ask(client, "downloadSession", id=call.id)
    actions = [entry["action"] for entry in (await ask(client, "listAudit"))["items"]]
    assert actions == ["export", "untag", "delete_note", "note", "tag", "view"]
    assert len((await ask(client, "listAudit", f"action=note&actor=local&subject={call.id}"))["items"]) == 1


async def test_erasures_are_as_they_say(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    shown = await ask(client, "previewErasure", body={"session": call.vx})
    assert shown["sessions"] == 1
    ordered = await ask(client, "orderErasure", body={"session": call.vx, "confirm": shown["confirm"]})
    assert await ask(client, "getErasure", erasure=ordered["id"]) == ordered
    assert (await ask(client, "listErasures"))["items"] == [ordered]
    assert [entry["action"] for entry in (await ask(client, "listAudit", "action=erase"))["items"]] == ["erase"]


async def test_health_and_connecting_are_as_they_say(client: Client, archive: Archive) -> None:
    assert (await ask(client, "getHealth"))["recorders"] == []
    everything(archive)
    for query in ("", "check=1", "check=0"):
        found = await ask(client, "getConnect", query)
    assert [way["checks"]["public"]["state"] for way in found["items"]] == ["bad", "bad"]
    assert {way["last_call"] is None for way in found["items"]} == {False}


@pytest.mark.parametrize("trouble", [False, True])
async def test_what_recorders_report_is_as_it_says(
    client: Client, archive: Archive, settings: Settings, trouble: bool
) -> None:
    journals = (
        JournalHeartbeat(
            "20261124T061203-1f2e3d4c", True, 1, 4096, 17, 0, RelayHeartbeat("relay", 7, "ready", 3, "1.0")
        ),
    )
    otlp = OtlpHeartbeat("http://127.0.0.1:1", 1, 2, 3, *((samples.ago(9), "connection refused") if trouble else ()))
    late: dict[str, Any] = {
        "trouble": "locked",
        "trouble_at": samples.ago(3),
        "commit_at": samples.ago(5),
        "commit_ms": 1.5,
    }
    heartbeat = Heartbeat("1", "here", 1, 2, "/data", journals=journals, otlp=otlp, **(late if trouble else {}))
    writer = HeartbeatWriter(open_engine(settings.database))
    writer.write("recorder:here:1-1", heartbeat)
    writer.close()
    assert archive.sessions() == 0
    assert len((await ask(client, "getHealth"))["recorders"]) == 1


async def test_without_a_database(client: Client) -> None:
    assert (await ask(client, "getHealth"))["database"] is None
    await ask(client, "getConnect")
    for one in OPERATIONS:
        if one.id in ("getHealth", "getConnect", "getOpenAPI", "getReplay", "stopReplay"):
            continue
        # Fields are known without one, their values are not.
        path = re.sub(r"\{\w+\}", "1", one.path) + QUERIES.get(one.id, "")
        assert await refused(client, one.method, path, 503, json=BODIES.get(one.id)) == "not_ready", one.id


async def test_errors_are_as_they_say(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    for one in OPERATIONS:
        if "{" in one.path and one.method == "get":
            assert await refused(client, "get", re.sub(r"\{\w+\}", "nobody", one.path), 404) == "not_found"
        assert await refused(client, "patch", re.sub(r"\{\w+\}", "x", one.path), 405) == "method_not_allowed"
    session = f"/api/sessions/{call.id}"
    for path in (f"{session}/notes/99", f"{session}/notes/x", f"{session}/tags/none"):
        await refused(client, "delete", path, 404)
    for path in ("/api", "/api/", "/api/nothing", "/api/sessions/"):
        await refused(client, "get", path, 404)
    for path in (
        "/api/sessions?limit=0",
        "/api/sessions?before=1",
        "/api/sessions?q=nonsense:1",
        "/api/audit?before=x",
        "/api/overview?q=nonsense:1",
        "/api/insight?q=nonsense:1",
        "/api/insight?a=live",
        "/api/insight?by=nonsense",
        "/api/compare",
        "/api/compare?a=1",
        f"/api/compare?a={call.id}&b={call.id}&after=x",
        "/api/facets?q=nonsense:1",
        "/api/complete?at=-1",
        f"{session}/turns?after=x",
        f"{session}/messages?after=x",
        f"{session}/messages?from=x",
        f"{session}/messages?text={'x' * 201}",
        f"{session}/timeline?first=x",
        f"{session}/recording?format=x",
    ):
        assert await refused(client, "get", path, 400) == "bad_request"
    bodies: tuple[Any, ...] = ({}, {"tag": 1}, {"tag": "!"}, [], "x")
    for body in bodies:
        await refused(client, "post", f"{session}/tags", 400, json=body)
    assert await refused(client, "post", f"{session}/notes", 413, data=io.BytesIO(b"x" * 1_100_000)) == "too_large"


async def test_who_may_ask(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    # Where sign-outs are looked up.
    migrated(settings.database)
    async with console_on(settings) as client:
        for one in OPERATIONS:
            path = re.sub(r"\{\w+\}", "x", one.path)
            assert await refused(client, one.method, path, 401) == "sign_in_required"
        wrong = {"Authorization": "Bearer rp_wrong"}
        assert await refused(client, "get", "/api/openapi.json", 401, headers=wrong) == "wrong_token"
        assert await refused(client, "get", "/api/audit", 403, headers=BEARER) == "forbidden"
        assert await refused(client, "get", "/api/connect?check=1", 403, headers=BEARER) == "forbidden"
        foreign = {**BEARER, "Origin": "https://elsewhere.example"}
        assert await refused(client, "get", "/api/health", 403, headers=foreign) == "cross_origin"
        assert [one.id for one in OPERATIONS if one.admin] == [
            "importRecording", "startReplay", "getReplay", "stopReplay",
            "listAudit", "previewErasure", "orderErasure", "listErasures", "getErasure",
        ]  # fmt: skip
        assert await sign_in(client) == 303
        schemes = document()["components"]["securitySchemes"]
        assert {cookie.key for cookie in client.session.cookie_jar} == {schemes["cookie"]["name"]}
        await ask(client, "getOpenAPI")
