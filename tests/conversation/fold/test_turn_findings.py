"""What is remarkable about a turn, as calls; the habits of public sample backends among them."""

from typing import Literal

import pytest

from relayproxy.conversation.checks.findings import CATALOGUE, Thresholds
from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation
from tests.script import play, script

SETUP = "0.0 twilio setup\n"
ASKED = SETUP + '1.0 twilio prompt "Hello" last\n'
HUNG_UP = "\n30.0 twilio close 1000\n30.0 - gone first=twilio"


def told(call: Conversation) -> list[tuple[str, int | None, int | None]]:
    assert all(finding.code in CATALOGUE for finding in call.findings)
    return [(finding.code, finding.turn, finding.seq) for finding in call.findings]


def details(call: Conversation) -> list[str]:
    return [finding.detail for finding in call.findings]


@pytest.mark.parametrize(("at", "found"), [("2.9", []), ("3.0", [("slow_turn", 1, 2)])])
def test_a_slow_turn(at: str, found: list[tuple[str, int, int]]) -> None:
    assert told(script(ASKED + f'{at} backend text "Hi." last')) == found


def test_thresholds_can_be_others() -> None:
    played = play(ASKED + '1.7 backend text "Well, " \n 2.3 backend text "hi." last')
    fold = Fold(Thresholds(slow_turn_ms=500, stall_ms=400))
    fold.open(played.opening)
    for message in played.messages:
        fold.feed(played.opening.connection_id, message)

    assert told(fold.conversation()) == [("slow_turn", 1, 2), ("stall", 1, 3)]
    assert told(played.fold.conversation()) == []


def test_a_stall_points_at_the_text_that_ended_it() -> None:
    call = script(ASKED + '2.0 backend text "Well, " \n 2.1 backend text "I " \n 4.6 backend text "see." last')

    assert told(call) == [("stall", 1, 4)]
    assert details(call) == ["2.5 s between two parts of the answer"]


@pytest.mark.parametrize(("at", "found"), [("3.3", []), ("3.4", [("asked_again", 1, 2)])])
def test_a_caller_who_has_to_ask_again_begins_to_as_long_before_as_it_takes_to_say(
    at: str, found: list[tuple[str, int, int]]
) -> None:
    again = f'{at} twilio prompt "Hello?" last \n 3.5 backend text "Yes?" last'

    assert told(script(ASKED + again)) == found


@pytest.mark.parametrize(
    ("on", "said"), [("1.8", []), ("3.1", ["2.1 s without an answer, then the caller spoke again"])]
)
def test_a_caller_who_goes_on_after_a_breath_has_not_asked_again_however_long_they_speak(
    on: str, said: list[str]
) -> None:
    call = script(
        ASKED
        + f"""
        {on} twilio info clientSpeaking on
        5.5  twilio info clientSpeaking off
        5.6  twilio prompt "and another thing, please" last
        6.0  backend text "Both are done." last
        """
    )

    assert details(call) == said


def test_no_answer() -> None:
    call = script(
        ASKED + "9.0 twilio dtmf 1 \n 9.5 backend text 'One.' last \n 12.0 twilio prompt 'bye' last" + HUNG_UP
    )

    assert told(call) == [("slow_turn", 1, 3), ("unanswered", 2, 4)]
    assert details(call)[1] == "no words for 18.0 s after a prompt"


@pytest.mark.parametrize(("side", "sure"), [("backend", False), ("twilio", True)])
def test_an_answer_that_may_have_been_lost_is_not_said_to_have_failed_to_come(
    side: Literal["twilio", "backend"], sure: bool
) -> None:
    asked, again = play(ASKED), play(ASKED + '7.0 twilio prompt "Hello?" last \n 7.5 backend text "Yes?" last')
    connection = asked.opening.connection_id
    asked.fold.feed(connection, Message(9, 2 * 10**9, side, "gap", size=300, note="disk"))
    for message in again.messages[2:]:
        asked.fold.feed(connection, message)

    (said,) = [finding.detail for finding in asked.fold.conversation().findings if finding.code == "asked_again"]
    assert said.startswith("5.6 s without an answer, then the caller spoke again")
    assert ("was not recorded, so it may have come" not in said) is sure


