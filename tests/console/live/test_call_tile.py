"""The party that is awaited, and the last words of each."""

from relayproxy.console.live.call_tile import SAID, CallTile, call_tile, tile_document
from relayproxy.settings.model import Settings
from relayproxy.store.read.live import live_calls
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.calls.test_reading import spoil
from tests.console.conftest import Client
from tests.console.samples import S


def shown(queries: Queries, call: samples.Call) -> CallTile:
    call.commit()
    return call_tile(live_calls(queries, [call.id])[call.id], 2000)


def state(made: CallTile) -> str:
    assert made.awaited
    return made.awaited.whose


def test_a_prompt_without_an_answer_waits_since_it_came(archive: Archive, queries: Queries) -> None:
    call = samples.Call(archive).setup().asks(4.0, "Is anybody there?")
    made = shown(queries, call)
    assert made.awaited is not None
    assert (made.awaited.whose, made.awaited.since) == ("agent", call.began + 4 * S)
    assert (made.caller, made.agent, made.slow_ms, made.live) == ("Is anybody there?", "", 2000, True)


def test_an_answer_under_way_and_its_end(archive: Archive, queries: Queries) -> None:
    call = samples.Call(archive, samples.ago(60)).setup().asks(1.0, "Hello?").answers(1.5, "Good morning", last=False)
    assert state(shown(queries, call)) == "answering"
    made = shown(queries, call.backend(1.9, "text", token=" to you.", last=True))
    assert made.agent == "Good morning to you."
    assert state(made) in ("speaking", "caller")


def test_a_key_is_what_the_caller_said_last(archive: Archive, queries: Queries) -> None:
    call = samples.Call(archive).setup().asks(1.0, "Hello?").answers(1.5, "Press a key.").twilio(5, "dtmf", digit="4")
    made = shown(queries, call)
    assert (made.caller, made.agent, state(made)) == ("pressed 4", "Press a key.", "agent")


def test_before_anything_is_said_the_caller_is_awaited(archive: Archive, queries: Queries) -> None:
    made = shown(queries, samples.Call(archive).setup())
    assert (made.caller, made.agent, state(made)) == ("", "", "caller")


def test_the_greeting_is_what_the_agent_said(archive: Archive, queries: Queries) -> None:
    assert shown(queries, samples.Call(archive).setup().plays(2.0, "Welcome!")).agent == "Welcome!"


def test_of_a_long_speech_its_end_is_shown_from_a_word_on(archive: Archive, queries: Queries) -> None:
    text = " ".join(f"word{number}" for number in range(60))
    made = shown(queries, samples.Call(archive).setup().asks(1.0, "Go on").answers(1.5, text))
    assert made.agent.endswith("word58 word59")
    assert made.agent.startswith("…word")
    assert len(made.agent) <= SAID + 1


def test_an_ended_call_awaits_nobody(archive: Archive, queries: Queries) -> None:
    made = shown(queries, samples.failing(archive, samples.ago(100)))
    assert (made.awaited, made.live, made.caller) == (
        None,
        False,
        "Hello? Are you still there? I will call again later.",
    )


async def test_what_cannot_be_read_of_a_call_is_left_out_and_the_others_are_there(
    client: Client, archive: Archive, queries: Queries, settings: Settings
) -> None:
    samples.Call(archive).setup().asks(1.0, "Is all well?").commit()
    call = samples.Call(archive).setup().asks(1.0, "Hello?").answers(1.5, "Good morning.").asks(4.0, "Are you there?")
    call.commit()
    spoil(settings, "UPDATE turns SET packed = x'01ff' WHERE session = :id AND number = 2", call.id)
    made = call_tile(live_calls(queries, [call.id])[call.id], 2000)
    assert (made.live, made.caller, made.agent) == (True, "Hello?", "Good morning.")

    spoil(settings, "UPDATE sessions SET packed = x'01ff' WHERE id = :id", call.id)
    made = call_tile(live_calls(queries, [call.id])[call.id], 2000)
    assert (made.live, made.awaited, made.caller) == (True, None, "Hello?")
    async with client.get("/live") as response:
        page = await response.text()
        assert (response.status, page.count("Who is awaited cannot be read")) == (200, 1)
        assert "Is all well?" in page
    async with client.get("/api/live") as response:
        assert [one["awaited"] is None for one in (await response.json())["items"]].count(True) == 1


def test_the_document_says_the_same(archive: Archive, queries: Queries) -> None:
    call = samples.Call(archive).setup().asks(4.0, "Is anybody there?")
    document = tile_document(shown(queries, call), call.began + 9 * S)
    assert document.id == call.id
    assert (document.said.caller, document.said.agent) == ("Is anybody there?", "")
    assert document.awaited is not None
    assert (document.awaited.state, document.awaited.awaited_ms) == ("agent", 5000)
    assert document.awaited.since_ns == call.began + 4 * S


def test_words_that_are_held_back_are_told_and_nobody_waits_for_them(archive: Archive, queries: Queries) -> None:
    call = samples.Call(archive, samples.ago(20)).setup().asks(1.0, "Hello?")
    made = shown(queries, call.holds("twilio"))
    assert (made.held, state(made)) == (("twilio",), "agent")
    made = shown(queries, call.holds("backend", "twilio"))
    assert (made.held, state(made)) == (("backend", "twilio"), "answering")
    assert tile_document(made, samples.ago(0)).held == ("backend", "twilio")
    assert shown(queries, call.hang_up(5)).held == ()
