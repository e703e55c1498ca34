"""Where in time the caller spoke, the agent was heard, and single things happened."""

from relayproxy.conversation.hearing.playback import SECOND
from relayproxy.conversation.model import Turn
from relayproxy.conversation.timings import left_unanswered
from tests.script import START, script

EVENTS = """
    0.000  twilio   setup
    1.000  twilio   info clientSpeaking on
    2.000  twilio   info clientSpeaking off
    2.300  twilio   prompt "book me a table" last
    3.000  backend  text "Sure, for when would you like it?" last
    3.300  twilio   info agentSpeaking on
"""
PLAIN = """
    0.000  twilio   setup
    2.000  twilio   prompt "book me"
    2.300  twilio   prompt "book me a table" last
    3.000  backend  text "Sure, for when would you like it?" last
"""
HUNG_UP = """
    {at}  twilio  close 1000
    {at}  -       gone first=twilio twilio=eof backend=eof
"""


def seconds(at: int | None) -> float | None:
    return None if at is None else round((at - START) / 1e9, 3)


def caller(turn: Turn) -> tuple[float | None, float | None, bool]:
    return seconds(turn.caller_begun_at), seconds(turn.caller_done_at), turn.caller_estimated


def heard(turn: Turn) -> list[tuple[float | None, float | None, bool]]:
    return [(seconds(one.start), seconds(one.end), one.estimated) for one in turn.played]


def marks(turn: Turn) -> list[tuple[float | None, str, str]]:
    return [(seconds(mark.at), mark.kind, mark.text) for mark in turn.marks]


def test_with_speaker_events_it_is_known() -> None:
    turn = script(EVENTS + "5.5 twilio info agentSpeaking off").turns[1]
    assert caller(turn) == (1.0, 2.0, False)
    assert heard(turn) == [(3.3, 5.5, False)]


def test_while_the_agent_speaks_the_end_is_reckoned() -> None:
    ((start, end, estimated),) = heard(script(EVENTS).turns[1])
    assert (start, estimated) == (3.3, True)
    assert end is not None
    assert 5 < end < 6


def test_without_events_partials_and_the_length_of_the_text_tell() -> None:
    turn = script(PLAIN).turns[1]
    assert caller(turn) == (2.0, 2.3, True)
    ((start, end, estimated),) = heard(turn)
    assert (start, estimated) == (3.35, True)
    assert end is not None
    assert 5 < end < 6
    alone = script('0.0 twilio setup\n9.0 twilio prompt "book me a table" last').turns[1]
    assert caller(alone) == (8.0, 9.0, True)


def test_speech_ends_where_it_is_interrupted_or_the_call_is_over() -> None:
    cut = script(EVENTS + '4.1 twilio interrupt "Sure, for" 800').turns[1]
    assert heard(cut) == [(3.3, 4.1, False)]
    over = script(PLAIN + HUNG_UP.format(at=4.0)).turns[1]
    assert heard(over) == [(3.35, 4.0, True)]
    never = script(PLAIN + HUNG_UP.format(at=3.1)).turns[1]
    assert heard(never) == []


def test_the_greeting_is_heard_in_the_first_turn() -> None:
    greeting = """
    0.0  twilio   setup
    0.5  twilio   info agentSpeaking on
    """
    assert heard(script(greeting).turns[0]) == [(0.5, None, False)]
    assert heard(script(greeting + "2.5 twilio info agentSpeaking off").turns[0]) == [(0.5, 2.5, False)]
    assert heard(script(greeting + '1.5 twilio interrupt "Hello" 800').turns[0]) == [(0.5, 1.5, False)]
    assert heard(script(greeting + HUNG_UP.format(at=1.2)).turns[0]) == [(0.5, 1.2, False)]


def test_media_has_an_end_only_when_it_is_told() -> None:
    call = PLAIN.replace('text "Sure, for when would you like it?" last', "play https://example.com/a.mp3")
    assert heard(script(call).turns[1]) == [(3.35, None, True)]
    assert heard(script(call + HUNG_UP.format(at=9.0)).turns[1]) == [(3.35, 9.0, True)]


def test_media_without_an_end_is_not_drawn_over_the_turns_that_follow_it() -> None:
    call = PLAIN.replace('text "Sure, for when would you like it?" last', "play https://example.com/a.mp3")
    call += """
        9.0  twilio   prompt "Are you there?" last
        9.5  backend  text "Yes." last
    """

    assert heard(script(call).turns[1]) == heard(script(call + HUNG_UP.format(at=60)).turns[1]) == [(3.35, 9.0, True)]


def test_what_happens_at_a_moment() -> None:
    call = script(
        PLAIN
        + """
        3.100  backend  language es-ES
        3.200  backend  play https://example.com/a.mp3
        3.300  backend  sendDigits 1w2
        9.000  twilio   dtmf 5
        9.400  twilio   dtmf 6
        """
    )
    assert marks(call.turns[1]) == [
        (2.3, "prompt", "book me a table"),
        (3.1, "language", "es-ES"),
    ]
    assert marks(call.turns[2]) == [
        (3.2, "play", "https://example.com/a.mp3"),
        (3.3, "digits", "1w2"),
    ]
    assert marks(call.turns[3]) == [(9.0, "dtmf", "5"), (9.4, "dtmf", "6")]
    assert caller(call.turns[3]) == (9.0, 9.4, False)


