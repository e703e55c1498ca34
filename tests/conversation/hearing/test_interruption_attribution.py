"""Which response an interrupt belongs to, with and without `tokensPlayed`."""

import pytest

from tests.script import script

QUEUED = """
    0.000  twilio   setup
    1.000  twilio   prompt "tell me" last
    1.500  backend  text "The first sentence is this." last
    1.501  backend  text "The second sentence is that." last
    1.502  backend  text "The third sentence is this too." last
"""


def interruptions(text: str) -> list[tuple[int, str, str]]:
    """(turn, heard text, attribution) of every interruption."""
    return [(t.number, cut.heard_text, cut.attribution) for t in script(text).turns for cut in t.interruptions]


@pytest.mark.parametrize(
    ("heard", "turn", "attribution"),
    [
        ("The first", 1, "exact"),
        ("the FIRST,  sent", 1, "exact"),
        ("The second sentence", 2, "exact"),
        ("is this too", 3, "exact"),
        ("sentence is", 3, "inferred"),
        ("", 1, "inferred"),
        ("nothing like it", 1, "inferred"),
    ],
)
def test_words_tell_which_response_was_playing(heard: str, turn: int, attribution: str) -> None:
    assert interruptions(f"{QUEUED}\n3.0 twilio interrupt '{heard}' 900") == [(turn, heard, attribution)]


def test_what_was_played_last_decides() -> None:
    played = """
        2.5  twilio info agentSpeaking on
        3.5  twilio info tokensPlayed "The first sentence is this."
        4.0  twilio info tokensPlayed "The second sentence"
        4.0  twilio interrupt "sentence" 400
    """

    assert interruptions(QUEUED + played) == [(2, "sentence", "exact")]
    assert interruptions(QUEUED + played.replace('"sentence"', '"zwei"')) == [(2, "zwei", "inferred")]


def test_the_same_words_again_are_those_of_the_next_response() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   dtmf 1
        1.5  backend  text "Key one." last
        1.6  backend  text "Key two." last
        2.5  twilio   info tokensPlayed "Key one."
        3.0  twilio   info tokensPlayed "Key"
        3.0  twilio   interrupt "Key" 90
    """

    assert interruptions(call) == [(2, "Key", "exact")]


def test_a_response_sent_within_a_round_trip_was_not_the_one() -> None:
    call = """
        0.0   twilio   setup
        1.0   twilio   prompt "one" last
        1.5   backend  text "A first long answer, which takes a while to say." last
        3.00  twilio   dtmf 5
        3.01  backend  text "A second answer." last
        3.02  twilio   interrupt "A" 800
        6.00  twilio   interrupt "A second" 800
    """

    assert interruptions(call) == [(1, "A", "inferred"), (2, "A second", "exact")]


def test_the_answer_to_the_last_prompt_is_likelier_than_what_is_left_of_the_one_before() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "A first long answer, which takes a while to say." last
        4.0  twilio   prompt "two" last
        4.5  backend  text "Another answer." last
        5.0  twilio   interrupt "" 0
    """

    assert interruptions(call) == [(2, "", "inferred")]


def test_the_greeting_was_playing() -> None:
    """Without `events`: the answer to the key cannot have been heard yet."""
    call = """
        0.000  twilio   setup
        2.000  twilio   dtmf 9
        2.001  backend  text "This is key nine." last
        2.002  twilio   interrupt "This" 15
    """

    assert interruptions(call) == [(0, "This", "inferred")]


def test_words_of_one_response_are_its_own_when_nothing_shows_a_greeting() -> None:
    call = """
        0.00  twilio   setup
        1.00  twilio   prompt "one" last
        1.50  backend  text "Sure, a table." last
        1.75  twilio   interrupt "Sure" 60
    """

    assert interruptions(call) == [(1, "Sure", "inferred")]
    assert interruptions(call.replace('"Sure" 60', '"Hello" 60')) == [(0, "Hello", "inferred")]
    assert interruptions(f"0.2 twilio info agentSpeaking on\n{call}") == [(0, "Sure", "inferred")]
