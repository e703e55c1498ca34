"""A call whose content was deleted: its page and API say so, and its numbers are there as before."""

import re

from relayproxy.store.engine import open_engine, writing
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deletion import Deletion
from tests.console.conftest import Client
from tests.console.samples import Call, ago, booking

DAY = 86_400


def with_deleted_content(archive: Archive, url: str) -> Call:
    call = booking(archive, ago(31 * DAY)).commit()
    engine = open_engine(url)
    with writing(engine).begin() as db:
        Deletion(call.id, whole=False).work(db, lambda: False)
    engine.dispose()
    return call


async def test_a_call_whose_content_was_deleted_says_so_and_keeps_its_numbers(archive: Archive, client: Client) -> None:
    before = booking(archive, ago(30 * DAY)).commit()
    known = await (await client.get(f"/api/sessions/{before.id}")).json()
    call = with_deleted_content(archive, str(archive._engine.url))

    page = await (await client.get(f"/sessions/{call.id}")).text()
    told = await (await client.get(f"/api/sessions/{call.id}")).json()

    assert re.search(r"What was said in this call was deleted on \d{4}-\d\d-\d\d, 31 days after its end\.", page)
    assert "Call whose content was deleted" in page
    assert page.count("<i>deleted</i>") >= 8
    assert "keys, deleted" in page
    assert re.search(r"<b>Ends the session</b> and hands off: <code><bdi>live-agent<", page)
    assert told["connections"][0]["request_headers"] == []
    assert re.search(r"\d+ messages of this call were deleted with what was said", page)
    assert "Harbour" not in page + str(told)
    assert "+15550100001" not in page + str(told)
    assert told["content_deleted_at"]
    assert told["totals"] == known["totals"]
    assert [turn["response_latency_ms"] for turn in told["turns"]] == [
        turn["response_latency_ms"] for turn in known["turns"]
    ]
    assert known["content_deleted_at"] is None


async def test_its_recording_and_messages_are_gone_with_the_reason(archive: Archive, client: Client) -> None:
    call = with_deleted_content(archive, str(archive._engine.url))

    for path in ("/recording", "/recording?format=text", "/messages"):
        answer = await client.get(f"/api/sessions/{call.id}{path}")
        assert answer.status == 410
        error = (await answer.json())["error"]
        assert error["code"] == "content_deleted"
        assert "31 days after its end" in error["message"]
    numbers = await client.get(f"/api/sessions/{call.id}/recording?format=json")
    assert numbers.status == 200
    assert len((await numbers.json())["turns"]) > 3


async def test_filters_and_charts_go_on_working(archive: Archive, client: Client) -> None:
    call = with_deleted_content(archive, str(archive._engine.url))

    for query in ("route:bookings", "is:handoff", "transition:success", "reason:live-agent", "lang:es-ES"):
        found = await (await client.get("/api/sessions", params={"q": query})).json()
        assert [one["id"] for one in found["items"]] == [call.id], query
    for query in ("number:+15550100001", "harbour", "param.plan:gold"):
        found = await (await client.get("/api/sessions", params={"q": query})).json()
        assert found["items"] == [], query
    page = await (await client.get("/sessions")).text()
    assert "content deleted" in page
    assert (await (await client.get("/api/overview")).json()) is not None
