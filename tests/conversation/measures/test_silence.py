"""Stretches in which nobody spoke, and who was waited for."""

import pytest

from relayproxy.conversation.totals import Silence
from tests.script import script

HUNG_UP = "\n{at} twilio close 1000\n{at} - gone first=twilio"


def silence(text: str) -> dict[str, Silence]:
    return script(text).totals.silence


def test_without_events_the_backend_is_waited_for_from_the_prompt_to_the_answer() -> None:
    found = silence("""
        0.0        twilio   setup
        1.0        twilio   prompt "one" last
        1.5/1.502  backend  text "1." last
        9.0        twilio   dtmf 5
        12.5       backend  text "5." last
    """)

    assert found["backend"] == Silence(total_ms=4002, longest_ms=3500, episodes=1, estimated=True)


def test_without_events_the_caller_is_waited_for_from_the_expected_end_of_speech() -> None:
    found = silence("""
        0.0   twilio   setup
        1.0   twilio   prompt "one" last
        2.0   backend  text "Thirty characters, all in all." last
        14.0  twilio   prompt "hm"
        14.5  twilio   prompt "hmm" last
    """)

    assert found["caller"] == Silence(total_ms=9650, longest_ms=9650, episodes=1, estimated=True)


def test_a_caller_who_speaks_into_the_answer_was_not_waited_for() -> None:
    found = silence("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        2.0  backend  text "Thirty characters, all in all." last
        3.0  twilio   prompt "hm" last
    """)

    assert "caller" not in found


def test_with_events_all_three_are_told_apart() -> None:
    found = silence("""
        0.0  twilio   setup
        0.5  twilio   info agentSpeaking on
        2.0  twilio   info agentSpeaking off
        3.5  twilio   info clientSpeaking on
        4.0  twilio   info clientSpeaking off
        4.4  twilio   prompt "one" last
        7.5  backend  text "1." last
        7.9  twilio   info agentSpeaking on
        8.9  twilio   info agentSpeaking off
        9.9  twilio   info clientSpeaking on
    """)

    assert found == {
        "caller": Silence(total_ms=2500, longest_ms=1500, episodes=0, estimated=False),
        "backend": Silence(total_ms=3500, longest_ms=3500, episodes=1, estimated=False),
        "tts": Silence(total_ms=400, longest_ms=400, episodes=0, estimated=False),
    }


@pytest.mark.parametrize(("at", "total"), [("3.0", 2000), ("9.0", 8000)])
def test_whoever_is_waited_for_when_the_call_ends_was_waited_for_until_then(at: str, total: int) -> None:
    found = silence('0.0 twilio setup \n 1.0 twilio prompt "one" last' + HUNG_UP.format(at=at))

    assert found["backend"].total_ms == total


def test_a_silence_that_goes_on_is_not_counted_yet() -> None:
    assert silence('0.0 twilio setup \n 1.0 twilio prompt "one" last \n 9.0 twilio info roundTripDelayMs 80') == {}


def test_speech_of_the_caller_over_the_agent_is_no_silence() -> None:
    found = silence("""
        0.0  twilio   setup
        0.5  twilio   info agentSpeaking on
        1.0  twilio   info clientSpeaking on
        1.5  twilio   info clientSpeaking off
        2.0  twilio   info agentSpeaking off
        2.5  twilio   prompt "one" last
    """)

    assert found["caller"].total_ms == 500


def test_an_agent_whose_beginning_was_not_told_was_not_silent() -> None:
    found = silence("""
        0.0   twilio   setup
        1.0   twilio   info clientSpeaking on
        2.0   twilio   info clientSpeaking off
        2.0   twilio   prompt "x" last
        3.0   backend  text "A very long answer." last
        18.0  twilio   info agentSpeaking off
        20.0  twilio   info clientSpeaking on
    """)

    assert {who: one.total_ms for who, one in found.items()} == {"backend": 1000, "caller": 2000}


def test_a_prompt_into_the_agents_speech_begins_no_silence() -> None:
    found = silence("""
        0.0   twilio   setup
        2.9   twilio   info agentSpeaking on
        4.5   twilio   prompt "x" last
        5.0   backend  text "Good." last
        11.0  twilio   info agentSpeaking off
        16.0  twilio   info clientSpeaking on
    """)

    assert {who: one.total_ms for who, one in found.items()} == {"caller": 5000}


def test_in_a_pause_of_a_reply_the_backend_is_waited_for() -> None:
    found = silence("""
        0.0   twilio   setup
        1.0   twilio   prompt "x" last
        2.0   backend  text "One moment. "
        2.4   twilio   info agentSpeaking on
        3.5   twilio   info agentSpeaking off
        15.0  backend  text "Here." last
        15.4  twilio   info agentSpeaking on
    """)

    assert {who: (one.total_ms, one.episodes) for who, one in found.items()} == {"backend": (12500, 1), "tts": (400, 0)}


def test_an_answer_that_came_before_its_prompt_leaves_no_silence() -> None:
    found = silence("""
        0.0  twilio   setup
        1.0  twilio   prompt "I need"
        1.2  backend  text "Where to?" last
        1.6  twilio   prompt "I need a cab" last
        5.0  twilio   prompt "To"
    """)

    assert "backend" not in found
