"""A script is performed at its moments of the conversation, whatever the backend's pace."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable

import pytest

from relayproxy.lab.replay.performing import Replayed, perform
from relayproxy.lab.replay.preparing import prepare
from relayproxy.lab.twilio.connection import Line
from tests.lab.backend import Backend, backend
from tests.lab.replay.recorded import of_script

SPEED = 50.0
HEAD = """
    0.000 twilio  setup sessionId=VX1 callSid=CA1 plan=gold from=+15550100007 to=+15550100008
"""
HANGS_UP = """
    30.00 twilio  close 1000 'Closing websocket session'
    30.05 -       gone first=twilio twilio=eof backend=eof
"""
ASKS_FOR_A_TABLE = (
    HEAD
    + """
    1.000 twilio  prompt "A table." last
    1.500 backend text "For which day?" last
    1.900 twilio  info agentSpeaking on
    2.500 twilio  info agentSpeaking off
    4.000 twilio  info clientSpeaking on
    4.000 twilio  prompt "Tomorr"
    5.000 twilio  prompt "Tomorrow." last
    5.500 backend text "Done." last
    5.900 twilio  info agentSpeaking on
    6.500 twilio  info agentSpeaking off
    7.000 twilio  close 1000 'Closing websocket session'
    7.050 -       gone first=twilio twilio=eof backend=eof
