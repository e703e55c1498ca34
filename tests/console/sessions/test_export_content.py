"""What is in a file: the whole document, or a transcript that reads like one."""

import json
import re
import zlib

import pytest

from relayproxy.console.calls.reading import read_session
from relayproxy.console.sessions.documents import session_file, turn_items
from relayproxy.console.sessions.export_content import DOCUMENT_END, FORMS, Gzip, document_head, joined
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client
from tests.console.sessions.answers import got


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


async def test_a_document_is_whole_however_its_turns_come(archive: Archive, queries: Queries) -> None:
    session = await read_session(queries, samples.booking(archive, samples.ago(100)).commit().id, 0, 500)
    assert session is not None
    head, turns = document_head(session_file(session, (), 0)), [*turn_items(session, session.turns)]
    some = (joined(turns[:2], first=True), joined((), first=False), joined(turns[2:], first=False))

    told = json.loads(b"".join((head, *some, DOCUMENT_END)))
    assert [turn["number"] for turn in told["turns"]] == [turn.number for turn in session.turns]
    assert json.loads(b"".join((head, joined((), first=True), DOCUMENT_END))) == told | {"turns": []}


def test_what_is_compressed_piece_by_piece_is_one_file() -> None:
    gzip = Gzip()
    packed = b"".join([*(gzip.piece(b"%d\n" % number) for number in range(1000)), gzip.end()])

    assert zlib.decompress(packed, 31) == b"".join(b"%d\n" % number for number in range(1000))


def test_every_form_has_a_media_type_and_an_end_of_its_own() -> None:
    assert len({end for _, end in FORMS.values()}) == len(FORMS)
    assert all("/" in media_type and end.startswith(".") for media_type, end in FORMS.values())
