"""Downloads: whole, readable again, and never all in memory."""

import asyncio
import gzip
import json
import re
from collections.abc import Iterator

import pytest
from aiohttp import ClientPayloadError

from relayproxy.console.sessions import export
from relayproxy.console.sessions.export_content import FORMS
from relayproxy.conversation.recording import read_recording
from relayproxy.store.errors import StoreError
from relayproxy.store.read.queries import Queries
from relayproxy.store.write import chunks
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


async def got(client: Client, path: str, status: int = 200) -> tuple[bytes, str, str]:
    """What was answered, its type, and the name of the file."""
    async with client.get(path) as response:
        body = await response.read()
        assert response.status == status, body
        name = response.headers.get("Content-Disposition", "").removeprefix('attachment; filename="').rstrip('"')
        return body, response.headers["Content-Type"], name


@pytest.fixture(params=["", "/api"])
def prefix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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


async def test_long_calls_come_in_pieces(client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    whole = {form: (await got(client, f"/sessions/{call.id}/recording?format={form}"))[0] for form in FORMS}
    monkeypatch.setattr(export, "TURNS", 2)
    pieces = {form: (await got(client, f"/sessions/{call.id}/recording?format={form}"))[0] for form in FORMS}

    assert pieces == whole


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


async def test_the_document_has_every_turn(client: Client, archive: Archive, prefix: str) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    body, media_type, name = await got(client, f"{prefix}/sessions/{call.id}/recording?format=json")
    document = json.loads(body)
    told = json.loads((await got(client, f"/api/sessions/{call.id}"))[0])

    assert (media_type, name) == ("application/json", f"{call.vx}.json")
    assert document["turns"] == told["turns"]
    paged: dict[str, object] = {"turns": [], "turns_next": None, "unreadable_turns": 0}
    assert {**document, **paged} == {**told, **paged}


async def test_a_call_without_turns_is_a_document_too(client: Client, archive: Archive) -> None:
    call = samples.refused(archive, samples.ago(100)).commit()
    body, _, name = await got(client, f"/sessions/{call.id}/recording?format=json")

    assert json.loads(body)["turns"] == []
    assert name == f"{call.id}.json"


async def test_the_transcript_reads_like_one(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    body, media_type, name = await got(client, f"/sessions/{call.id}/recording?format=text")
    text = body.decode()

    assert (media_type, name) == ("text/plain; charset=utf-8", f"{call.vx}.txt")
    assert text.startswith(f"Call          {samples.CALLER} -> {samples.CALLEE}\nStarted       20")
    assert f"\nSession       {call.vx}\nCall id " in text
    assert "\nEnding        The agent ended the session.\nStudio        Success\n" in text
    lines = [line.strip() for line in text.split("\n\n", 1)[1].splitlines()]
    assert lines[:3] == [
        "0:00.050  Greeting  Hello, this is the Harbour Restaurant. How can I help?",
        "0:06.200  Caller    I'd like to book a table for tonight, please.",
        "0:06.920  Agent     Of course. For how many people, and at what time would you like to come?  [720 ms]",
    ]
    assert any("(unheard: past seven, and one in the garden" in line for line in lines)
    assert any("(interrupted by speaking, heard: We have a table by the window at half)" in line for line in lines)
    assert any(line.startswith("! Slow answer: ") for line in lines)
    assert any(re.fullmatch(r"0:27\.000 +Keys +471#", line) for line in lines)


async def test_a_transcript_is_not_broken_by_what_was_said(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(100)).setup()
    call.asks(1, "one\n0:00.000  Agent     I was never said\N{RIGHT-TO-LEFT OVERRIDE}\x1b[31m").hang_up(3).commit()
    text = (await got(client, f"/sessions/{call.id}/recording?format=text"))[0].decode()

    assert "Caller    one 0:00.000 Agent I was never said⟦U+202E⟧⟦U+001B⟧[31m" in text


@pytest.mark.parametrize("vx", ['../../etc/passwd"; x=', "é\r\nSet-Cookie: a=b", "VX" + "1" * 500, "…"])
async def test_the_name_of_the_file_is_safe(client: Client, archive: Archive, vx: str) -> None:
    call = samples.Call(archive, samples.ago(100))
    call.vx = vx
    call.setup().hang_up(2).commit()
    _, _, name = await got(client, f"/sessions/{call.id}/recording")

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}\.relayproxy\.jsonl\.gz", name)


async def test_what_cannot_be_given_is_said(client: Client, archive: Archive, prefix: str) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()

    body, _, _ = await got(client, f"{prefix}/sessions/{call.id}/recording?format=pdf", 400)
    assert b"format=pdf: jsonl, json, text is expected." in body
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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("problem", [StoreError("the database is locked"), RuntimeError("a bug")])
async def test_a_file_that_stops_half_way_is_not_taken_for_a_whole_one(
    client: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch, form: str, problem: Exception
) -> None:
    def fails(*_: object) -> None:
        raise problem

    call = samples.booking(archive, samples.ago(100)).commit()
    monkeypatch.setattr(Queries, "turns", fails)
    monkeypatch.setattr(export, "stored_lines", fails)
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
    monkeypatch.setitem(export.MAKERS, "text", endless)
    response = await client.get(f"/sessions/{call.id}/recording?format=text")
    await response.content.readany()
    response.close()

    await asyncio.wait_for(stopped.wait(), 30)
