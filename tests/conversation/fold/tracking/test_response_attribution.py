"""Which prompt each reply answers where several prompts wait at once, as calls."""

import pytest

from relayproxy.conversation.model import Conversation
from tests.script import START, play, script

TWO = """
    0.0  twilio   setup
    0.3  twilio   prompt "When do you open?" last
    0.7  twilio   prompt "Where can I park?" last
"""


def answered(call: Conversation) -> list[tuple[str, str, int | None]]:
    """Without the greeting's turn."""
    return [(turn.caller_text, turn.agent_text, turn.response_latency_ms) for turn in call.turns[1:]]


def test_two_prompts_and_two_replies_are_two_answered_turns() -> None:
    call = script(
        TWO
        + """
        0.8  backend  text "At nine." last
        1.3  backend  text "Behind the house." last
    """
    )

    assert answered(call) == [
        ("When do you open?", "At nine.", 500),
        ("Where can I park?", "Behind the house.", 600),
    ]
    assert [turn.opened_by for turn in call.turns] == ["setup", "prompt", "prompt"]
    assert [turn.coalesced_prompts for turn in call.turns] == [0, 0, 0]
    assert [turn.attribution for turn in call.turns] == ["exact"] * 3
    assert [(turn.started_at - START) / 1e9 for turn in call.turns] == [0.0, 0.3, 0.7]
    assert [turn.ended_at and (turn.ended_at - START) / 1e9 for turn in call.turns] == [0.3, 0.7, None]
    assert [[mark.text for mark in turn.marks] for turn in call.turns[1:]] == [
        ["When do you open?"],
        ["Where can I park?"],
    ]
    assert [turn.first_reaction_ms for turn in call.turns[1:]] == [500, 600]
    assert call.findings == ()


def test_two_prompts_and_one_reply_are_one_turn() -> None:
    call = script(TWO + '0.8 backend text "At nine, behind " \n 1.3 backend text "the house." last')

    assert answered(call) == [("When do you open? Where can I park?", "At nine, behind the house.", 100)]
    assert call.turns[1].coalesced_prompts == 1


def test_replies_that_come_out_of_order_are_told_by_their_words() -> None:
    call = script(
        TWO
        + """
        0.8  backend  text "You can "
        0.9  backend  text "park behind the house." last
        1.3  backend  text "We open at nine." last
    """
    )

    assert answered(call) == [
        ("When do you open?", "We open at nine.", 1000),
        ("Where can I park?", "You can park behind the house.", 100),
    ]
    assert [turn.attribution for turn in call.turns[1:]] == ["inferred", "inferred"]
    assert [turn.number for turn in call.turns] == [0, 1, 2]


def test_what_is_told_before_the_second_reply_ends_is_what_is_told_after_it() -> None:
    played = play(TWO + '0.8 backend text "At nine." last')
    assert answered(played.fold.conversation()) == [("When do you open? Where can I park?", "At nine.", 100)]
    assert played.fold.conversation().settled_turns <= 1

    played.line('1.3 backend text "Behind "')
    assert answered(played.fold.conversation()) == [
        ("When do you open?", "At nine.", 500),
        ("Where can I park?", "Behind ", 600),
    ]
    assert played.fold.conversation().settled_turns <= 1

    played.line('1.4 backend text "the house." last')
    played.line("9.0 twilio prompt Thanks last")
    assert played.fold.conversation().settled_turns == 3


def test_prompts_merged_long_ago_do_not_explain_a_message_that_comes_unasked() -> None:
    call = script(TWO + '0.8 backend text "At nine, behind it." last \n 6.0 backend text "Are you still there?" last')

    assert [(turn.opened_by, turn.response_latency_ms) for turn in call.turns[1:]] == [
        ("prompt", 100),
        ("proactive", None),
    ]


def test_a_third_prompt_while_the_second_still_waits() -> None:
    call = script(
        TWO
        + """
        0.8  backend  text "At nine." last
        1.0  twilio   prompt "Thanks." last
        1.3  backend  text "Behind the house." last
        1.7  backend  text "You are welcome." last
    """
    )

    assert answered(call) == [
        ("When do you open?", "At nine.", 500),
        ("Where can I park?", "Behind the house.", 600),
        ("Thanks.", "You are welcome.", 700),
    ]


def test_three_prompts_and_two_replies_leave_the_rest_to_the_last_one() -> None:
    call = script(
        TWO
        + """
        0.8  twilio   prompt "Hello?" last
        0.9  backend  text "At nine." last
        1.3  backend  text "Behind the house." last
    """
    )

    assert answered(call) == [
        ("When do you open?", "At nine.", 600),
        ("Where can I park? Hello?", "Behind the house.", 500),
    ]


