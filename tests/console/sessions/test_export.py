"""Downloads: whole, readable again, and never all in memory."""

import asyncio
import gzip
from collections.abc import Iterator

import pytest
from aiohttp import ClientPayloadError

from relayproxy.console.sessions import export_pieces
from relayproxy.console.sessions.export_content import FORMS
from relayproxy.conversation.recording import read_recording
from relayproxy.lab.scenarios.reading import read
from relayproxy.recordings import stored
from relayproxy.store.errors import StoreError
from relayproxy.store.read.queries import Queries
from relayproxy.store.write import chunks
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.sessions.answers import got
from tests.patience import PATIENCE


async def test_a_recording_holds_every_message_as_it_was(client: Client, archive: Archive, prefix: str) -> None:
    call = samples.odd(archive, samples.ago(100)).commit()
    body, media_type, name = await got(client, f"{prefix}/sessions/{call.id}/recording")

    assert (media_type, name) == ("application/gzip", f"{call.vx}.relayproxy.jsonl.gz")
    header, messages = read_recording(gzip.decompress(body).splitlines())
    assert (header.id, header.session_id, header.complete) == (call.id, call.vx, True)
    assert header.produced_by.startswith("relayproxy ")
    assert header.connections[0].opening == call.opened
    assert header.connections[0].ending == call.ending
    assert [found.message for found in messages] == [*archive.messages(call.id)]


async def test_stored_parts_and_chunks_are_joined(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "PART_BYTES", 2000)
    call = samples.Call(archive, samples.ago(100)).setup()
    for number in range(40):
        call.asks(1 + number, f"Question number {number}, please").answers(1.5 + number, "Yes.").commit()
    body, _, _ = await got(client, f"/sessions/{call.id}/recording")
    _, messages = read_recording(gzip.decompress(body).splitlines())

    assert [found.message.seq for found in messages] == [*range(121)]


async def test_a_live_call_gives_what_there_is(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(10)).setup().asks(1, "Hello?").commit()
    body, _, _ = await got(client, f"/sessions/{call.id}/recording")
    header, messages = read_recording(gzip.decompress(body).splitlines())

    assert not header.complete
    assert len([*messages]) == 2


async def test_what_cannot_be_given_is_said(client: Client, archive: Archive, prefix: str) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()

    body, _, _ = await got(client, f"{prefix}/sessions/{call.id}/recording?format=pdf", 400)
    assert b"format=pdf: jsonl, json, text, scenario is expected." in body
    await got(client, f"{prefix}/sessions/nobody/recording", 404)


async def test_a_database_that_is_away_is_an_answer_of_its_own(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreError("the database is locked")

    call = samples.booking(archive, samples.ago(100)).commit()
    monkeypatch.setattr(Queries, "session", away)
    body, _, _ = await got(client, f"/api/sessions/{call.id}/recording", 503)
    assert b"the database is locked" in body


# A scenario is made before any of it is sent.
@pytest.mark.parametrize("form", [form for form in FORMS if form != "scenario"])
@pytest.mark.parametrize("problem", [StoreError("the database is locked"), RuntimeError("a bug")])
async def test_a_file_that_stops_half_way_is_not_taken_for_a_whole_one(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch, form: str, problem: Exception
) -> None:
    def fails(*_: object) -> None:
        raise problem

    call = samples.booking(archive, samples.ago(100)).commit()
    monkeypatch.setattr(Queries, "turns", fails)
    monkeypatch.setattr(stored, "stored_lines", fails)
    with pytest.raises(ClientPayloadError):
        await got(client, f"/sessions/{call.id}/recording?format={form}")


async def test_a_reader_who_leaves_stops_the_reading(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless(_: Queries, *__: object) -> Iterator[bytes]:
        try:
            while True:
                yield bytes(1_000_000)
        finally:
            loop.call_soon_threadsafe(stopped.set)

    call = samples.booking(archive, samples.ago(100)).commit()
    monkeypatch.setitem(export_pieces.MAKERS, "text", endless)
    response = await client.get(f"/sessions/{call.id}/recording?format=text")
    await response.content.readany()
    response.close()

    await asyncio.wait_for(stopped.wait(), PATIENCE)


async def test_a_session_can_be_saved_as_a_scenario(client: Client, archive: Archive, prefix: str) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    body, media_type, name = await got(client, f"{prefix}/sessions/{call.id}/recording?format=scenario")

    assert (media_type, name) == ("application/yaml", f"{call.vx}.scenario.yaml")
    assert [turn.dtmf for turn in read(body.decode(), name).turns if turn.dtmf] == ["471#"]


async def test_a_call_that_simulate_would_not_read_is_no_scenario(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_pieces, "MAX_CHARACTERS", 10_000)
    call = samples.Call(archive, samples.ago(50)).setup().asks(1, "and so on " * 1_100).hang_up(9).commit()
    async with client.get(f"/api/sessions/{call.id}/recording?format=scenario") as response:
        error = (await response.json())["error"]
    assert (response.status, error["code"]) == (422, "no_scenario")
    assert f"Session {call.id} is too long for a scenario: it would have 11," in error["message"]
    async with client.get(f"/sessions/{call.id}/recording?format=scenario") as page:
        assert page.status == 422
        assert "save its recording, which replay makes the call from." in await page.text()
