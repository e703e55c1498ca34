"""The timeline's rows."""

from typing import Any

import msgspec
from sqlalchemy import text

from relayproxy.console.calls.drawing.timeline import COLUMNS, MAX_EVENT_TEXT, UNANSWERED, WAITS, event
from relayproxy.store.engine import writing
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


async def fetched(client: Client, id: str, query: str = "", prefix: str = "") -> dict[str, Any]:
    async with client.get(f"{prefix}/sessions/{id}/timeline{query}") as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        return dict(await response.json())


def rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    assert answer["columns"] == list(COLUMNS)
    return [dict(zip(answer["columns"], row, strict=True)) for row in answer["turns"]]


def spoken(archive: Archive, began: int) -> samples.Call:
    """A call with speaker events and one slow answer that is interrupted by a key."""
    call = samples.Call(archive, began).setup()
    call.twilio(1.0, "info", name="clientSpeaking", value="on").twilio(2.0, "info", name="clientSpeaking", value="off")
    call.asks(2.3, "Is anybody there?").answers(4.8, "Yes, of course.", every=0.1)
    call.twilio(5.1, "info", name="agentSpeaking", value="on")
    call.twilio(6.0, "dtmf", digit="7").interrupts(6.1, "Yes,", 900)
    return call.twilio(6.2, "info", name="agentSpeaking", value="off")


async def test_a_row_says_when_everything_of_a_turn_happened(client: Client, archive: Archive) -> None:
    call = spoken(archive, samples.ago(60)).hang_up(9).commit()

    answer = await fetched(client, call.id)
    row = rows(answer)[1]
    assert {name: row[name] for name in ("number", "spoke", "asked", "answered", "streamed")} == {
        "number": 1,
        "spoke": [[1000, 2000, 0]],
        "asked": 2300,
        "answered": 4800,
        "streamed": 5000,
    }
    assert row["latency"] == 2500
    assert row["heard"] == [[5100, 6100, 0]]
    assert row["flags"] == 0
    assert [(at, kind) for at, kind, _ in row["events"] if kind != "warning"][:2] == [
        (2300, "prompt"),
        (6100, "caller_dtmf"),
    ]
    assert ("warning", "Slow answer") in [(kind, text) for _, kind, text in row["events"]]
    assert (answer["length_ms"], answer["live"], answer["slow_turn_ms"]) == (9020, False, 2000)
    assert answer["started_at_ns"] == call.began


async def test_the_parts_of_the_budget_sum_to_the_time_between_the_two_sounds(client: Client, archive: Archive) -> None:
    call = spoken(archive, samples.ago(60)).commit()
    row = rows(await fetched(client, call.id))[1]
    assert row["budget"] == [3000, 1, 24_999, 1, 2999]
    assert sum(row["budget"]) == (5100 - 2000) * 10


async def test_keys_alone_are_no_speech(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(60)).setup()
    call.twilio(3, "dtmf", digit="1").twilio(4, "dtmf", digit="2").hang_up(8).commit()
    row = rows(await fetched(client, call.id))[-1]
    assert (row["spoke"], row["asked"]) == ([], 4000)
    assert [event for event in row["events"] if event[1] == "dtmf"] == [[3000, "dtmf", "1"], [4000, "dtmf", "2"]]
    assert row["flags"] == UNANSWERED


async def test_joined_prompts_are_a_bar_each_and_the_wait_between_them_is_unanswered(
    client: Client, archive: Archive
) -> None:
    call = samples.Call(archive, samples.ago(60)).setup()
    call.asks(3, "Please cancel").asks(8, "Hello, still there?").answers(8.2, "Done.").hang_up(12).commit()
    row = rows(await fetched(client, call.id))[1]
    assert row["spoke"] == [[2133, 3000, 1], [6733, 8000, 1]]
    assert row["unanswered"] == [[3000, 6733]]
    assert (row["asked"], row["answered"]) == (8000, 8200)


async def test_without_speaker_events_speech_is_estimated(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(60)).commit()
    answer = await fetched(client, call.id)
    row = rows(answer)[1]
    assert row["flags"] == 0
    assert row["spoke"] == [[5600, 6200, 1]]
    assert row["asked"] == 6200
    assert [kind for _, kind, _ in answer["events"]] == ["end"]


async def test_only_what_may_have_changed_is_asked_for_again(client: Client, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(30)).setup()
    for number in range(6):
        call.asks(1 + number * 4, "Next?").answers(2 + number * 4, f"Answer {number}.")
    call.commit()
    first = await fetched(client, call.id)
    assert first["live"]
    assert first["length_ms"] >= 30_000
    assert 0 < first["settled"] < len(first["turns"]) == first["turns_total"]

    call.asks(26, "And now?").commit()
    second = await fetched(client, call.id, f"?first={first['settled']}")
    numbers = [row["number"] for row in rows(second)]
    assert numbers == list(range(first["settled"], second["turns_total"]))
    assert rows(second)[-1]["flags"] & WAITS
    assert rows(second)[-1]["until"] is None


async def test_programs_get_the_same(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(60)).commit()
    assert await fetched(client, call.vx, prefix="/api") == await fetched(client, call.id)
    async with client.get("/api/sessions/nope/timeline") as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "not_found"
    async with client.get(f"/api/sessions/{call.id}/timeline?first=x") as response:
        assert response.status == 400


async def test_it_is_compressed_for_whoever_takes_it_so(client: Client, archive: Archive) -> None:
    call = spoken(archive, samples.ago(60)).hang_up(9).commit()
    found: dict[str | None, bytes] = {}
    for accepted in ("gzip, br", "identity"):
        async with client.get(f"/sessions/{call.id}/timeline", headers={"Accept-Encoding": accepted}) as response:
            assert response.headers["Vary"] == "Accept-Encoding"
            found[response.headers.get("Content-Encoding")] = await response.read()

    assert found["gzip"] == found[None]  # the client has unpacked it
    assert rows(msgspec.json.decode(found[None]))[1]["asked"] == 2300


async def test_a_turn_that_cannot_be_read_is_left_out(client: Client, archive: Archive) -> None:
    call = spoken(archive, samples.ago(60)).asks(8, "And tomorrow?").answers(9, "Yes.").hang_up(10).commit()
    before = [row["number"] for row in rows(await fetched(client, call.id))]
    with writing(archive._engine).begin() as db:
        db.execute(text("UPDATE turns SET packed = substr(packed, 1, 9) WHERE number = 1"))

    assert 1 in before
    assert [row["number"] for row in rows(await fetched(client, call.id))] == [one for one in before if one != 1]


async def test_a_call_that_did_not_get_through_has_no_rows(client: Client, archive: Archive) -> None:
    call = samples.refused(archive, samples.ago(60)).commit()
    answer = await fetched(client, call.id)
    assert [row["latency"] for row in rows(answer)] in ([], [None])


async def test_a_link_leads_to_the_slowest_turn(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(60)).commit()
    async with client.get(f"/sessions/{call.vx}/slowest", allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"] == f"/sessions/{call.id}?turn=2#turn-2"
    async with client.get(f"/sessions/{call.id}") as response:
        assert f'href="/sessions/{call.id}/slowest"' in await response.text()


def test_long_texts_are_cut_and_say_so() -> None:
    assert event(5_400_000, 0, "prompt", "x" * 99) == (5, "prompt", "x" * (MAX_EVENT_TEXT - 1) + "…")
    assert len(msgspec.json.encode(event(0, 0, "dtmf", "1"))) < 20