@pytest.mark.parametrize(
    "course",
    [
        '1.5 backend end \'{"reasonCode":"live-agent"}\' \n 1.6 twilio close 1000 \n 1.6 - gone first=twilio',
        "2.0 twilio close 1000 \n 2.0 - gone first=twilio",
    ],
)
def test_a_transfer_and_a_caller_who_did_not_wait_are_no_silence(course: str) -> None:
    assert told(script(ASKED + course)) == []


def test_a_reply_that_is_never_terminated() -> None:
    call = script(ASKED + '1.5 backend text "Hi." \n 5.0 twilio prompt "and" last \n 6.5 backend text "Yes." last')

    assert told(call) == [("missing_last", 1, 2)]


def test_a_reply_that_the_end_of_the_call_cut_off_was_not_left_open() -> None:
    streaming = ASKED + '29.5 backend text "Hi." '

    assert "missing_last" not in script(streaming + HUNG_UP).totals.findings
    assert "missing_last" in script(ASKED + '1.5 backend text "Hi."' + HUNG_UP).totals.findings


def test_a_reply_that_a_lost_connection_cut_off_was_not_left_open() -> None:
    call = script("""
        0.0  twilio     setup sessionId=VX1
        1.0  twilio     prompt "Hello" last
        1.5  backend    text "One two "
        2.0  -          gone first=backend backend=reset
        4.0  twilio@2   setup sessionId=VX1
        4.1  twilio@2   prompt "Are you there?" last
        4.5  backend@2  text "Yes." last
    """)

    assert [code for code, *_ in told(call)] == ["reconnected"]


def test_a_reply_that_was_given_up_for_another_one_was_left_open() -> None:
    # Cancelling without a word leaves an orphan behind; what comes then answers the second prompt.
    call = script(
        ASKED
        + """
        1.5  backend  text "You "
        1.6  twilio   prompt "a table" last
        2.2  backend  text "You said: "
        2.3  backend  text "a table." last
    """
    )

    assert [(turn.agent_text, turn.response_latency_ms) for turn in call.turns[1:]] == [
        ("You ", 500),
        ("You said: a table.", 600),
    ]
    assert told(call) == [("missing_last", 1, 2)]


def test_an_interrupted_reply_need_not_be_terminated() -> None:
    call = script(
        ASKED
        + """
        1.5  backend  text "One two three. "
        2.5  twilio   interrupt "One" 600
        3.0  twilio   prompt "stop" last
        3.5  backend  text "Yes?" last
    """
        + HUNG_UP
    )

    assert told(call) == []


@pytest.mark.parametrize(
    "course",
    [
        # It was complete, or given up, long before.
        '1.5 backend text "One two three." \n 4.0 twilio interrupt "One" 600 \n 4.5 twilio prompt "stop" last',
        # It went on as if nothing had happened, and just ended.
        """
        1.5  backend  text "One two three. "
        2.0  twilio   interrupt "One" 600
        2.3  backend  text "Four. "
        2.8  backend  text "Five."
        5.0  twilio   prompt "stop" last
        """,
        # What was interrupted is another reply of the turn.
        """
        1.2  twilio   interrupt "" 0
        1.5  backend  text "One two three."
        5.0  twilio   prompt "and" last
        """,
    ],
)
def test_an_interruption_excuses_only_the_reply_that_it_cut_off(course: str) -> None:
    call = script(ASKED + course + '\n 6.0 backend text "Yes?" last')

    assert ("missing_last", 1) in [(code, turn) for code, turn, _ in told(call)]


def test_speech_that_goes_on_after_an_interrupt() -> None:
    call = script(
        ASKED
        + """
        1.5  backend  text "One. "
        2.0  backend  text "Two. "
        2.5  twilio   interrupt "One" 600
        2.6  backend  text "Three. "
        3.2  backend  text "Four." last
        4.0  twilio   prompt "stop" last
        4.5  backend  text "Yes?" last
    """
    )

    assert told(call) == [("stale_speech", 1, 4)]
    assert details(call) == ["2 more messages with 12 characters in 700 ms"]


def test_the_acknowledgement_of_an_interrupt_is_not_stale() -> None:
    call = script(
        ASKED
        + """
        1.5  backend  text "One two three. "
        2.0  twilio   interrupt "One" 600
        2.4  backend  text "" last
        2.5  twilio   prompt "stop" last
        3.0  backend  text "Yes?" last
    """
    )

    assert told(call) == []
    assert call.turns[1].interruptions[0].stale_chunks == 0