def test_a_prompt_that_comes_in_the_middle_of_a_reply_has_the_next_one() -> None:
    call = script(
        """
        0.0  twilio   setup
        0.3  twilio   prompt "When do you open?" last
        0.5  backend  text "At "
        0.7  twilio   prompt "Where can I park?" last
        0.8  twilio   prompt "Is it free?" last
        0.9  backend  text "nine." last
        1.4  backend  text "Behind the house." last
        1.8  backend  text "It is." last
    """
    )

    assert answered(call) == [
        ("When do you open?", "At nine.", 200),
        ("Where can I park?", "Behind the house.", 700),
        ("Is it free?", "It is.", 1000),
    ]


# -- fillers ---------------------------------------------------------------------------------------------------------


def test_a_filler_and_the_real_answer_are_one_turn() -> None:
    call = script("""
        0.0  twilio   setup
        0.3  twilio   prompt "When do you open?" last
        0.5  backend  text "One moment, please." last
        2.8  backend  text "At nine." last
    """)

    assert answered(call) == [("When do you open?", "One moment, please.At nine.", 200)]
    assert (call.turns[1].unterminated, call.turns[1].time_to_last_token_ms, call.turns[1].stalls) == (False, 2500, 0)


def test_a_filler_does_not_make_a_merged_answer_one_of_two() -> None:
    call = script(TWO + '0.8 backend text "One moment." last \n 1.3 backend text "At nine, behind the house." last')

    assert answered(call) == [
        ("When do you open? Where can I park?", "One moment.At nine, behind the house.", 100),
    ]


def test_a_filler_before_each_of_two_answers() -> None:
    call = script(
        TWO
        + """
        0.8  backend  text "One moment." last
        1.3  backend  text "At nine." last
        1.4  backend  text "Let me check." last
        1.9  backend  text "Behind the house." last
    """
    )

    assert answered(call) == [
        ("When do you open?", "One moment.At nine.", 500),
        ("Where can I park?", "Let me check.Behind the house.", 700),
    ]


@pytest.mark.parametrize("filler", ["", '1.45 backend text "One moment." last'])
def test_a_prompt_between_the_filler_and_its_answer(filler: str) -> None:
    call = script(
        f"""
        0.0  twilio   setup
        0.3  twilio   prompt "When do you open?" last
        0.5  backend  text "Let me check." last
        0.7  twilio   prompt "Where can I park?" last
        1.4  backend  text "At nine." last
        {filler}
        1.9  backend  text "Behind the house." last
    """
    )

    assert [(turn.caller_text, turn.agent_text.replace("One moment.", "")) for turn in call.turns[1:]] == [
        ("When do you open?", "Let me check.At nine."),
        ("Where can I park?", "Behind the house."),
    ]
    assert call.turns[1].response_latency_ms == 200


def test_an_interrupt_ends_what_was_owed() -> None:
    call = script(
        TWO
        + """
        0.8  backend  text "At nine." last
        1.5  twilio   interrupt "At" 300
        1.6  backend  text "Sorry?" last
    """
    )

    assert [(turn.opened_by, turn.agent_text) for turn in call.turns[1:]] == [
        ("prompt", "At nine."),
        ("proactive", "Sorry?"),
    ]


def test_prompts_of_one_moment_keep_a_mark_each() -> None:
    call = script(
        """
        0.0  twilio   setup
        0.3  twilio   prompt "When do you open?" last
        0.3  twilio   prompt "Where can I park?" last
        0.3  twilio   prompt "Thanks." last
        0.8  backend  text "At nine." last
        1.3  backend  text "Behind the house." last
        1.7  backend  text "You are welcome." last
    """
    )

    assert [[mark.text for mark in turn.marks] for turn in call.turns[1:]] == [
        ["When do you open?"],
        ["Where can I park?"],
        ["Thanks."],
    ]


def test_fifty_prompts_at_once_and_as_many_replies() -> None:
    asked = [f"Tell me about item {number}." for number in range(50)]
    told = [f"Item {49 - number} is sold out." for number in range(50)]
    prompts = "\n".join(f'0.3 twilio prompt "{text}" last' for text in asked)
    replies = "\n".join(f'{1 + number / 10} backend text "{text}" last' for number, text in enumerate(told))

    call = script(f"0.0 twilio setup\n{prompts}\n{replies}")

    assert [turn.caller_text for turn in call.turns[1:]] == asked
    assert sorted(turn.agent_text for turn in call.turns[1:]) == sorted(told)
    assert [[mark.text for mark in turn.marks] for turn in call.turns[1:]] == [[text] for text in asked]
