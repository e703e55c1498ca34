"""A recorded call is made again from its page, to a backend of the settings, and compared."""

import re
from typing import Any

import pytest

from relayproxy.console.replays import making
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.compare.calls import shown
from tests.console.conftest import Client
from tests.console.contract import ask, refused
from tests.console.replays.asking import replayed
from tests.supervisor.serving import until


async def test_it_becomes_a_session_beside_the_recorded_one(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    assert f'href="/sessions/{call.id}/replay">Replay against …' in await shown(client, f"/sessions/{call.id}")
    page = await shown(client, f"/sessions/{call.id}/replay")
    assert 'value="next"' in page
    assert "goldfinch" not in page

    path, page = await replayed(client, call.id, "next")

    made = path.removeprefix(f"/compare?a={call.id}&b=")
    assert "no such turn" in page
    (session,) = (await ask(client, "listSessions", "q=is:imported"))["items"]
    assert session["id"] == made
    assert session["route"] == "next"
    (note,) = (await ask(client, "listNotes", id=made))["items"]
    told = rf"Replay of {call.id} to next\. It diverged at turn \d of the recorded call\.$"
    assert re.match(told, note["text"])
    assert {one["action"] for one in (await ask(client, "listAudit"))["items"]} >= {"replay"}


async def test_a_live_call_and_an_unknown_backend_are_refused(client: Client, archive: Archive) -> None:
    live = samples.Call(archive, samples.ago(5)).setup().commit()
    assert "Replay against" not in await shown(client, f"/sessions/{live.id}")
    assert "has not ended yet" in await shown(client, f"/sessions/{live.id}/replay")
    for target, problem in (("next", "has not ended yet"), ("other", "target=other: the name of a table")):
        answer = await client.post(f"/sessions/{live.id}/replay", data={"target": target})
        assert answer.status == 400
        assert problem in await answer.text()
    assert "knows no such replay" in await shown(client, "/replays/nothing", 404)


async def test_one_that_is_under_way_can_be_hung_up_on(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "SPEED", 0.01)
    call = samples.booking(archive, samples.ago(100)).commit()
    answer = await client.post(f"/sessions/{call.id}/replay", data={"target": "next"}, allow_redirects=False)
    page = await client.post(answer.headers["Location"])
    assert "It was hung up on, and nothing of it is kept." in await page.text()
    assert (await ask(client, "listSessions", "q=is:imported"))["items"] == []


async def test_programs_can_do_the_same(client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    run = await ask(client, "startReplay", body={"target": "next"}, id=call.id)

    async def over() -> Any:
        found = await ask(client, "getReplay", run=run["id"])
        return found if found["state"] not in ("waits", "under_way") else None

    found = await until(over)
    assert (found["state"], found["session"], found["problem"]) == ("over", call.id, None)
    assert (await ask(client, "listSessions", "q=is:imported"))["items"][0]["id"] == found["made"]

    monkeypatch.setattr(making, "SPEED", 0.01)
    run = await ask(client, "startReplay", body={"target": "next", "fill": True}, id=call.id)
    await ask(client, "stopReplay", run=run["id"])
    assert (await ask(client, "getReplay", run=run["id"]))["state"] == "stopped"
    assert (
        await refused(client, "post", f"/api/sessions/{call.id}/replay", 400, json={"target": "other"}) == "bad_request"
    )
    assert await refused(client, "get", "/api/replays/nothing", 404) == "not_found"