def test_text_that_comes_slower_than_it_is_spoken() -> None:
    spoken = """
        1.5  backend  text "This sentence has some forty characters. " last
        1.9  twilio   info agentSpeaking on
        4.0  twilio   info tokensPlayed "This sentence has some forty characters."
        4.1  twilio   info agentSpeaking off
        5.0  twilio   prompt "and" last
    """
    slow = "\n".join(f'{6 + 0.9 * n:.1f} backend text "word "' for n in range(6)) + '\n11.5 backend text "end." last'

    assert ("starved_speech", 2, 7) in told(script(ASKED + spoken + slow))


def test_an_interruption_that_nobody_meant() -> None:
    call = script(
        ASKED
        + """
        1.5  backend  text "One two three." last
        2.0  twilio   interrupt "One" 600
        9.0  twilio   info agentSpeaking off
    """
    )

    assert told(call) == [("false_interruption", 1, 3)]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Here is **the menu** for today.", "markdown"),
        ("See https://example.com/menu for more.", "url"),
        ("Your code is 49302817.", "raw_number"),
        ("Wie kann ich Ihnen heute helfen, und was darf ich für Sie tun?", "wrong_language"),
    ],
)
def test_what_a_voice_cannot_speak_well(said: str, code: str) -> None:
    assert told(script(ASKED + f'1.5 backend text "{said}" last')) == [(code, 1, 2)]


def test_the_finding_points_at_the_token() -> None:
    call = script(
        ASKED
        + '1.5 backend text "Look at " \n 1.6 backend text "www.example.com/menu" \n 1.7 backend text " now." last'
    )

    assert told(call) == [("url", 1, 3)]


def test_the_language_that_was_set_is_the_one_that_counts() -> None:
    german = "Wie kann ich Ihnen heute helfen, und was darf ich für Sie tun?"

    assert told(script(ASKED + f'1.4 backend language de-DE \n 1.5 backend text "{german}" last')) == []


# -- habits of public sample backends --------------------------------------------------------------------------------


def test_a_backend_that_answers_partials_starts_several_generations() -> None:
    # `last` of a prompt is not looked at: each partial begins a reply of its own.
    call = script(
        SETUP
        + """
        1.0  twilio   prompt "book me"
        1.2  twilio   prompt "book me a table"
        1.3  backend  text "You said: "
        1.4  backend  text "book me" last
        1.5  backend  text "You said: book me a table" last
        1.6  twilio   prompt "book me a table." last
        2.0  backend  text "You said: book me a table." last
    """
    )

    assert [code for code, *_ in told(call)] == ["reply_to_partial", "interleaved_replies"]
    assert call.turns[1].null_reason == "speculative"


def test_a_backend_that_starts_a_reply_without_cancelling_the_one_before() -> None:
    call = script(
        ASKED
        + """
        1.5  backend  text "One "
        1.6  twilio   prompt "wait" last
        1.7  backend  text "two "
        1.8  backend  text "Sure, "
        1.9  backend  text "three." last
        2.0  backend  text "what is it?" last
    """
    )

    assert ("interleaved_replies", 1, 7) in told(call)


def test_a_filler_before_the_answer_is_not_interleaved() -> None:
    partial = '0.8 twilio prompt "He"\n'
    call = script(SETUP + partial + ASKED + '1.3 backend text "One moment." last \n 1.9 backend text "Here." last')

    assert told(call) == []


def test_a_backend_that_ends_with_a_bare_word() -> None:
    call = script(
        ASKED
        + """
        1.5  backend  text "Bye." last
        5.0  backend  end end_call
        5.1  twilio   close 1000
        5.1  -        gone first=twilio
    """
    )

    assert told(call) == [("handoff_not_json", 1, 3)]
    assert call.handoff is not None
    assert (call.handoff.raw, call.handoff.is_string) == ("end_call", True)


def test_a_backend_that_ends_with_an_object() -> None:
    call = script(ASKED + """1.5 backend raw '{"type":"end","handoffData":{"reasonCode":"done"}}'""")

    assert told(call) == [("handoff_not_string", 1, 2)]
    assert call.handoff is not None
    assert call.handoff.reason_code == "done"


def test_a_backend_that_sends_its_own_error_to_twilio() -> None:
    error = '{"type":"error","message":"Session not initialized"}'
    call = script(
        ASKED
        + f"""
        1.2  backend  raw '{error}'
        1.3  twilio   error 'Invalid message received, code: 64107, {error}'
    """
        + HUNG_UP
    )

    assert [code for code, *_ in told(call)] == ["unanswered", "leaked_error"]


