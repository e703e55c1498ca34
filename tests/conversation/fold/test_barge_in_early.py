"""Interrupts that come before there was anything to hear, with and without events."""

import pytest

from relayproxy.conversation.model import Conversation
from tests.conversation.fold.test_barge_in import Filter, tiers
from tests.script import START, script

TRACE = """
    0.000  twilio   setup sessionId=VX1 callSid=CA1
    0.300  twilio   info agentSpeaking on
    0.900  twilio   info tokensPlayed "Welcome."
    0.901  twilio   info agentSpeaking off
    2.000  twilio   prompt "When are you open?" last
    2.200  backend  text "Open from nine to five." last
    2.300  twilio   info clientSpeaking on
    2.301  twilio   interrupt "" 0
    2.900  twilio   info clientSpeaking off
    2.901  twilio   prompt "Where are you?" last
    3.100  backend  text "Five Main Street." last
    3.500  twilio   info agentSpeaking on
    4.600  twilio   info tokensPlayed "Five Main Street."
    4.601  twilio   info agentSpeaking off
"""
STOPPED = "    2.900  twilio   info clientSpeaking off\n"
REPLIED = '    2.200  backend  text "Open from nine to five." last\n'


def interrupted(call: Conversation) -> list[tuple[int, str, int | None]]:
    return [(turn.number, cut.heard_text, cut.heard_ms) for turn in call.turns for cut in turn.interruptions]


def test_a_reply_that_was_purged_before_its_first_sound() -> None:
    call = script(TRACE)
    welcome, purged, answered = call.turns

    assert interrupted(call) == [(1, "", 0)]
    assert (welcome.heard_text, welcome.interruptions) == ("Welcome.", ())
    assert (purged.heard_text, purged.unheard_text, purged.heard_basis) == (
        "",
        "Open from nine to five.",
        "tokens_played",
    )
    assert (purged.response_latency_ms, purged.played) == (200, ())
    for name in ("output_delay_ms", "user_bot_latency_ms", "reply_complete_ms"):
        assert purged.null_reasons[name] == "interrupted"
    assert (purged.interruptions[0].unheard_chars, purged.interruptions[0].unheard_ratio) == (23, 1.0)
    assert (answered.heard_text, answered.heard_basis, answered.reply_complete_ms) == (
        "Five Main Street.",
        "tokens_played",
        1700,
    )
    assert answered.budget.output_delay == 400_000_000
    assert [(part.start - START, part.end and part.end - START) for part in answered.played] == [
        (3_500_000_000, 4_601_000_000)
    ]


def test_without_events_it_is_not_known_whether_a_purged_reply_was_heard() -> None:
    call = script("\n".join(line for line in TRACE.splitlines() if " info " not in line))
    _, purged, answered = call.turns

    assert interrupted(call) == [(1, "", 0)]
    assert (purged.heard_text, purged.unheard_text, purged.heard_basis) == ("", "", "unknown")
    assert (purged.reply_complete_ms, purged.null_reasons["reply_complete_ms"]) == (None, "interrupted")
    assert (purged.interruptions[0].unheard_chars, purged.interruptions[0].unheard_ratio) == (0, None)
    assert (answered.heard_text, answered.heard_basis, answered.reply_complete_ms) == ("Five Main Street.", "all", 1682)


def test_the_first_sound_alone_tells_that_a_reply_was_purged() -> None:
    call = script("\n".join(line for line in TRACE.splitlines() if "tokensPlayed" not in line))

    assert interrupted(call) == [(1, "", 0)]
    assert [(turn.heard_text, turn.heard_basis) for turn in call.turns[1:]] == [
        ("", "interrupt"),
        ("Five Main Street.", "all"),
    ]
    assert call.turns[2].budget.output_delay == 400_000_000


def test_a_reply_that_crossed_the_interrupt_is_heard_after_all() -> None:
    crossed = """
        2.500  twilio   info agentSpeaking on
        4.000  twilio   info tokensPlayed "Open from nine to five."
        4.001  twilio   info agentSpeaking off
        9.000  -        gone first=twilio
    """
    call = script(TRACE[: TRACE.index("    2.900")] + crossed)

    assert (call.turns[1].heard_text, call.turns[1].unheard_text) == ("Open from nine to five.", "")
    assert [(cut.unheard_chars, cut.unheard_ratio) for cut in call.turns[1].interruptions] == [(0, 0.0)]
    assert call.turns[1].budget.output_delay == 300_000_000