def spoken(turn: Turn) -> list[tuple[float | None, float | None, bool]]:
    """All that the caller said in a turn, stretch by stretch."""
    said = [one for mark in turn.marks for one in mark.spoken]
    return [(seconds(one.start), seconds(one.end), one.estimated) for one in said]


def test_each_of_two_joined_prompts_is_a_stretch_of_its_own() -> None:
    call = """
        0.0  twilio   setup
        2.0  twilio   prompt "Please cancel my"
        3.0  twilio   prompt "Please cancel my table" last
        7.6  twilio   prompt "Hello, are you" last
        7.8  backend  text "Done." last
    """
    turn = script(call).turns[1]
    assert spoken(turn) == [(2.0, 3.0, True), (6.667, 7.6, True)]
    assert left_unanswered(turn.marks, turn.agent_at) == ((START + 3 * SECOND, turn.marks[1].spoken[0].start),)


def test_speaker_events_give_one_stretch_for_each_pair_of_them() -> None:
    turn = script(
        """
        0.0  twilio   setup
        1.0  twilio   info clientSpeaking on
        2.0  twilio   info clientSpeaking off
        2.4  twilio   info clientSpeaking on
        3.0  twilio   info clientSpeaking off
        3.2  twilio   prompt "Please cancel my table" last
        7.0  twilio   info clientSpeaking on
        7.5  twilio   prompt "Hello?" last
        7.6  twilio   info clientSpeaking off
        7.8  backend  text "Done." last
        """
    ).turns[1]
    assert spoken(turn) == [(1.0, 2.0, False), (2.4, 3.0, False), (7.0, 7.6, False)]


def test_a_noise_long_before_is_no_part_of_what_is_said() -> None:
    turn = script(
        """
        0.0  twilio   setup
        1.0  twilio   info clientSpeaking on
        1.2  twilio   info clientSpeaking off
        9.0  twilio   info clientSpeaking on
        9.5  twilio   info clientSpeaking off
        9.7  twilio   prompt "Hello?" last
        """
    ).turns[1]
    assert spoken(turn) == [(9.0, 9.5, False)]
    assert caller(turn) == (9.0, 9.5, False)


def test_keys_are_no_speech() -> None:
    turn = script(
        """
        0.0  twilio   setup
        1.0  twilio   dtmf 5
        6.0  twilio   prompt "Hello, operator" last
        """
    ).turns[1]
    assert spoken(turn) == [(5.0, 6.0, True)]


def test_an_estimate_does_not_reach_back_into_the_prompt_before() -> None:
    turn = script(
        """
        0.0  twilio   setup
        5.0  twilio   prompt "Please cancel my table" last
        5.5  twilio   prompt "for tonight, and for tomorrow too" last
        """
    ).turns[1]
    assert spoken(turn)[1] == (5.0, 5.5, True)
    assert left_unanswered(turn.marks, turn.agent_at) == ()


def test_what_the_caller_says_again_has_its_own_marks() -> None:
    turn = script(
        """
        0.0  twilio   setup
        2.0  twilio   prompt "book"
        2.3  twilio   prompt "book me a table" last
        4.0  twilio   prompt "for two" last
        """
    ).turns[1]
    assert caller(turn) == (2.0, 4.0, True)
    assert [text for _, _, text in marks(turn)] == ["book me a table", "for two"]


def test_media_that_text_follows_is_drawn_until_that_begins() -> None:
    call = """
        0.0   twilio   setup
        2.0   twilio   prompt "Play it" last
        3.0   backend  play https://example.com/a.mp3
        9.0   backend  text "That was it." last
    """

    played = script(call).turns[1].played
    assert script(call + HUNG_UP.format(at=60)).turns[1].played == played
    assert played[-1].end is not None


def test_a_reply_that_another_one_follows_without_a_pause_is_over_when_its_last_word_was_played() -> None:
    call = script("""
        0.000  twilio   setup
        2.000  twilio   prompt "When are you open?" last
        2.200  backend  text "Open from nine to five." last
        2.300  backend  text "And so on and so forth." last
        2.500  twilio   info agentSpeaking on
        3.900  twilio   info tokensPlayed "Open from nine to five."
        5.400  twilio   info tokensPlayed "And so on and so forth."
        5.410  twilio   info agentSpeaking off
        9.000  twilio   close 1000
        9.000  -        gone first=twilio
    """)

    assert call.turns[1].reply_complete_ms == 1900
    assert heard(call.turns[1]) == [(2.5, 3.9, False)]
    assert [end for _, end, _ in heard(call.turns[2])] == [5.41]
