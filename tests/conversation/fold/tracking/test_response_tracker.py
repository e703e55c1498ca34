"""Replies that are given up, mixed with others, or come too late, as calls."""

import pytest

from relayproxy.conversation.model import Conversation
from tests.script import play, script


def answered(call: Conversation) -> list[tuple[str, str, int | None, str | None]]:
    """Without the greeting's turn."""
    return [(t.caller_text, t.agent_text, t.response_latency_ms, t.null_reason) for t in call.turns[1:]]


def test_a_reply_that_was_cancelled_and_begun_again_answers_the_new_prompt() -> None:
    call = script("""
        0.00  twilio   setup
        0.30  twilio   prompt "Tell me a long story" last
        0.45  backend  text "You "
        0.60  backend  text "said: "
        0.65  twilio   prompt "And hello" last
        0.80  backend  text "You "
        0.95  backend  text "said: "
        1.10  backend  text "And hello"
        1.10  backend  text "" last
        4.50  twilio   close 1000
        4.50  -        gone first=twilio
    """)

    assert answered(call) == [
        ("Tell me a long story", "You said: ", 150, None),
        ("And hello", "You said: And hello", 150, None),
    ]
    assert [finding.code for finding in call.findings] == ["missing_last"]


@pytest.mark.parametrize("flight", ["", '0.66 backend text "one "'])
def test_a_pause_that_the_reply_did_not_make_before_shows_that_it_was_given_up(flight: str) -> None:
    call = script(
        f"""
        0.00  twilio   setup
        0.30  twilio   prompt "Tell me a story" last
        0.45  backend  text "There "
        0.50  backend  text "was "
        0.56  backend  text "once "
        0.60  twilio   prompt "Hello?" last
        {flight}
        0.90  backend  text "Yes, "
        0.96  backend  text "hello." last
    """
    )

    assert answered(call) == [
        ("Tell me a story", "There was once " + ("one " if flight else ""), 150, None),
        ("Hello?", "Yes, hello.", 300, None),
    ]


def test_the_rest_of_a_slow_reply_is_not_the_answer_to_the_next_prompt_when_that_comes_too() -> None:
    call = script("""
        0.00  twilio   setup
        0.30  twilio   prompt "Tell me a story" last
        0.45  backend  text "There "
        0.50  backend  text "was "
        0.60  twilio   prompt "Hello?" last
        0.90  backend  text "once a fox." last
        1.50  backend  text "Hello there." last
    """)

    assert answered(call) == [
        ("Tell me a story", "There was once a fox.", 150, None),
        ("Hello?", "Hello there.", 900, None),
    ]


def test_where_text_keeps_coming_a_prompt_is_not_called_unanswered() -> None:
    words = "\n".join(f'{0.5 + n / 10:.2f} backend text "word{n} "' for n in range(20))
    call = script(
        f"""
        0.00  twilio   setup
        0.30  twilio   prompt "Tell me a story" last
        {words}
        9.00  twilio   close 1000
        9.00  -        gone first=twilio
    """.replace("1.00 backend", '0.95 twilio prompt "Stop." last\n1.00 backend')
    )

    turn = call.turns[2]
    assert (turn.caller_text, turn.unanswered, turn.null_reason, turn.longest_wait_ms) == (
        "Stop.",
        False,
        "overlap",
        None,
    )
    assert "unanswered" not in call.totals.findings
    assert call.totals.unanswered == 0


def test_a_backend_that_never_ends_a_reply_and_pauses_before_the_next() -> None:
    first = "\n".join(f'{0.5 + n / 10:.2f} backend text "word{n} "' for n in range(10))
    call = script(
        f"""
        0.00  twilio   setup
        0.30  twilio   prompt "Tell me a story" last
        {first}
        1.90  backend  text "Sorry, "
        2.00  backend  text "yes?"
        9.00  twilio   prompt "Bye." last
    """.replace("1.00 backend", '0.95 twilio prompt "Stop." last\n1.00 backend')
    )

    assert answered(call)[1] == ("Stop.", "Sorry, yes?", 950, None)


def test_a_prompt_during_a_whole_reply_is_unanswered_when_nothing_else_comes() -> None:
    words = "\n".join(f'{0.5 + n / 10:.2f} backend text "word{n} "{" last" if n == 19 else ""}' for n in range(20))
    course = f"""
        0.00  twilio   setup
        0.30  twilio   prompt "Tell me a story" last
        {words}
    """.replace("1.10 backend", '1.05 twilio prompt "Stop." last\n1.10 backend')
    live = script(course)
    call = script(course + "\n9.0 twilio close 1000\n9.0 - gone first=twilio")

    assert live.waiting is not None
    assert live.waiting.turn == 2
    assert (call.turns[2].unanswered, call.turns[2].null_reason) == (True, "session_closed")
    assert "unanswered" in call.totals.findings


