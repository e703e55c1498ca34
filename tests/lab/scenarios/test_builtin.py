"""Every scenario, played against the demo agent."""

import json
import random

import pytest

from relayproxy.errors import RelayproxyError
from relayproxy.lab.agent import server as agent
from relayproxy.lab.agent.restaurant import SLOW_MS
from relayproxy.lab.scenarios.builtin import CALLERS, FAULTS, find, names
from relayproxy.lab.scenarios.performing import perform
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.result import Caller, CallResult

SPEED = 50.0


async def made(name: str) -> CallResult:
    rng = random.Random(name)
    async with agent.serving(speed=SPEED) as url:
        line = Line(url, speed=SPEED, patience=30.0)
        return (await perform(line, find(name), caller=Caller.random(rng), rng=rng)).call


def finals(result: CallResult) -> list[str]:
    return [message["voicePrompt"] for message in result.sent("prompt") if message["last"]]


def handoff(result: CallResult) -> tuple[str, dict[str, str]]:
    ended = (result.ending, result.conversation.studio_transition, result.close_code)
    assert ended == ("ended", "success", 1000)
    data = json.loads(result.action["HandoffData"])
    return data["reasonCode"], data["booking"]


@pytest.mark.parametrize("name", names(CALLERS))
async def test_a_caller_reaches_the_end_of_the_script(name: str) -> None:
    result = await made(name)
    assert result.status == 101
    assert len(result.sent("setup")) == 1
    assert result.sent("error") == []
    assert result.problem is None
    assert finals(result) == [turn.user for turn in find(name).turns if turn.user is not None]
    keys = "".join(turn.dtmf or "" for turn in find(name).turns)
    assert "".join(message["digit"] for message in result.sent("dtmf")) == keys


async def test_a_booking() -> None:
    result = await made("book-a-table")
    party = {"party": "4", "day": "tomorrow", "time": "7:30", "name": "Ada Winter"}
    assert handoff(result) == ("booked", party)
    assert "Ada Winter. I have a table for 4 tomorrow at 7:30." in result.heard
    assert result.conversation.totals.response_latency.n == 6


async def test_an_impatient_caller_interrupts() -> None:
    result = await made("impatient")
    first, *_, last = result.sent("interrupt")
    assert len(first["utteranceUntilInterrupt"].split()) >= 4
    assert last["durationUntilInterruptMs"] > 0
    assert sum(message == {"type": "text", "token": "", "last": True} for message in result.received("text")) == len(
        result.sent("interrupt")
    )
    assert handoff(result)[1] == {"party": "2", "day": "friday", "time": "8:00"}


async def test_keys_only() -> None:
    result = await made("keypad")
    assert result.ending == "hung_up"
    assert [message["utteranceUntilInterrupt"] for message in result.sent("interrupt")] == ["Welcome to Trattoria"]
    assert "Press one to book a table" in result.heard
    assert "We are open from Tuesday to Sunday." in result.heard


async def test_a_handoff() -> None:
    result = await made("asks-for-a-person")
    assert handoff(result) == ("live-agent", {})
    assert result.heard.endswith("one of my colleagues.")


async def test_a_caller_who_hangs_up_in_the_middle() -> None:
    result = await made("hangs-up-mid-answer")
    assert (result.ending, result.conversation.outcome) == ("hung_up", "caller_hangup")
    assert result.sent("info")[-1] != {"type": "info", "name": "agentSpeaking", "value": "off"}


async def test_a_silent_caller() -> None:
    result = await made("silent")
    assert result.ending == "hung_up"
    assert {message.sender for message in result.messages} == {"twilio"}


async def test_words_that_are_revised() -> None:
    partials = [message["voicePrompt"] for message in (await made("revised")).sent("prompt")]
    assert "Can you sit in free" in partials
    assert partials.count("Can you fit in three people tonight?") == 2


async def test_another_language() -> None:
    result = await made("spanish")
    assert [message["lang"] for message in result.sent("prompt") if message["last"]] == ["en-US"] + ["es-ES"] * 4
    assert handoff(result) == ("booked", {"party": "5", "day": "el sábado", "time": "9:00", "name": "Inés Prado"})


async def test_hold_music_and_key_tones() -> None:
    hold = await made("on-hold")
    assert hold.received("play")
    assert hold.heard.endswith("Yes, we still have tables.")
    assert (await made("wants-the-kitchen")).heard.endswith("1ww23#")


async def test_a_wish_in_two_breaths_has_one_answer() -> None:
    result = await made("thinks-aloud")
    assert handoff(result) == ("live-agent", {"party": "6"})


async def test_nobody_is_interrupted_where_the_twiml_forbids_it() -> None:
    result = await made("talks-over")
    assert result.sent("interrupt") == []
    sent = "".join(message["token"] for message in result.received("text"))
    assert "".join(result.heard.split()).endswith("".join(sent.split())), "all that was sent was heard"


async def test_an_agent_that_looks_something_up_for_long() -> None:
    result = await made("waits-for-an-answer")
    assert (result.conversation.totals.response_latency.max_ms or 0) > SLOW_MS / SPEED
    assert "The chef says" in result.heard


async def test_an_agent_that_drops_a_question() -> None:
    result = await made("is-not-answered")
    assert (result.ending, len(finals(result))) == ("hung_up", 2)
    assert result.conversation.totals.response_latency.n == 0


async def test_an_agent_that_crashes_in_mid_sentence() -> None:
    result = await made("agent-crashes")
    assert (result.ending, result.close_code) == ("backend_dropped", 1006)
    assert result.conversation.outcome == "backend_disconnect"
    assert not result.received("text")[-1].get("last")


async def test_a_line_that_drops() -> None:
    result = await made("line-drops")
    assert (result.ending, result.close_code) == ("vanished", None)


@pytest.mark.parametrize("group", [CALLERS, FAULTS])
def test_a_scenario_is_found_by_the_name_of_its_file_and_says_what_it_is(group: str) -> None:
    for name in names(group):
        scenario = find(name)
        assert scenario.name == name
        assert scenario.about.endswith(".")


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(RelayproxyError, match="no scenario 'keypd'; did you mean 'keypad'"):
        find("keypd")
    with pytest.raises(RelayproxyError, match="no scenario 'x'; there are agent-crashes, asks-for-a-person"):
        find("x")
