"""How long the caller waited, as it was: from the first prompt that nothing answered."""

import pytest

from relayproxy.conversation.hearing.playback import LAG
from relayproxy.conversation.model import Conversation
from tests.script import START, script

AGAIN = """
    0.000  twilio   setup sessionId=VX1 callSid=CA1
    1.000  twilio   prompt "Please cancel my booking." last
    5.600  twilio   prompt "Hello, are you there?" last
    5.801  backend  text "Yes, it is cancelled." last
    9.000  twilio   close 1000
    9.000  -        gone first=twilio
"""


def waits(call: Conversation) -> list[int | None]:
    return [turn.longest_wait_ms for turn in call.turns]


def counted(call: Conversation) -> tuple[int, int]:
    return call.totals.unanswered, call.totals.asked_again


def test_a_caller_who_had_to_ask_again_waited_from_the_first_prompt_on() -> None:
    call = script(AGAIN)

    assert call.turns[1].response_latency_ms == 201
    assert waits(call) == [None, 4801]
    assert call.totals.longest_wait_ms == 4801
    assert counted(call) == (1, 1)
    assert (call.turns[1].unanswered, call.turns[1].asked_again) == (False, True)
    assert [finding.code for finding in call.findings] == ["asked_again"]


def test_a_caller_who_never_got_an_answer_waited_until_the_end() -> None:
    call = script("""
        0.0   twilio  setup
        1.0   twilio  prompt "Hello?" last
        13.0  twilio  close 1000
        45.0  -       gone first=twilio
    """)

    assert waits(call) == [None, 12_000]
    assert call.totals.longest_wait_ms == 12_000
    assert counted(call) == (1, 0)
    assert [finding.detail for finding in call.findings] == ["no words for 12.0 s after a prompt"]


@pytest.mark.parametrize(
    "late",
    [
        'text "Yes, it is cancelled." last',
        "play https://example.com/jingle.mp3",
        "sendDigits 12",
        'end \'{"reasonCode":"cancelled"}\'',
    ],
)
def test_who_hung_up_soon_was_not_left_waiting_however_late_the_backend_notices(late: str) -> None:
    call = script(f"""
        0.0  twilio   setup
        1.0  twilio   prompt "Please cancel my booking." last
        1.5  twilio   close 1000
        6.0  backend  {late}
        6.5  backend  close 1000
        6.6  -        gone first=twilio
    """)

    assert waits(call) == [None, 500]
    assert (call.turns[1].null_reason, call.turns[1].unanswered) == ("session_closed", True)
    assert call.turns[1].ended_at == START + 1_500_000_000
    assert (call.handoff, call.findings) == (None, ())


def test_keys_that_nothing_answered_are_waited_for_when_the_caller_then_speaks() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   dtmf 3
        2.0  twilio   dtmf 1
        8.0  twilio   prompt "Hello?" last
        8.3  backend  text "Sales." last
    """)

    assert waits(call) == [None, 6300]
    assert (call.turns[1].response_latency_ms, counted(call)) == (300, (1, 1))
    assert [finding.detail for finding in call.findings] == ["5.6 s without an answer, then the caller spoke again"]


def test_asking_again_and_giving_up_is_one_unanswered_turn() -> None:
    call = script("""
        0.0  twilio  setup
        1.0  twilio  prompt "Hello?" last
        4.0  twilio  prompt "Anybody?" last
        9.0  twilio  close 1000
        9.0  -       gone first=twilio
    """)

    assert waits(call) == [None, 8000]
    assert counted(call) == (1, 1)


ON_HOLD = """
    0.000  twilio   setup sessionId=VX1 callSid=CA1
    1.000  twilio   prompt "Please cancel my booking." last
    1.200  backend  text "One moment." last
"""
SPOKEN = LAG // 1_000_000 + 733
"""Milliseconds after which “One moment.” has been spoken, at 15 characters a second."""
EVENTS = """
    1.600  twilio   info agentSpeaking on
    2.400  twilio   info tokensPlayed "One moment."
    2.401  twilio   info agentSpeaking off
