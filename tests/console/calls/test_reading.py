"""What an earlier version stored can still be read."""

import msgspec
import pytest
from sqlalchemy import Integer, text

from relayproxy.conversation.model import Conversation, Interruption, Turn
from relayproxy.recordings.stored import stored_call
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import tables
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


def old(struct: type[msgspec.Struct], value: dict[str, object]) -> dict[str, object]:
    """The value with those fields alone that were there before the fold told heard from unheard."""
    needed = {field.name for field in msgspec.structs.fields(struct) if field.required}
    return {name: part for name, part in value.items() if name in needed}


def test_turns_and_sessions_without_the_newer_fields_decode(archive: Archive) -> None:
    conversation = samples.booking(archive, samples.ago(100)).commit().fold.conversation()
    stored = msgspec.to_builtins(conversation)
    for turn in stored["turns"]:
        turn["interruptions"] = [old(Interruption, cut) for cut in turn["interruptions"]]
    stored["turns"] = [{**old(Turn, turn), "response_latency_ms": 720, "gone": 1} for turn in stored["turns"]]

    read = msgspec.convert(old(Conversation, stored), Conversation)

    assert [turn.caller_text for turn in read.turns] == [turn.caller_text for turn in conversation.turns]
    assert read.turns[2].interrupted
    assert {turn.response_latency_ms for turn in read.turns} == {None}