SENTENCE = "We have ravioli with sage, sea bass with lemon and a tart of the day. "
"""70 characters."""


@pytest.mark.parametrize(
    ("text", "found"),
    [(SENTENCE * 3, [("unstreamed_reply", 1, 2)]), (SENTENCE * 2, []), (" " * 200 + SENTENCE, [])],
)
def test_a_long_reply_in_one_message(text: str, found: list[tuple[str, int, int]]) -> None:
    call = script(ASKED + f'1.5 backend text "{text}" last')

    assert told(call) == found
    assert details(call) == ["209 characters, 14 s of speech, in one message"] * len(found)


@pytest.mark.parametrize("then", ["", '\n 3.5 twilio interrupt "We have" 1500 \n 3.9 twilio prompt "And?" last'])
def test_its_end_may_come_by_itself_and_the_caller_interrupt_it(then: str) -> None:
    call = script(ASKED + f'1.5 backend text "{SENTENCE * 3}" \n 1.6 backend text "" last' + then)

    assert told(call) == [("unstreamed_reply", 1, 2)]


@pytest.mark.parametrize(
    "course",
    [
        # It is streamed, and its first words are spoken meanwhile.
        f'1.5 backend text "{SENTENCE}" \n 2.0 backend text "{SENTENCE * 3}" last',
        # Something else is spoken or played first.
        f'1.5 backend text "One moment. " last \n 2.5 backend text "{SENTENCE * 3}" last',
        f'1.5 backend play https://example.com/typing.mp3 \n 2.5 backend text "{SENTENCE * 3}" last',
        # Whether more would have come is not known.
        f'1.5 backend text "{SENTENCE * 3}" \n 2.5 twilio interrupt "We have" 400 \n 2.6 backend text "" last',
        f'1.5 backend text "{SENTENCE * 3}"',
    ],
)
def test_a_long_message_that_is_not_the_whole_reply(course: str) -> None:
    assert not {"unstreamed_reply", "held_reply"} & script(ASKED + course).totals.findings.keys()


def test_nobody_waits_for_a_long_greeting() -> None:
    assert told(script(SETUP + f'0.1 backend text "{SENTENCE * 3}" last')) == []


def streamed(begin: str, step: int, *, last: int) -> str:
    """A reply of three sentences, milliseconds apart, and its end."""
    at = [round(float(begin) * 1000) + n * step for n in range(3)]
    texts = [f'{ms / 1000:.3f} backend text "{SENTENCE}"' for ms in at]
    return ASKED + "\n".join([*texts, f'{(at[-1] + last) / 1000:.3f} backend text "" last'])


def test_a_reply_that_was_complete_before_its_first_word_was_sent() -> None:
    call = script(streamed("2.5", 1, last=1))

    assert told(call) == [("held_reply", 1, 2)]
    assert details(call) == ["nothing for 1.5 s, then 209 characters within 3 ms"]


@pytest.mark.parametrize(
    "course",
    [
        streamed("2.5", 100, last=1),  # as a model writes
        streamed("2.5", 1, last=900),  # its end shows that more was being made
        streamed("1.9", 1, last=1),  # nobody waited for it
    ],
)
def test_a_reply_that_was_sent_as_it_was_made(course: str) -> None:
    assert told(script(course)) == []


def test_a_card_number_in_the_handoff() -> None:
    call = script(ASKED + """1.5 backend end '{"card":"4242 4242 4242 4242"}'""")

    assert told(call) == [("handoff_card_number", 1, 2)]
    assert "4242" not in details(call)[0]


def test_a_reason_that_nobody_gets() -> None:
    call = script(ASKED + """1.5 backend raw '{"type":"end","reason":"asked for a person"}'""")

    assert told(call) == [("handoff_misplaced", 1, 2)]
    assert details(call) == ['"reason" beside its place: there is no handoffData']


@pytest.mark.parametrize(
    "end", ['{"type":"end"}', '{"type":"end","reason":"x","handoffData":"{}"}', '{"type":"end","id":"7"}']
)
def test_an_end_that_says_nothing_beside_its_data(end: str) -> None:
    assert told(script(ASKED + f"1.5 backend raw '{end}'")) == []
