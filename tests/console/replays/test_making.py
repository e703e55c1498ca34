"""What comes of a replay, by which rules it is kept, and why nothing does."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from relayproxy.console.replays import making
from relayproxy.recordings.stored import stored_call
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deleter import Deleter
from tests.console import samples
from tests.console.compare.calls import shown
from tests.console.conftest import Client
from tests.console.contract import ask
from tests.console.replays.asking import replayed, until_over
from tests.console.replays.peer import Line, Peer
from tests.databases import details_in

CARD = "4111 1111 1111 1111"
BOTH = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = open_engine(settings.database)
    yield engine
    engine.dispose()


def asked(archive: Archive, text: str = "Hello?", **opening: Any) -> samples.Call:
    """A call over the route of the bookings in which the caller says one thing."""
    call = samples.Call(archive, samples.ago(100), route="bookings", opening=opening).setup()
    return call.asks(2.0, text).hang_up(5.0).commit()


async def none_kept(client: Client) -> bool:
    found: list[Any] = (await ask(client, "listSessions", "q=is:imported"))["items"]
    return not found


async def tells(line: Line) -> None:
    """Says a card number, and hands over with a name."""
    await line.accept()
    await line.send(
        {"type": "text", "token": f"Your card is {CARD}.", "last": True},
        {"type": "end", "handoffData": json.dumps({"reasonCode": "done", "customer": "Rosalind"})},
    )


@BOTH
@pytest.mark.parametrize("more", [{"routes": {"bookings": {"backend": "ws://b", "redact_fields": "customer"}}}])
async def test_it_is_kept_as_the_calls_of_the_recorded_calls_route_are(
    client: Client, archive: Archive, peer: Peer, queries: Queries
) -> None:
    peer.talk = tells
    call = asked(archive)
    path, page = await replayed(client, call.id, "peer")
    assert path.startswith("/compare?"), page
    assert CARD not in page

    made = stored_call(queries, path.partition("&b=")[2])
    assert {one.opening.route for one in made.connections} == {"bookings"}
    texts = "\n".join(message.text or "" for one in made.connections for message in one.messages)
    assert "Your card is" in texts
    assert "1111 1111" not in texts.replace("1111.", "")
    assert "Rosalind" not in texts


@pytest.mark.parametrize("more", [{"record": "full"}])
async def test_of_a_call_that_was_recorded_without_secrets_none_is_kept_now(
    client: Client, archive: Archive, peer: Peer, settings: Settings
) -> None:
    peer.talk = tells
    call = asked(archive, record="redacted")
    path, page = await replayed(client, call.id, "peer")
    assert path.startswith("/compare?"), page
    assert CARD not in page
    for file in settings.data_dir.rglob("*"):
        assert not file.is_file() or CARD.encode() not in file.read_bytes()
    assert CARD.encode() not in details_in(settings.data_dir / "relayproxy.db")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"routes": {"bookings": {"backend": "ws://b", "record": "none"}}}, "Nothing is recorded of calls"),
        ({"redact_names": "en_core_web_lg"}, "Names of people are masked in calls"),
    ],
)
async def test_what_could_not_be_kept_is_not_begun(client: Client, archive: Archive, peer: Peer, told: str) -> None:
    await is_not_begun(client, asked(archive).id, told)
    assert peer.calls == 0


async def test_what_was_recorded_without_words_is_not_begun(client: Client, archive: Archive, peer: Peer) -> None:
    await is_not_begun(client, asked(archive, record="metadata").id, "The call was recorded without words")
    assert peer.calls == 0


async def test_a_call_that_was_never_connected_is_neither_offered_nor_begun(
    client: Client, archive: Archive, peer: Peer
) -> None:
    call = samples.refused(archive, samples.ago(60)).commit()
    assert "Replay against" not in await shown(client, f"/sessions/{call.id}")
    await is_not_begun(client, call.id, "The call was never connected")
    assert peer.calls == 0


async def is_not_begun(client: Client, id: str, told: str) -> None:
    page = await shown(client, f"/sessions/{id}/replay")
    assert told in page, page.partition("<main")[2][:900]
    assert 'name="target"' not in page
    answer = await client.post(f"/sessions/{id}/replay", data={"target": "peer"})
    assert answer.status == 400
    assert told in await answer.text()


async def refuses(line: Line) -> None:
    await line.refuse()


async def resets_at_once(line: Line) -> None:
    line.reset()


async def floods(line: Line) -> None:
    await line.accept()
    while True:
        await line.send({"type": "text", "token": "la " * 2_000_000, "last": False})


@pytest.mark.parametrize(
    ("talk", "told"),
    [
        (refuses, "The backend of peer was not reached: handshake answered with 403."),
        (resets_at_once, "The backend of peer was not reached:"),
        (floods, "The call to peer was cut off: the backend sent more than 32 MB in one call."),
    ],
)
async def test_of_a_backend_that_misbehaves_it_is_said_how(
    client: Client, archive: Archive, peer: Peer, talk: Any, told: str
) -> None:
    peer.talk = talk
    call = asked(archive)
    path, page = await replayed(client, call.id, "peer")
    assert path.startswith("/replays/")
    assert told in page, page.partition("<main")[2][:900]
    assert await none_kept(client)
    await asyncio.wait_for(peer.went.wait(), 30)


async def test_a_backend_that_resets_in_the_middle_of_the_call_leaves_a_session(
    client: Client, archive: Archive, peer: Peer
) -> None:
    async def resets(line: Line) -> None:
        await line.accept()
        await line.send({"type": "text", "token": "Hello.", "last": True})
        line.reset()

    peer.talk = resets
    path, page = await replayed(client, asked(archive).id, "peer")
    assert path.startswith("/compare?"), page
    (session,) = (await ask(client, "listSessions", "q=is:imported"))["items"]
    assert session["outcome"] == "backend_disconnect"


async def test_a_backend_that_hangs_is_given_up(
    client: Client, archive: Archive, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def beeps(line: Line) -> None:
        await line.accept()
        while True:
            await line.send({"type": "play", "source": "https://media.example.com/beep.mp3", "loop": 0})
            await asyncio.sleep(0.1)

    monkeypatch.setattr(making, "LONGEST", 0.5)
    peer.talk = beeps
    path, page = await replayed(client, asked(archive).id, "peer")
    assert path.startswith("/replays/")
    assert "The call to peer was cut off: the call was not over after 0 s." in page
    await asyncio.wait_for(peer.went.wait(), 30)


async def test_of_a_call_that_is_erased_meanwhile_nothing_is_kept(
    client: Client, archive: Archive, peer: Peer, engine: Engine
) -> None:
    call = asked(archive)
    came, erased = asyncio.Event(), asyncio.Event()

    async def waits(line: Line) -> None:
        await line.accept()
        came.set()
        await erased.wait()
        await line.send({"type": "end"})

    peer.talk = waits
    run = await ask(client, "startReplay", body={"target": "peer"}, id=call.id)
    await asyncio.wait_for(came.wait(), 30)
    shown_first = await ask(client, "previewErasure", body={"number": samples.CALLER})
    await ask(client, "orderErasure", body={"number": samples.CALLER, "confirm": shown_first["confirm"]})
    Deleter(engine, lambda _seconds: True).erase()
    erased.set()

    over = await until_over(client, run["id"])
    assert (over["state"], over["made"]) == ("failed", None)
    assert "could not be kept: there is no session" in over["problem"]
    assert await none_kept(client)


async def test_why_none_came_of_it_is_said(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    path, page = await replayed(client, call.id, "away")
    assert path.startswith("/replays/")
    assert "The backend of away was not reached:" in page

    masked = samples.Call(archive, samples.ago(50)).setup()
    masked.asks(2.0, "My card is ••••.").hang_up(5.0).commit()
    _, page = await replayed(client, masked.id, "next")
    assert "what the caller said is masked" in page
    assert "Test values can be filled in there." in page
    path, page = await replayed(client, masked.id, "next", fill="on")
    assert path.startswith("/compare?"), page