def test_a_reply_that_comes_after_twilios_close_answers_nothing() -> None:
    played = play("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        2.0  twilio   close 1000
        3.5  backend  text "Good morning." last
    """)
    for call in (played.fold.conversation(), play_on(played, "4.0 - gone first=twilio")):
        turn = call.turns[1]
        assert (turn.agent_text, turn.response_latency_ms, turn.null_reason) == (
            "Good morning.",
            None,
            "session_closed",
        )
        assert (turn.agent_at, turn.first_reaction_ms, turn.heard_text) == (None, None, "")
        assert turn.unheard_text == "Good morning."
        assert (call.totals.responses, call.totals.response_latency.n) == (0, 0)
        assert call.totals.greeting_latency_ms is None
    assert call.turns[1].unanswered
    assert call.totals.unanswered == 1


def play_on(played: object, line: str) -> Conversation:
    played.line(line)  # type: ignore[attr-defined]
    made: Conversation = played.fold.conversation()  # type: ignore[attr-defined]
    return made


def test_a_reply_to_a_partial_prompt_that_never_became_a_final_one() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "Uh"
        1.1  backend  text "Yes?" last
    """
    later = '9.0 twilio prompt "A table." last \n 9.4 backend text "Sure." last'
    slow = call.replace("1.1  backend", "4.1  backend")

    assert script(call).findings == ()
    for course in (call + later, call + "9.0 twilio close 1000 \n 9.0 - gone first=twilio", slow + later):
        assert [(f.code, f.turn, f.detail) for f in script(course).findings] == [
            ("reply_to_partial", 1, "the answer began on words that never became a final prompt")
        ]


def test_a_backend_that_answers_partial_prompts_after_the_final_one_has_come() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "book"
        1.2  twilio   prompt "book me"
        1.4  twilio   prompt "book me a table." last
        2.0  backend  text "You said: book" last
        2.2  backend  text "You "
        2.3  backend  text "said: book me" last
        2.4  backend  text "You said: book me a table." last
        3.0  backend  text "Goodbye." last
    """)

    assert answered(call) == [
        ("book me a table.", "You said: bookYou said: book meYou said: book me a table.", None, "overlap"),
        ("", "Goodbye.", None, "no_prompt"),
    ]
    assert [(f.code, f.turn, f.detail) for f in call.findings] == [
        ("reply_to_partial", 1, "several replies to the same words: partial prompts were answered too")
    ]


def test_a_reply_that_had_made_way_for_another_is_not_cut_off_by_the_end_of_the_call() -> None:
    call = script("""
        0.00  twilio   setup
        0.30  twilio   prompt "Tell me a long story" last
        0.45  backend  text "You "
        0.65  twilio   prompt "And hello" last
        1.80  backend  text "You "
        2.00  -        gone first=backend backend=reset
    """)

    assert [(turn.agent_text, turn.cut_off) for turn in call.turns[1:]] == [("You ", False), ("You ", True)]


def test_two_replies_word_by_word_among_each_other() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "One" last
        1.5  backend  text "One "
        1.6  twilio   prompt "wait" last
        1.7  backend  text "two "
        1.8  backend  text "Sure, "
        1.9  backend  text "three." last
        2.0  backend  text "what is it?" last
    """)

    assert answered(call)[1] == ("wait", "what is it?", None, "overlap")
    assert [(f.code, f.detail) for f in call.findings] == [
        ("interleaved_replies", "a second reply was sent among the texts of the first")
    ]


def test_a_second_reply_behind_a_first_that_kept_its_pace_has_its_latency() -> None:
    words = "\n".join(f'{1.1 + n / 10:.2f} backend text "word{n} "{" last" if n == 9 else ""}' for n in range(10))
    call = script(
        f"""
        0.0  twilio   setup
        1.0  twilio   prompt "One" last
        {words}
        2.05 backend  text "Two." last
    """.replace("1.80 backend", '1.75 twilio prompt "And two" last\n1.80 backend')
    )

    assert answered(call)[1] == ("And two", "Two.", 300, None)
    assert [f.detail for f in call.findings] == ["a second reply came right behind the first"]
