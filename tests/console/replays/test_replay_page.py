"""A recorded call is made again from its page, to a backend of the settings, and compared."""

import asyncio
import os
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import make_url

from relayproxy.console.replays import making
from relayproxy.lab.replay.process import NICE
from relayproxy.settings.model import Settings
from relayproxy.store.engine import sqlite_path
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.compare.calls import shown
from tests.console.conftest import Client
from tests.console.contract import ask, refused
from tests.console.replays.asking import replayed, until_over
from tests.console.replays.peer import Peer
from tests.running import Running
from tests.supervisor.serving import until


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
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
    assert session["route"] == "bookings"
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

    found = await until_over(client, run["id"])
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


def calling() -> set[int]:
    """The processes that this one has started to make calls."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            command = Path("/proc", child, "cmdline")
            if command.exists() and b"relayproxy.lab.replay.process" in command.read_bytes():
                found.add(int(child))
    return found


async def test_who_hangs_up_leaves_nothing_running(client: Client, archive: Archive, peer: Peer) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    run = await ask(client, "startReplay", body={"target": "peer"}, id=call.id)
    await asyncio.wait_for(peer.came.wait(), 30)
    (process,) = calling()
    assert os.getpriority(os.PRIO_PROCESS, process) >= NICE
    await ask(client, "stopReplay", run=run["id"])
    assert calling() == set()
    assert "It was hung up on, and nothing of it is kept." in await shown(client, f"/replays/{run['id']}")
    await asyncio.wait_for(peer.went.wait(), 30)
    assert (await ask(client, "listSessions", "q=is:imported"))["items"] == []


async def test_a_call_that_is_being_kept_cannot_be_hung_up_on(
    client: Client, archive: Archive, settings: Settings
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    path = sqlite_path(make_url(settings.database))
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")  # nobody else can write meanwhile
        answer = await client.post(f"/sessions/{call.id}/replay", data={"target": "next"}, allow_redirects=False)
        run = answer.headers["Location"]

        async def being_kept() -> str | None:
            page = await shown(client, run)
            return page if "The call is over and is being kept." in page else None

        assert "Hang up" not in await until(being_kept)
        stopping = asyncio.create_task(refused(client, "delete", f"/api{run}", 409))
        await asyncio.sleep(0)
        db.execute("ROLLBACK")
    assert await stopping == "too_late"
    (kept,) = (await ask(client, "listSessions", "q=is:imported"))["items"]
    assert kept["id"] in await shown(client, run)


async def test_two_of_one_call_at_once_are_two_sessions(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    ends = await asyncio.gather(*(replayed(client, call.id, "next") for _ in range(2)))
    assert all(path.startswith(f"/compare?a={call.id}&b=") for path, _ in ends)
    made = {one["id"] for one in (await ask(client, "listSessions", "q=is:imported"))["items"]}
    assert made == {path.partition("&b=")[2] for path, _ in ends}
    assert len(made) == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_replay_ends_with_its_console(
    archive: Archive, settings: Settings, peer: Peer, tmp_path: Path, number: signal.Signals
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    target = {"backend": peer.url, "allow_side_effects": "true"}
    env = {f"RELAYPROXY_REPLAY_TARGETS__peer__{name.upper()}": value for name, value in target.items()}
    console = await asyncio.to_thread(
        Running, "console", data_dir=settings.data_dir, env=env, console="127.0.0.1:0", backend="ws://127.0.0.1:9"
    )
    try:
        async with aiohttp.ClientSession(console.url) as http:
            async with http.post(f"/api/sessions/{call.id}/replay", json={"target": "peer"}) as answer:
                assert answer.status == 202, await answer.text()
            await asyncio.wait_for(peer.came.wait(), 30)
    finally:
        await asyncio.to_thread(console.stop, number)
    await asyncio.wait_for(peer.went.wait(), 30)