"""
HUNG_UP = "15.0 twilio close 1000 \n 18.0 - gone first=twilio"


@pytest.mark.parametrize(
    ("course", "wait"),
    [
        ('10.5 backend text "It is cancelled." last \n' + HUNG_UP, 10_500 - 1200 - SPOKEN),
        ('10.5 backend text "It is cancelled." last \n 11.0 twilio info agentSpeaking on \n' + HUNG_UP, 11_000 - 2401),
        (HUNG_UP, 15_000 - 1200 - SPOKEN),
        ('9.0 twilio prompt "Hello?" last \n 9.2 backend text "It is cancelled." last', 9000 - 1200 - SPOKEN),
    ],
)
def test_who_was_asked_to_wait_waits_for_the_answer(course: str, wait: int) -> None:
    call = script(ON_HOLD + (EVENTS if "agentSpeaking" in course else "") + course)

    assert call.turns[1].response_latency_ms == 200
    assert call.turns[1].longest_wait_ms == call.totals.longest_wait_ms == wait
    assert [(found.code, found.detail) for found in call.findings] == [
        ("slow_turn", f"{wait / 1000:.1f} s of silence after the caller had been asked to wait")
    ]


@pytest.mark.parametrize(
    "course",
    [
        '2.3 backend text "It is cancelled." last',
        '1.3 backend play https://example.com/music.mp3 \n 10.5 backend text "It is cancelled." last',
        "",
    ],
)
def test_who_was_asked_to_wait_and_is_not_kept_waiting_in_silence(course: str) -> None:
    call = script(ON_HOLD + course)

    assert (waits(call), call.findings) == ([None, 200], ())


def test_going_on_after_a_breath_is_not_asking_again() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "A table," last
        2.0  twilio   prompt "for two." last
        2.3  backend  text "Gladly." last
    """)

    assert waits(call) == [None, 1300]
    assert counted(call) == (0, 0)


def test_with_events_the_wait_lasts_until_the_first_sound() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   info clientSpeaking on
        2.0  twilio   info clientSpeaking off
        2.3  twilio   prompt "Hello?" last
        2.8  backend  text "Hi." last
        3.4  twilio   info agentSpeaking on
        4.0  twilio   info agentSpeaking off
    """)

    assert (call.turns[1].response_latency_ms, call.turns[1].longest_wait_ms) == (500, 1100)


def test_who_is_waiting_now_has_no_longest_wait_yet() -> None:
    waiting = script('0.0 twilio setup \n 1.0 twilio prompt "Hello?" last \n 9.0 twilio info x y').turns[1]

    assert (waiting.longest_wait_ms, waiting.null_reasons["longest_wait_ms"]) == (None, "pending")


def test_typing_a_number_is_not_waiting() -> None:
    keys = " \n ".join(f"{at}.0 twilio dtmf {at}" for at in range(1, 7))

    assert script(f"0.0 twilio setup \n {keys} \n 6.4 backend text 'Thank you.' last").turns[1].longest_wait_ms == 400


@pytest.mark.parametrize(
    ("answer", "unanswered", "why"),
    [
        ('backend end \'{"reasonCode":"live-agent"}\'', False, "handed_off"),
        ("backend sendDigits 12", False, "session_closed"),
        ("backend end", True, "no_response"),
    ],
)
def test_a_handoff_without_words_is_an_answer(answer: str, unanswered: bool, why: str) -> None:
    call = script(f"""
        0.0  twilio  setup
        1.0  twilio  prompt "A person, please." last
        4.0  {answer}
        9.0  twilio  close 1000
        9.0  -       gone first=twilio
    """)

    assert (call.turns[1].unanswered, call.turns[1].null_reason) == (unanswered, why)
    assert call.totals.unanswered == unanswered
    assert ("unanswered" in call.totals.findings) == unanswered


def test_who_interrupts_before_the_first_sound_had_waited_until_then() -> None:
    call = script("""
        0.000  twilio   setup
        0.300  twilio   info agentSpeaking on
        1.010  twilio   info agentSpeaking off
        2.000  twilio   prompt "When are you open?" last
        2.300  backend  text "Open from nine to five." last
        2.580  twilio   info clientSpeaking on
        2.585  twilio   interrupt "" 0
        3.000  twilio   info clientSpeaking off
        3.010  twilio   prompt "Where are you?" last
        3.300  backend  text "Five Main Street." last
        3.600  twilio   info agentSpeaking on
        4.600  twilio   info tokensPlayed "Five Main Street."
        4.601  twilio   info agentSpeaking off
        9.000  twilio   close 1000
        9.000  -        gone first=twilio
    """)

    assert waits(call) == [None, 585, 590]