"""
)


async def replayed(
    call: str, talk: Callable[[Backend], Awaitable[None]], *, patience: float = 30.0, keep_going: bool = False
) -> tuple[Replayed, Backend]:
    script = prepare(of_script(call), "VX1", {}, fill=False)
    async with backend(talk) as peer:
        line = Line(peer.url, speed=SPEED, patience=patience)
        return await perform(line, script, rng=random.Random(1), keep_going=keep_going), peer


def heard(peer: Backend) -> list[str]:
    """What the backend was told by the caller, without partial prompts."""
    told = [json.loads(frame) for frame in peer.frames]
    return [
        one.get("voicePrompt") or one.get("digit") or f"interrupt {one['utteranceUntilInterrupt']}"
        for one in told
        if one["type"] in ("dtmf", "interrupt") or (one["type"] == "prompt" and one["last"])
    ]


def answering(*answers: str, after: float = 0.0) -> Callable[[Backend], Awaitable[None]]:
    """A backend that answers final prompts with these texts, in their order."""

    async def talk(peer: Backend) -> None:
        for answer in answers:
            while not (await peer.next("prompt"))["last"]:
                pass
            await asyncio.sleep(after)
            await peer.send(type="text", token=answer, last=True)
        await peer.closed()

    return talk


@pytest.mark.parametrize("after", [0.0, 0.3])
async def test_a_slower_and_a_faster_backend_are_met_at_the_same_moments(after: float) -> None:
    result, peer = await replayed(ASKS_FOR_A_TABLE, answering("For which day?", "Done.", after=after))

    assert heard(peer) == ["A table.", "Tomorrow."]
    assert result.divergence is None
    assert result.call.ending == "hung_up"
    assert [turn.agent_text for turn in result.call.conversation.turns] == ["", "For which day?", "Done."]
    prompts = [one["voicePrompt"] for one in result.call.sent("prompt")]
    assert prompts == ["A table.", "Tomorr", "Tomorrow."], "partial prompts are those of the recording"


async def test_parties_stay_and_ids_are_new_and_a_header_says_that_it_is_a_replay() -> None:
    seen: dict[str, object] = {}

    async def talk(peer: Backend) -> None:
        assert peer.connection.request is not None
        seen.update(peer.connection.request.headers.raw_items())
        seen.update(await peer.next("setup"))
        await peer.closed()

    await replayed(HEAD + HANGS_UP, talk)

    assert seen["x-relayproxy-replay"] == "1"
    assert (seen["from"], seen["to"], seen["customParameters"]) == ("+15550100007", "+15550100008", {"plan": "gold"})
    assert seen["sessionId"] != "VX1"
    assert len(str(seen["sessionId"])) == 34
    assert seen["callSid"] != "CA1"


async def test_another_question_ends_the_call_before_a_stale_answer_is_given() -> None:
    asks = answering("What is your name?", "Done.")
    result, peer = await replayed(ASKS_FOR_A_TABLE, asks)

    assert heard(peer) == ["A table."]
    assert result.divergence is not None
    assert result.divergence.turn == 1
    assert result.divergence.reason == "it asked “What is your name?”, where it had asked “For which day?”"

    result, peer = await replayed(ASKS_FOR_A_TABLE, asks, keep_going=True)

    assert heard(peer) == ["A table.", "Tomorrow."]
    assert result.divergence is not None
    assert result.divergence.turn == 1, "the first one"


async def test_an_agent_that_says_nothing_any_more() -> None:
    result, _ = await replayed(ASKS_FOR_A_TABLE, answering(), patience=0.3)

    assert result.divergence is not None
    assert result.divergence.reason == "it said nothing, where it had said “For which day?”"


async def test_an_agent_that_ends_the_call_where_it_had_gone_on() -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("prompt")
        await peer.send(type="end")
        await peer.closed()

    result, _ = await replayed(ASKS_FOR_A_TABLE, talk)

    assert result.divergence is not None
    assert result.divergence.reason == "the call was over, where the caller had spoken"


async def test_the_caller_interrupts_after_as_many_characters() -> None:
    reply = "Soup of the day. Bread and butter and cheese and dessert and coffee."
    result, peer = await replayed(
        HEAD
        + f"""
        1.000 twilio  prompt "What is there?" last
        1.500 backend text "{reply}" last
        1.900 twilio  info agentSpeaking on
        2.700 twilio  info tokensPlayed "Soup of the day. "
        3.100 twilio  info tokensPlayed "Bread"
        3.100 twilio  interrupt "Bread" 300
        3.110 twilio  info agentSpeaking off
        3.900 twilio  prompt "Thanks." last
        4.000 backend text "Bye." last
        """
        + HANGS_UP,
        answering(f"Certainly. {reply}", "Bye."),
    )

    assert heard(peer)[0::2] == ["What is there?", "Thanks."]
    (cut,) = result.call.sent("interrupt")
    assert cut["utteranceUntilInterrupt"].startswith("Soup of")
    assert len("Soup of the day. Bread") <= len(result.call.heard) <= len("Soup of the day. Bread and butter")


@pytest.mark.parametrize(
    ("before", "now", "diverges"),
    [
        ("For which day would you like", "Sure. What is your name?", False),
        ("For which day? We are open until", "For which day? We have soup.", False),
        ("For which day? We are open until", "What is your name? We have soup.", True),
    ],
)
async def test_a_reply_that_was_cut_off_before_its_question_is_not_judged(
    before: str, now: str, diverges: bool
) -> None:
    result, _ = await replayed(
        HEAD
        + f"""
        1.000 twilio  prompt "A table." last
        1.500 backend text "{before}"
        1.900 twilio  info agentSpeaking on
        2.700 twilio  interrupt "For which" 300
        2.710 twilio  info agentSpeaking off
        3.900 twilio  prompt "Tomorrow." last
        4.000 backend text "Bye." last
        """
        + HANGS_UP,
        answering(now, "Bye."),
    )

    assert (result.divergence is not None) is diverges


async def test_who_asked_again_for_want_of_an_answer_does_not_when_there_is_one() -> None:
    call = (
        HEAD
        + """
        1.000 twilio  prompt "When are you open?" last
        5.500 twilio  prompt "When are you open, please?" last
        9.500 backend text "Until ten." last
        9.800 twilio  info agentSpeaking on
        10.50 twilio  info agentSpeaking off
        """
        + HANGS_UP
    )
    answered, peer = await replayed(call, answering("Until ten."))
    assert heard(peer) == ["When are you open?"]
    assert answered.left_out == (
        "turn 1: “When are you open, please?” was not said again: this time there was an answer",
    )
    assert answered.divergence is None

    async def slow(peer: Backend) -> None:
        for _ in range(2):
            await peer.next("prompt")
        await peer.send(type="text", token="Until ten.", last=True)
        await peer.closed()

    again, peer = await replayed(call, slow, patience=0.3)
    assert heard(peer) == ["When are you open?", "When are you open, please?"]
    assert again.left_out == ()


async def test_a_noise_stops_the_agent_again() -> None:
    reply = "Soup of the day. Bread and butter."
    result, _ = await replayed(
        HEAD
        + f"""
        1.000 twilio  prompt "What is there?" last
        1.500 backend text "{reply}" last
        1.900 twilio  info agentSpeaking on
        2.400 twilio  info clientSpeaking on
        2.400 twilio  interrupt "Soup of" 400
        2.410 twilio  info agentSpeaking off
        2.700 twilio  info clientSpeaking off
        """
        + HANGS_UP,
        answering(reply),
        patience=0.3,
    )

    (interrupt,) = result.call.sent("interrupt")
    assert interrupt["utteranceUntilInterrupt"].startswith("Soup of")
    assert [one["voicePrompt"] for one in result.call.sent("prompt")] == ["What is there?"]


async def test_the_session_goes_on_where_the_connection_was_made_again() -> None:
    setups = []

    async def talk(peer: Backend) -> None:
        setups.append(await peer.next("setup"))
        await peer.next("prompt")
        await asyncio.sleep(0.2)
        await peer.send(type="text", token="For how many?" if len(setups) == 1 else "Good.", last=True)
        await peer.closed()

    result, _ = await replayed(
        HEAD
        + """
        2.000 twilio  prompt "A table." last
        2.500 backend text "For how many?" last
        2.600 twilio  info agentSpeaking on
        3.600 twilio  info agentSpeaking off
        4.000 -       gone first=twilio twilio=reset backend=eof
        5.000 twilio@2 setup sessionId=VX1 callSid=CA1
        6.000 twilio@2 prompt "Two." last
        6.500 backend@2 text "Good." last
        8.000 twilio@2 close 1000 'Closing websocket session'
        8.050 -@2      gone first=twilio twilio=eof backend=eof
        """,
        talk,
    )

    assert len(result.call.connections) == 2
    assert setups[0]["sessionId"] == setups[1]["sessionId"]
    assert [turn.caller_text for turn in result.call.conversation.turns] == ["", "A table.", "Two."]
    assert result.divergence is None


async def test_a_reply_that_is_not_finished_is_not_talked_into() -> None:
    async def talk(peer: Backend) -> None:
        await peer.next("prompt")
        await peer.send(type="text", token="For which", last=False)
        await asyncio.sleep(0.4)
        assert not [frame for frame in peer.frames if "Tomorr" in str(frame)]
        await peer.send(type="text", token=" day?", last=True)
        while not (await peer.next("prompt"))["last"]:
            pass
        await peer.send(type="text", token="Done.", last=True)
        await peer.closed()

    result, peer = await replayed(ASKS_FOR_A_TABLE, talk)

    assert heard(peer) == ["A table.", "Tomorrow."]
    assert result.divergence is None
    assert "interrupt" not in {one["type"] for one in map(_json, peer.frames)}


def _json(frame: str | bytes) -> dict[str, str]:
    value: dict[str, str] = json.loads(frame)
    return value
