"""Scenarios of recorded calls: the reader takes them, and a simulated caller does what the recorded one did."""

import json
import re
from pathlib import Path

import msgspec
import pytest
import yaml

from relayproxy.lab.agent import server as agent
from relayproxy.lab.scenarios.builtin import find
from relayproxy.lab.scenarios.model import Interruption, SendAfter
from relayproxy.lab.scenarios.model import Turn as Step
from relayproxy.lab.scenarios.reading import read
from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.simulation.simulate import simulate
from relayproxy.lab.twilio.result import CallResult
from relayproxy.recordings.call import CallConnection, RecordedCall, fold_connections
from relayproxy.recordings.files import read_call
from relayproxy.recordings.scenario import file_name, scenario
from tests.lab.replay.recorded import of_call, of_fixture, of_script
from tests.recordings import NAMES, recording
from tests.recordings.test_files import FILES

SPEED = 50.0


def steps(text: str) -> tuple[Step, ...]:
    return read(text, "it.yaml").turns


def said(call: str) -> str:
    """The scenario of a call in the notation of `tests.script`."""
    return scenario(of_script(call))


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_scenarios_of_kept_files_are_read(path: Path) -> None:
    call = read_call(path)

    assert read(scenario(call), "it.yaml").name == file_name(call).removesuffix(".yaml")


@pytest.mark.parametrize(
    "text",
    [
        "123",
        "0123",
        "null",
        "~",
        "yes",
        "No",
        "true",
        "1e3",
        "0x1F",
        "1_000",
        "2026-08-29",
        "12:30:45",
        "-",
        ".nan",
        "=",
        "<<",
    ],
)
def test_texts_that_yaml_takes_for_something_else_stay_texts(text: str) -> None:
    call = of_script(
        f"""
        0.000 twilio setup sessionId=VX1 callSid=CA1 name={text}
        1.000 twilio prompt "{text}" last
        """
    )
    header = msgspec.structs.replace(call.header, session_id=text)
    found = read(scenario(RecordedCall(header, call.connections, call.conversation)), "it.yaml")

    assert found.name in (re.sub("[^A-Za-z0-9_-]", "", text), header.id)
    assert found.parameters == {"name": text}
    assert found.turns[0].user == text


@pytest.mark.parametrize("name", NAMES)
def test_scenarios_of_real_calls_are_read(name: str) -> None:
    for session in recording(name).sessions:
        call = of_fixture(name, session.number)
        found = read(scenario(call), "it.yaml")
        pressed = "".join(step.dtmf or "" for step in found.turns)
        assert pressed == "".join(turn.dtmf for turn in call.conversation.turns)


def test_the_caller_does_what_the_recorded_one_did() -> None:
    found = read(scenario(read_call(FILES / "booking.v1.relayproxy.jsonl.gz")), "it.yaml")

    assert [step.user or step.dtmf for step in found.turns] == [
        "I'd like to book a table for tonight, please.",
        "Four people at half past seven.",
        "The window one is fine.",
        "471#",
        "¿Puedo hablar con una persona?",
    ]
    assert found.twiml.greeting == "Hello, this is the Harbour Restaurant. How can I help?"
    assert found.turns[2].interrupt == Interruption(after_chars=64)
    assert found.turns[4].language == "es-ES"
    assert [one.event for one in found.turns[4].expect] == ["language", "text", "end"]
    assert found.turns[1].expect[0].within_ms == 5500
    assert found.parameters == {"plan": "gold", "locale": "en-US", "campaign": "autumn"}
    assert (found.expect.ending, found.expect.handoff) == ("ended_by_backend", {"reason_code": "live-agent"})


def test_a_caller_who_got_no_answer_speaks_again_after_as_long() -> None:
    _, again, third, hang_up = steps(
        said("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.000  twilio   prompt "Hello?" last
        5.500  twilio   prompt "Are you there?" last
        6.000  backend  text "Yes." last
        9.000  twilio   prompt "Goodbye." last
        9.500  twilio   close 1000
        9.600  -        gone first=twilio twilio=eof backend=eof
    """)
    )

    assert again.send_after == SendAfter("turn", 4500)
    assert third.send_after is None
    assert (hang_up.hangup, hang_up.send_after) == (True, SendAfter("turn", 600))


def test_keys_that_follow_each_other_are_pressed_together_and_a_noise_is_one() -> None:
    first, keys, noise, more = steps(
        said("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        0.500  backend  text "Press a key, please, any of them." last
        4.000  twilio   dtmf 4
        4.600  twilio   dtmf #
        5.000  backend  text "Thank you, one moment please." last
        6.000  twilio   interrupt "Thank you, one" 900
        12.00  twilio   dtmf 1
    """)
    )

    assert [one.event for one in first.expect] == ["text"]
    assert keys.dtmf == "4#"
    assert (noise.noise, noise.interrupt) == (600, Interruption(after_chars=14))
    assert more.dtmf == "1"


def test_what_is_no_key_is_not_pressed() -> None:
    call = """
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.000  twilio   dtmf A
        2.000  twilio   dtmf w4
        2.500  twilio   dtmf B
        3.000  twilio   dtmf #
        3.500  twilio   dtmf 7
    """
    (one,) = steps(said(call))
    assert one.dtmf == "4#7"