@tiers
@pytest.mark.parametrize("at", ["2.302", "2.600", "2.890"])
def test_a_frame_that_is_repeated_for_one_reply_is_the_same_interruption(at: str, without: Filter) -> None:
    call = script(without(TRACE.replace(STOPPED, f'{at} twilio interrupt "" 0\n{STOPPED}')))

    assert interrupted(call) == [(1, "", 0)]
    assert call.totals.interruptions == {"caller_speech": 1}


@tiers
def test_a_frame_that_is_repeated_with_its_words_is_the_same_interruption(without: Filter) -> None:
    call = script(
        without("""
        0.000  twilio   setup
        1.000  twilio   prompt "When are you open?" last
        1.200  backend  text "Open from nine to five." last
        1.455  twilio   info agentSpeaking on
        1.485  twilio   info tokensPlayed "Op"
        1.486  twilio   interrupt "Open" 30
        1.490  twilio   interrupt "Open" 30
        1.491  twilio   interrupt "" 0
    """)
    )

    assert interrupted(call) == [(1, "Open", 30), (1, "", 0)]
    assert call.turns[0].interruptions == ()


@tiers
@pytest.mark.parametrize("heard", ['"" 0', '"" 20', '"Open" 20'])
def test_speech_can_begin_a_quarter_second_after_its_text(heard: str, without: Filter) -> None:
    call = script(
        without(f"""
        0.000  twilio   setup
        0.300  twilio   info agentSpeaking on
        0.901  twilio   info agentSpeaking off
        2.000  twilio   prompt "When are you open?" last
        2.200  backend  text "Open from nine to five." last
        2.455  twilio   info agentSpeaking on
        2.480  twilio   interrupt {heard}
        2.481  twilio   info agentSpeaking off
    """)
    )

    assert [turn.interrupted for turn in call.turns] == [False, True]


@tiers
def test_an_interrupt_while_the_backend_thinks_belongs_to_the_turn_that_waits(without: Filter) -> None:
    call = script(without(TRACE.replace(REPLIED, "")))

    assert interrupted(call) == [(1, "", 0)]
    assert call.turns[1].heard_text == "Five Main Street."
    assert call.turns[1].reply_complete_ms is not None
    assert (call.totals.interrupted_responses, call.totals.responses) == (0, 1)


@tiers
def test_it_does_not_belong_to_a_turn_that_had_ended(without: Filter) -> None:
    call = script(
        without("""
        0.000  twilio   setup
        1.000  twilio   prompt "When are you open?" last
        1.200  backend  text "Open from nine to five." last
        1.500  twilio   info agentSpeaking on
        3.000  twilio   info tokensPlayed "Open from nine to five."
        3.001  twilio   info agentSpeaking off
        3.900  twilio   prompt "Where are you?" last
        4.100  twilio   info clientSpeaking on
        4.101  twilio   interrupt "" 0
    """)
    )

    assert interrupted(call) == [(2, "", 0)]
    assert call.turns[2].null_reason == "interrupted_before_first_token"
    assert (call.turns[1].heard_text, call.turns[1].unheard_text) == ("Open from nine to five.", "")
    assert call.turns[1].reply_complete_ms is not None


@tiers
def test_nothing_heard_is_nothing_heard(without: Filter) -> None:
    call = script(
        without("""
        0.000  twilio   setup
        1.000  twilio   prompt "When are you open?" last
        1.200  backend  text "Open from nine to five, and on Saturdays too." last
        1.500  twilio   info agentSpeaking on
        2.600  twilio   interrupt "" 0
        2.601  twilio   info agentSpeaking off
        3.000  twilio   prompt "Sorry?" last
    """)
    )

    assert (call.turns[1].heard_text, call.turns[1].heard_basis) == ("", "interrupt")
    assert call.turns[1].interruptions[0].unheard_ratio == 1.0


def test_what_tokens_played_told_is_not_estimated() -> None:
    course = """
        0.000  twilio   setup
        0.300  twilio   info agentSpeaking on
        0.900  twilio   info tokensPlayed "Welcome."
        0.901  twilio   info agentSpeaking off
        1.000  twilio   prompt "When are you open?" last
        1.200  backend  text "Open from nine to five, and on Saturdays too." last
        1.500  twilio   info agentSpeaking on
        2.600  twilio   interrupt "" 900
        2.601  twilio   info agentSpeaking off
    """
    spoken = '2.599 twilio info tokensPlayed "Open from 9"\n        2.600'

    turn = script(course).turns[1]
    assert (turn.heard_text, turn.heard_basis) == ("", "tokens_played")
    turn = script(course.replace("2.600", spoken)).turns[1]
    assert (turn.heard_text, turn.heard_basis) == ("Open from nine", "tokens_played")