async def test_what_cannot_be_read_is_left_out_and_counted(
    client: Client, archive: Archive, settings: Settings
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    spoil(settings, "UPDATE turns SET packed = x'01ff' WHERE session = :id AND number = 2", call.id)
    spoil(settings, "UPDATE turns SET detail = '{}', packed = NULL WHERE session = :id AND number = 5", call.id)

    async with client.get(f"/sessions/{call.id}") as response:
        page = await response.text()
    assert response.status == 200
    assert "2 turns of these cannot be read" in page
    assert 'id="turn-1"' in page
    assert 'id="turn-2"' not in page
    async with client.get(f"/api/sessions/{call.id}") as response:
        document = await response.json()
    assert (len(document["turns"]), document["unreadable_turns"], document["turns_next"]) == (4, 2, None)
    async with client.get(f"/api/sessions/{call.id}/turns", params={"after": "1", "limit": "1"}) as response:
        assert await response.json() == {"items": [], "next": "2", "unreadable": 1}
    async with client.get(f"/sessions/{call.id}/timeline") as response:
        assert [row[0] for row in (await response.json())["turns"]] == [0, 1, 3, 4]
    async with client.get(f"/sessions/{call.id}/recording?format=text") as response:
        assert "I'd like to book a table" in await response.text()


async def test_a_session_whose_details_cannot_be_read_shows_what_its_row_says(
    client: Client, archive: Archive, settings: Settings
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    spoil(settings, "UPDATE sessions SET packed = x'01ff' WHERE id = :id", call.id)

    async with client.get(f"/sessions/{call.id}") as response:
        page = await response.text()
    assert response.status == 200
    assert "only its main facts are shown" in page
    assert samples.CALLER in page
    assert 'id="turn-2"' in page
    async with client.get(f"/api/sessions/{call.id}") as response:
        document = await response.json()
    assert (document["from"], document["handoff"] is not None) == (samples.CALLER, False)


async def test_of_a_connection_that_cannot_be_read_its_session_shows_the_rest(
    client: Client, archive: Archive, settings: Settings, queries: Queries
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    spoil(settings, "UPDATE connections SET opening = '{}', ending = '[' WHERE id = :id", call.id)

    async with client.get(f"/sessions/{call.id}") as response:
        page = await response.text()
    assert response.status == 200
    assert page.count("How it opened or ended cannot be read") == 1
    assert 'id="turn-2"' in page
    async with client.get(f"/api/sessions/{call.id}") as response:
        [connection] = (await response.json())["connections"]
    assert (connection["route"], connection["peer"], connection["messages"] > 0) == ("bookings", "", True)
    assert stored_call(queries, call.id).conversation.totals.turns == 6


@pytest.mark.parametrize("damage", ["", "[]", '{"a":', '{"a": 1e400}'])
async def test_parameters_and_a_handoff_that_cannot_be_read_are_null_in_a_list_that_has_all_calls(
    client: Client, archive: Archive, settings: Settings, damage: str
) -> None:
    sound, hurt = (samples.booking(archive, samples.ago(ago)).commit() for ago in (200, 100))
    spoil(settings, f"UPDATE sessions SET custom_parameters = '{damage}', handoff = '{damage}' WHERE id = :id", hurt.id)

    async with client.get("/api/sessions") as response:
        first, second = (await response.json())["items"]
    assert (first["id"], first["custom_parameters"], first["handoff"]) == (
        hurt.id, None, {"reason_code": "live-agent"},
    )  # fmt: skip
    assert (second["id"], second["custom_parameters"]["plan"], second["handoff"]) == (
        sound.id, "gold", {"reason_code": "live-agent"},
    )  # fmt: skip
    for path in (f"/api/sessions/{hurt.id}", f"/api/compare?a={hurt.id}&b={sound.id}", "/sessions"):
        async with client.get(path) as response:
            assert response.status == 200, path


@pytest.mark.parametrize("column", ["custom_parameters", "from_number", "route", "outcome", "end_reason"])
async def test_a_damaged_byte_in_a_text_of_one_call_is_shown_as_that_beside_all_others(
    client: Client, archive: Archive, settings: Settings, column: str
) -> None:
    sound, hurt = (samples.booking(archive, samples.ago(ago)).commit() for ago in (200, 100))
    spoil(settings, f"UPDATE sessions SET {column} = CAST(x'22ff6122' AS TEXT) WHERE id = :id", hurt.id)
    spoil(settings, "UPDATE turns SET caller_text = CAST(x'61ff' AS TEXT) WHERE session = :id", hurt.id)

    for path in ("/sessions", "/api/sessions", "/api/overview", "/api/facets", "/insight", f"/sessions/{hurt.id}"):
        async with client.get(path) as response:
            assert response.status == 200, path
            page = await response.text()
            assert sound.id in page or "sessions" not in path.rpartition("/")[2], path


@pytest.mark.parametrize("damage", ["'x'", "x'00ff'", "1e300"])
@pytest.mark.parametrize("table", ["sessions", "connections", "turns"])
async def test_what_is_no_number_in_the_place_of_one_takes_no_page_away(
    client: Client, archive: Archive, settings: Settings, table: str, damage: str
) -> None:
    sound, hurt = (samples.booking(archive, samples.ago(ago)).commit() for ago in (200, 100))
    numbers = [column.name for column in tables.metadata.tables[table].c if isinstance(column.type, Integer)]
    changed = ", ".join(
        f"{name} = {damage}" for name in numbers if name not in ("id", "ended_at", "content_deleted_at")
    )
    row = "id = :id" if table == "sessions" else f"rowid = (SELECT max(rowid) FROM {table} WHERE session = :id)"
    spoil(settings, f"UPDATE {table} SET {changed} WHERE {row}", hurt.id)

    lists = ("/sessions", "/sessions?sort=-latency", "/api/sessions", "/sessions/overview", "/insight", "/api/insight")
    of_it = (f"/sessions/{hurt.id}{part}" for part in ("", "/timeline", "/messages", "/recording"))
    for path in (*lists, *of_it, f"/api/sessions/{hurt.id}"):
        async with client.get(path) as response:
            assert response.status == 200, path
            page = await response.text() if path in lists[:3] else sound.id
            assert sound.id in page


def spoil(settings: Settings, statement: str, id: str) -> None:
    engine = open_engine(settings.database)
    with engine.begin() as db:
        db.execute(text(statement), {"id": id})
    engine.dispose()