def test_a_greeting_that_was_cut_off_can_be_cut_off_again() -> None:
    found = read(
        said("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        0.500  twilio   info agentSpeaking on
        2.000  twilio   dtmf *
        2.010  twilio   info tokensPlayed "Welcome to Trattoria"
        2.020  twilio   interrupt "Welcome to Trattoria" 920
        2.030  twilio   info agentSpeaking off
        2.600  backend  text "Press one." last
    """),
        "it.yaml",
    )

    assert found.twiml.greeting == "Welcome to Trattoria, and so on: the rest was not recorded"
    assert (found.turns[0].dtmf, found.turns[0].interrupt) == ("*", Interruption(after_chars=20))


@pytest.mark.parametrize(
    ("end", "how", "after"),
    [
        ("3.5 twilio close 1000\n3.51 - gone first=twilio twilio=eof backend=eof", "hangup", SendAfter("text", 1510)),
        ("3.5 - gone first=twilio twilio=reset backend=closed_by_proxy", "drop", SendAfter("text", 1500)),
        ("30 twilio close 1000\n30.1 - gone first=twilio twilio=eof backend=eof", "hangup", None),
    ],
)
def test_the_caller_leaves_as_then(end: str, how: str, after: SendAfter | None) -> None:
    *_, last = steps(
        said(f"""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.000  twilio   prompt "When are you open?" last
        2.000  backend  text "We are open from Tuesday to Sunday, from five in the afternoon until eleven." last
        {end}
    """)
    )

    assert getattr(last, how) is True
    assert last.send_after == after


def test_a_caller_who_says_nothing_says_nothing_for_as_long() -> None:
    first, silence, hang_up = steps(
        said("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.000  backend  text "Hello?" last
        9.000  twilio   close 1000
        9.000  -        gone first=twilio twilio=eof backend=eof
    """)
    )

    assert (len(first.expect), silence.silence, hang_up.hangup) == (1, 9000, True)


def test_a_caller_hangs_up_in_spite_of_an_end() -> None:
    goodbye, hang_up = steps(
        said("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.000  twilio   prompt "Goodbye" last
        2.000  backend  end
        2.100  twilio   error "Invalid message received: {\\"type\\":\\"end\\"}"
        9.000  twilio   close 1000
        9.010  -        gone first=twilio twilio=eof backend=eof
    """)
    )

    assert (goodbye.expect, hang_up.hangup) == ((), True)


def test_what_nobody_knows_of_is_not_interrupted() -> None:
    (act,) = steps(
        said("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        2.000  twilio   interrupt "Welcome" 400
        3.000  twilio   prompt "Hello" last
    """)
    )

    assert (act.user, act.interrupt) == ("Hello", None)


def test_what_was_not_recorded_is_marked_to_be_filled_in() -> None:
    text = said("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.000  twilio   prompt "My PIN is ••••." last
        2.000  twilio   dtmf •
        2.300  twilio   dtmf •
    """)

    assert "put words or keys where • and ◦, or a row of 0, stand" in text
    assert [step.user or step.dtmf for step in steps(text)] == ["My PIN is ••••.", "00"]


@pytest.mark.parametrize("words", ["no", "7:30", "- a: b # c", "\N{BYTE ORDER MARK}\u2028\x07\x85", "'\"\\", "日本 🙂"])
def test_words_are_words_whatever_yaml_would_make_of_them(words: str) -> None:
    call = read_call(FILES / "reconnected.v1.relayproxy.jsonl")
    first, *rest = call.connections
    asked = first.messages[1]
    text = (asked.text or "").replace("Is my table still booked?", json.dumps(words)[1:-1])
    messages = (first.messages[0], msgspec.structs.replace(asked, text=text), *first.messages[2:])
    changed = CallConnection(first.opening, messages, first.ending)
    connections = (changed, *rest)

    assert steps(scenario(RecordedCall(call.header, connections, fold_connections(connections))))[0].user == words


def test_nothing_follows_an_end() -> None:
    found = steps(
        said("""
        0.000  twilio   setup sessionId=VX1 callSid=CA1
        1.000  twilio   prompt "Goodbye" last
        2.000  backend  end '{"reasonCode":"bye"}'
        3.000  twilio   error "Invalid message received: {\\"type\\":\\"end\\"}"
        4.000  twilio   prompt "Are you still there?" last
    """)
    )

    assert [step.user for step in found] == ["Goodbye", "Are you still there?"]
    assert not found[0].expect


def test_the_file_is_yaml() -> None:
    assert yaml.safe_load(scenario(read_call(FILES / "odd.v1.relayproxy.jsonl.gz")))["turns"]


async def test_simulated_callers_do_the_same_again() -> None:
    first: list[ScenarioResult] = []
    second: list[ScenarioResult] = []
    callers = [find(name) for name in ("book-a-table", "keypad", "coughs")]
    async with agent.serving(speed=SPEED) as url:
        await simulate(url, scenarios=callers, times=1, at_once=3, speed=SPEED, patience=30, each=first.append)
        again = [read(scenario(of_call(result.call, SPEED)), "again.yaml") for result in first]
        await simulate(url, scenarios=again, times=1, at_once=3, speed=SPEED, patience=30, each=second.append)

    assert len(second) == 3
    assert sorted(acts(result.call) for result in second) == sorted(acts(result.call) for result in first)


def acts(call: CallResult) -> tuple[list[str], list[str], str]:
    """What the caller said and pressed, and how the call ended."""
    said = [one["voicePrompt"] for one in call.sent("prompt") if one["last"]]
    return said, [one["digit"] for one in call.sent("dtmf")], call.ending