@tiers
def test_a_reply_that_had_been_heard_stays_heard_when_the_next_one_is_purged(without: Filter) -> None:
    call = script(
        without("""
        0.000  twilio   setup
        0.300  twilio   info agentSpeaking on
        0.900  twilio   info tokensPlayed "Welcome."
        0.901  twilio   info agentSpeaking off
        1.000  twilio   prompt "When are you open?" last
        1.200  backend  text "Open from nine to five, and on Saturdays from ten to two." last
        1.500  twilio   info agentSpeaking on
        5.300  twilio   info tokensPlayed "Open from nine to five, and on Saturdays from ten to two."
        5.301  twilio   info agentSpeaking off
        7.000  twilio   prompt "Where are you?" last
        7.200  backend  text "Five Main Street." last
        7.300  twilio   interrupt "" 0
        9.000  twilio   prompt "What?" last
        9.100  twilio   interrupt "" 0
        19.00  -        gone first=twilio
    """)
    )

    assert interrupted(call) == [(2, "", 0), (3, "", 0)]
    assert (call.turns[1].heard_text, call.turns[1].unheard_text) == (call.turns[1].agent_text, "")
    assert call.turns[1].reply_complete_ms is not None
    assert (call.turns[2].heard_text, call.turns[2].heard_basis) in [("", "tokens_played"), ("", "unknown")]


def test_the_part_of_a_reply_that_crossed_the_interrupt_is_all_that_was_heard() -> None:
    call = script("""
        0.000  twilio   setup
        0.300  twilio   info agentSpeaking on
        0.900  twilio   info tokensPlayed "Welcome."
        0.901  twilio   info agentSpeaking off
        2.000  twilio   prompt "When are you open?" last
        2.100  backend  text "Open from nine "
        2.290  backend  text "to five every day." last
        2.301  twilio   interrupt "" 0
        2.600  twilio   info agentSpeaking on
        4.000  twilio   info tokensPlayed "to five every day."
        4.001  twilio   info agentSpeaking off
        9.000  -        gone first=twilio
    """)

    assert (call.turns[1].heard_text, call.turns[1].unheard_text) == (" to five every day.", "Open from nine")
    assert [cut.unheard_chars for cut in call.turns[1].interruptions] == [14]


def test_the_first_sound_after_a_purged_reply_is_that_of_the_one_whose_tokens_follow() -> None:
    call = script("""
        0.000  twilio   setup
        0.300  twilio   info agentSpeaking on
        0.900  twilio   info tokensPlayed "Welcome."
        0.901  twilio   info agentSpeaking off
        2.000  twilio   dtmf 1
        2.200  backend  text "One it is." last
        2.301  twilio   dtmf 2
        2.302  twilio   interrupt "" 0
        2.400  backend  text "Two it is." last
        2.690  twilio   info agentSpeaking on
        3.600  twilio   info tokensPlayed "Two it is."
        3.601  twilio   info agentSpeaking off
    """)

    assert [turn.heard_text for turn in call.turns[1:]] == ["", "Two it is."]
    assert call.turns[2].budget.output_delay == 290_000_000
    assert call.turns[1].budget.output_delay is None


def test_words_that_occur_twice_were_interrupted_where_tokens_played_ended() -> None:
    call = script("""
        0.000  twilio   setup
        1.000  twilio   prompt "When?" last
        1.200  backend  text "On Monday at noon. On Monday at eight." last
        1.500  twilio   info agentSpeaking on
        2.999  twilio   info tokensPlayed "On Monday"
        3.000  twilio   interrupt "On Monday" 1500
    """)

    assert call.turns[1].heard_text == "On Monday"


def test_a_greeting_that_the_caller_has_answered_is_over() -> None:
    call = script("""
        0.000  twilio   setup
        0.900  twilio   info tokensPlayed "Welcome."
        2.000  twilio   prompt "When are you open?" last
        2.200  backend  text "Open from nine to five." last
        2.480  twilio   interrupt "" 20
        3.000  twilio   prompt "What?" last
        3.200  backend  text "From nine to five." last
        3.300  twilio   interrupt "" 0
        3.800  twilio   prompt "When?" last
        3.900  twilio   interrupt "" 0
    """)

    assert interrupted(call) == [(1, "", 20), (2, "", 0), (3, "", 0)]
    assert [turn.heard_basis for turn in call.turns] == ["tokens_played", "tokens_played", "tokens_played", None]
