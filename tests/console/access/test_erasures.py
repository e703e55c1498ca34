"""Erasing calls from the console: shown, confirmed, carried out and receipted; by admins alone."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine

from relayproxy.console.app import build
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch, JournalRow
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deleter import Deleter
from relayproxy.store.write.deletion.lost_folders import folders, forget_folder, note_lost
from tests.console.conftest import Client
from tests.console.door import OTHER, PASSWORD, console_on, settings_in, sign_in
from tests.console.samples import CALLER, ago, booking, failing
from tests.databases import migrated

DAY = 86_400
NUMBER = "+1 (555) 010-0001"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", backend="wss://agent.example.com/ws")


@pytest.fixture
async def client(settings: Settings, queries: Queries, writer: AnnotationWriter) -> AsyncIterator[Client]:
    async with TestClient(TestServer(build(settings, queries, writer))) as client:
        yield client


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = open_engine(settings.database)
    yield engine
    engine.dispose()


async def asked(client: Client, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    told: dict[str, Any] = await answer.json()
    assert answer.status == status, told
    return told


def carry_out(engine: Engine) -> None:
    Deleter(engine, lambda _seconds: True).erase()


async def test_what_would_go_is_shown_then_confirmed_and_a_receipt_is_left(
    archive: Archive, client: Client, engine: Engine
) -> None:
    calls = [booking(archive, ago(3 * DAY)).commit(), booking(archive, ago(2 * DAY)).commit()]
    other = failing(archive, ago(DAY)).commit()

    shown = await asked(client, "/api/erasures/preview", {"number": NUMBER})
    assert (shown["sessions"], shown["live"], shown["notes"]) == (2, 0, 0)
    assert shown["oldest"] < shown["newest"]
    assert archive.session(calls[0].id) is not None, "nothing is erased by it"
    ordered = await asked(client, "/api/erasures", {"number": NUMBER, "confirm": shown["confirm"]}, 202)
    assert (ordered["state"], ordered["scope"], ordered["actor"]) == ("open", "number", "local")
    carry_out(engine)

    told = await (await client.get(f"/api/erasures/{ordered['id']}")).json()
    assert (told["state"], told["sessions"], told["messages"]) == ("done", 2, shown["messages"])
    assert [archive.session(call.id) is None for call in (*calls, other)] == [True, True, False]
    assert CALLER not in str(told)
    listed = await (await client.get("/api/erasures")).json()
    assert listed == {"items": [told], "next": None}
    audit = await (await client.get("/api/audit?action=erase")).json()
    assert [entry["subject"] for entry in audit["items"]] == [ordered["id"]]


async def test_a_call_that_came_while_somebody_read_goes_too_and_is_told(
    archive: Archive, client: Client, engine: Engine
) -> None:
    calls = [booking(archive, ago(3 * DAY)).commit()]
    shown = await asked(client, "/api/erasures/preview", {"number": NUMBER})
    calls.append(booking(archive, ago(DAY)).commit())

    ordered = await asked(client, "/api/erasures", {"number": NUMBER, "confirm": shown["confirm"]}, 202)
    carry_out(engine)

    assert [archive.session(call.id) for call in calls] == [None, None]
    told = await (await client.get(f"/api/erasures/{ordered['id']}")).json()
    assert (told["sessions"], told["shown"], told["more"]) == (2, 1, 1)
    assert "2, 1 more than were shown" in await (await client.get(f"/erasures/{ordered['id']}")).text()


async def test_a_receipt_says_which_journals_are_waited_for_and_which_machine_was_not_reached(
    archive: Archive, client: Client, engine: Engine
) -> None:
    call = booking(archive, ago(3 * DAY)).commit()
    Archive(engine, "0123456789abcdef").commit(Batch(journals=(JournalRow("j1", 2, 1),)))
    shown = await asked(client, "/api/erasures/preview", {"session": call.id})
    what = {"session": call.id, "confirm": shown["confirm"]}
    id = (await asked(client, "/api/erasures", what, 202))["id"]
    carry_out(engine)

    told = await (await client.get(f"/api/erasures/{id}")).json()
    assert (told["state"], told["sessions"], told["waiting_for_journals"]) == ("open", 1, 1)
    assert "Something of it still stands in 1 journal" in await (await client.get(f"/erasures/{id}")).text()
    assert "waits for 1 journal" in await (await client.get("/erase")).text()

    (lost,) = folders(engine)
    note_lost(engine, lost)
    forget_folder(engine, lost)
    carry_out(engine)
    told = await (await client.get(f"/api/erasures/{id}")).json()
    assert (told["state"], told["without"]) == ("done", ["0123456789abcdef"])
    receipt = await (await client.get(f"/erasures/{id}")).text()
    assert "A data folder or bucket that was given up as lost before it was done" in receipt
    assert "0123456789abcdef" in receipt


async def test_what_was_not_shown_is_not_erased(archive: Archive, client: Client, engine: Engine) -> None:
    call = booking(archive, ago(3 * DAY)).commit()
    shown = await asked(client, "/api/erasures/preview", {"session": call.id})

    refused = await asked(client, "/api/erasures", {"number": NUMBER, "confirm": shown["confirm"]}, 409)
    carry_out(engine)

    assert refused["error"]["code"] == "changed"
    assert archive.session(call.id)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "One of number, session, before is expected."),
        ({"number": NUMBER, "session": "VX1"}, "One of number, session, before is expected."),
        ({"number": "555"}, "number: a number with its country code is expected"),
        ({"before": "soon"}, "before: a day such as 2026-10-01"),
        ({"session": " "}, "session: an id of a session, a VX id or a call SID is expected"),
        ({"number": 5}, "The body is not what is expected"),
    ],
)
async def test_what_is_not_clear_is_refused(archive: Archive, client: Client, body: dict[str, Any], said: str) -> None:
    told = await asked(client, "/api/erasures/preview", body, 400)

    assert told["error"]["message"].startswith(said)


async def test_the_page_goes_through_the_same_two_steps_without_script(
    archive: Archive, client: Client, engine: Engine
) -> None:
    call = booking(archive, ago(3 * DAY)).commit()
    page = await (await client.get(f"/sessions/{call.id}")).text()
    assert f'href="/erase?session={call.id}"' in page
    form = await (await client.get(f"/erase?session={call.id}")).text()
    assert f'value="{call.id}"' in form
    assert 'value="session" checked' in form
    assert "Nothing has been erased yet." in form

    what = {"scope": "session", "sought": call.id, "route": ""}
    preview = await (await client.post("/erase", data=FormData(what))).text()
    assert "This cannot be brought back" in preview
    found = re.search(r'name="confirm" value="(1-[0-9a-f]{32})"', preview)
    assert found is not None
    answer = await client.post("/erase", data=FormData({**what, "confirm": found[1]}), allow_redirects=False)
    assert answer.status == 303
    where = answer.headers["Location"]
    assert "Under way" in await (await client.get(where)).text()
    carry_out(engine)

    receipt = await (await client.get(where)).text()
    assert "Done" in receipt
    assert CALLER not in receipt
    assert "1 session" in await (await client.get("/erase")).text()
    wrong = await client.post("/erase", data=FormData({**what, "scope": "number"}))
    assert wrong.status == 400
    assert "with its country code is expected" in await wrong.text()


async def test_only_admins_may(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data")
    migrated(settings.database)
    async with console_on(settings) as client:
        await sign_in(client, "alice", PASSWORD)
        for method, path in (
            ("get", "/erase"),
            ("post", "/erase"),
            ("get", "/erasures/x"),
            ("get", "/api/erasures"),
            ("post", "/api/erasures"),
            ("post", "/api/erasures/preview"),
            ("get", "/api/erasures/x"),
        ):
            answer = await client.request(method, path, json={"session": "x"} if method == "post" else None)
            assert answer.status == 403, path
    async with console_on(settings) as client:
        await sign_in(client, "root", OTHER)
        assert (await client.get("/erase")).status == 200
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert (await client.post("/erase", data=FormData({"scope": "session"}), headers=foreign)).status == 403
