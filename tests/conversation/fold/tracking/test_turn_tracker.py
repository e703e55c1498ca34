"""Turns and responses: every rule about what opens a turn and what a text belongs to, as calls."""

import pytest

from tests.script import START, script


def test_a_call() -> None:
    call = script("""
        0.000        twilio   setup sessionId=VX1 callSid=CA1
        1.200        twilio   prompt "book me a table" last
        1.950        backend  text "Sure, "
        2.010        backend  text "for when?" last
        2.400        twilio   interrupt "Sure, for" 460
    """)

    opening, turn = call.turns
    assert (opening.opened_by, opening.null_reason) == ("setup", "no_prompt")
    assert (turn.opened_by, turn.caller_text, turn.agent_text) == ("prompt", "book me a table", "Sure, for when?")
    assert (turn.response_latency_ms, turn.null_reason, turn.lang) == (750, None, "en")
    assert [(cut.kind, cut.heard_text, cut.heard_ms) for cut in turn.interruptions] == [
        ("caller_speech", "Sure, for", 460)
    ]
    assert turn.ended_at is None


def test_latency_ends_when_the_answer_was_written_to_twilio() -> None:
    call = script("""
        0.000        twilio   setup
        1.000/1.004  twilio   prompt "Hello" last
        1.500/1.5126 backend  text "Hi." last
    """)

    turn = call.turns[1]
    assert turn.response_latency_ms == 513
    assert (turn.caller_at, turn.agent_at) == (START + 1_000_000_000, START + 1_512_600_000)
    assert turn.agent_done_at == turn.agent_at


def test_the_backend_greets() -> None:
    call = script("""
        0.0  twilio   setup
        0.4  backend  text "Welcome." last
        2.0  twilio   prompt "Hello" last
        2.5  backend  text "Hi." last
    """)

    assert [(t.opened_by, t.agent_text, t.response_latency_ms) for t in call.turns] == [
        ("setup", "Welcome.", None),
        ("prompt", "Hi.", 500),
    ]


def test_what_follows_the_greeting_unasked_is_a_turn_of_its_own() -> None:
    call = script("""
        0.0  twilio   setup
        0.4  backend  text "Welcome." last
        9.0  backend  text "Anyone there?" last
    """)

    assert [(t.opened_by, t.agent_text) for t in call.turns] == [("setup", "Welcome."), ("proactive", "Anyone there?")]


def test_a_turn_ends_where_the_next_begins() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "1" last
        3.0  twilio   prompt "two" last
    """)

    assert [t.ended_at and (t.ended_at - START) / 1e9 for t in call.turns] == [1.0, 3.0, None]


def test_prompts_before_any_answer_are_one_turn() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "I want" last
        2.0  twilio   prompt "a table" last
        2.8  backend  text "Sure." last
    """)

    turn = call.turns[1]
    assert (turn.caller_text, turn.coalesced_prompts, turn.response_latency_ms) == ("I want a table", 1, 800)
    assert len(call.turns) == 2


def test_what_is_not_speech_is_no_answer() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.1  backend  text ""
        1.2  backend  text " "
        1.3  backend  language es-ES
        2.0  twilio   prompt "two" last
        2.5  backend  text "Hi"
        2.6  backend  text "." last
    """)

    turn = call.turns[1]
    assert (turn.caller_text, turn.agent_text, turn.response_latency_ms) == ("one two", " Hi.", 500)


def test_a_terminator_alone_is_no_answer() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.1  backend  text "" last
        1.2  backend  text " " last
        9.0  backend  end
    """)

    turn = call.turns[1]
    assert (turn.agent_text, turn.agent_done_at, turn.unanswered) == ("", None, True)


def test_an_empty_last_token_closes_the_response() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "First."
        1.6  backend  text "" last
        1.7  backend  text "Second." last
    """)

    assert [(t.opened_by, t.agent_text) for t in call.turns[1:]] == [("prompt", "First."), ("proactive", "Second.")]
    assert call.turns[1].agent_done_at == START + 1_600_000_000
    assert (call.turns[2].response_latency_ms, call.turns[2].null_reason) == (None, "no_prompt")


def test_a_partial_prompt_opens_nothing() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "book"
        1.2  twilio   prompt "book me"
    """)

    assert [t.opened_by for t in call.turns] == ["setup"]


def test_an_answer_to_a_partial_prompt_is_speculative() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "book me a"
        1.2  backend  text "Sure, "
        1.4  twilio   prompt "book me a table" last
        1.5  backend  text "for when?" last
    """)

    turn = call.turns[1]
    assert (turn.opened_by, turn.caller_text, turn.agent_text) == ("prompt", "book me a table", "Sure, for when?")
    assert (turn.response_latency_ms, turn.null_reason, turn.unanswered) == (None, "speculative", False)


def test_every_partial_answered_is_still_one_turn() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hold"
        1.1  backend  text "Ho?" last
        1.2  twilio   prompt "Hold on"
        1.3  backend  text "Holding?" last
        1.5  twilio   prompt "Hold on." last
        1.9  backend  text "I am." last
        5.0  backend  text "Still there?" last
    """)

    assert [(t.opened_by, t.caller_text, t.agent_text, t.null_reason) for t in call.turns[1:]] == [
        ("prompt", "Hold on.", "Ho?Holding?I am.", "speculative"),
        ("proactive", "", "Still there?", "no_prompt"),
    ]


def test_after_a_speculative_answer_the_next_prompt_is_a_turn_of_its_own() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hold"
        1.1  backend  text "Holding." last
        1.5  twilio   prompt "Hold on." last
        2.5  twilio   prompt "Thanks." last
        2.9  backend  text "Bye." last
        3.0  backend  text "Bye now." last
    """)

    assert [(t.caller_text, t.agent_text, t.response_latency_ms, t.null_reason) for t in call.turns[1:]] == [
        ("Hold on.", "Holding.", None, "speculative"),
        ("Thanks.", "Bye.", 400, None),
        ("", "Bye now.", None, "no_prompt"),
    ]


def test_a_partial_that_became_a_prompt_explains_nothing_more() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hol"
        1.2  twilio   prompt "Hold on." last
        1.3  backend  text "Yes." last
        1.5  backend  text "Holding." last
    """)

    assert [(t.opened_by, t.null_reason) for t in call.turns[1:]] == [("prompt", None), ("proactive", "no_prompt")]


def test_a_partial_that_never_became_a_prompt() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "Uh"
        1.1  backend  text "Yes?" last
        9.0  backend  text "Hello?" last
    """)

    assert [(t.opened_by, t.null_reason) for t in call.turns[1:]] == [
        ("proactive", "speculative"),
        ("proactive", "no_prompt"),
    ]


def test_what_the_caller_says_long_after_an_answered_partial_is_a_turn_of_its_own() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "Uh"
        1.1  backend  text "Yes?" last
        4.0  twilio   prompt "A table." last
        4.6  backend  text "Sure." last
    """
    expected = [
        ("proactive", "", "Yes?", None, "speculative"),
        ("prompt", "A table.", "Sure.", 600, None),
    ]

    for text in (call, call.replace("4.0  twilio", '3.5 twilio prompt "A"\n4.0 twilio')):
        turns = script(text).turns[1:]
        assert [(t.opened_by, t.caller_text, t.agent_text, t.response_latency_ms, t.null_reason) for t in turns] == (
            expected
        )


@pytest.mark.parametrize(
    "between",
    [
        '2.5 twilio prompt "A ta"',
        '2.9 backend text " Yes?"',
        '2.0 twilio prompt "A"\n3.5 twilio prompt "A ta"',
    ],
)
def test_an_answer_is_speculative_while_either_side_goes_on(between: str) -> None:
    call = script(f"""
        0.0  twilio   setup
        1.0  twilio   prompt "Uh"
        1.1  backend  text "Yes?"
        {between}
        4.0  twilio   prompt "A table." last
    """)

    assert [(t.opened_by, t.null_reason) for t in call.turns[1:]] == [("prompt", "speculative")]


def test_a_character_split_over_two_tokens_is_one() -> None:
    call = script(r"""
        0.0  twilio   setup
        1.0  twilio   prompt "smile" last
        1.5  backend  raw '{"type":"text","token":"Yes \ud83d"}'
        1.6  backend  raw '{"type":"text","token":"\ude00! \ud83d"}'
        1.7  backend  raw '{"type":"text","token":"é","last":true}'
    """)

    assert call.turns[1].agent_text == "Yes 😀! \ufffdé"


def test_an_answer_that_is_late_is_not_taken_for_one_to_the_next_partial() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        3.0  twilio   prompt "tw"
        3.1  backend  text "1" last
        3.5  twilio   prompt "two" last
        4.0  backend  text "2" last
    """)

    assert [(t.caller_text, t.agent_text, t.response_latency_ms) for t in call.turns[1:]] == [
        ("one", "1", 2100),
        ("two", "2", 500),
    ]


def test_keys_open_a_turn_and_the_last_one_counts() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   dtmf 1
        1.4  twilio   dtmf 2
        1.9  backend  text "Twelve." last
        3.0  twilio   dtmf 3
        3.5  backend  text "Three." last
    """)

    assert [(t.opened_by, t.dtmf, t.response_latency_ms) for t in call.turns[1:]] == [
        ("dtmf", "12", 500),
        ("dtmf", "3", 500),
    ]


def test_a_key_after_the_response_has_begun_opens_the_next_turn() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   dtmf 1
        1.5  backend  text "You pressed "
        1.6  twilio   dtmf 2
        1.7  backend  text "one." last
        1.8  backend  text "And two." last
    """)

    assert [(t.dtmf, t.agent_text) for t in call.turns[1:]] == [("1", "You pressed one."), ("2", "And two.")]
    assert call.turns[2].response_latency_ms == 200


def test_keys_followed_by_a_prompt_are_a_prompt_turn() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   dtmf 1
        2.0  twilio   prompt "one" last
        2.3  twilio   dtmf 2
        2.5  backend  text "Yes." last
    """)

    turn = call.turns[1]
    assert (turn.opened_by, turn.dtmf, turn.caller_text, turn.coalesced_prompts) == ("prompt", "12", "one", 0)
    assert turn.response_latency_ms == 500


def test_media_counts_as_speech() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.3  backend  play https://example.com/hold.mp3
        4.0  backend  text "Found it." last
        6.0  twilio   prompt "two" last
        6.2  backend  play https://example.com/bye.mp3
        6.4  twilio   prompt "three" last
        6.6  backend  text "Bye." last
    """)

    assert [(t.media, t.agent_text, t.response_latency_ms) for t in call.turns[1:]] == [
        (("https://example.com/hold.mp3",), "Found it.", 300),
        (("https://example.com/bye.mp3",), "", 200),
        ((), "Bye.", 200),
    ]


def test_digits_sent_belong_to_the_turn() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "dial" last
        1.3  backend  sendDigits 1w
        1.4  backend  sendDigits 2
        1.5  backend  text "Done." last
    """)

    assert (call.turns[1].sent_digits, call.turns[1].response_latency_ms) == ("1w2", 500)


def test_text_goes_on_with_the_response_until_it_is_closed() -> None:
    """The caller speaks over an agent that cannot be interrupted."""
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "First, "
        1.8  twilio   prompt "two" last
        2.0  backend  text "the rest." last
        2.4  backend  text "Second." last
    """)

    assert [(t.caller_text, t.agent_text, t.response_latency_ms) for t in call.turns[1:]] == [
        ("one", "First, the rest.", 500),
        ("two", "Second.", 600),
    ]


def test_a_backend_that_never_closes_its_responses() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "First."
        5.0  twilio   prompt "two" last
        5.4  backend  text "Second."
    """)

    assert [(t.agent_text, t.response_latency_ms, t.agent_done_at) for t in call.turns[1:]] == [
        ("First.", 500, None),
        ("Second.", 400, None),
    ]


def test_text_after_an_interrupt_is_stale_until_the_response_is_closed() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "Sentence one. "
        2.5  backend  text "Sentence two. "
        3.0  twilio   interrupt "Sentence" 400
        3.1  backend  text "Sentence three. "
        3.2  backend  text "Four."
        3.3  backend  text "" last
        3.4  backend  text "Sorry." last
    """)

    turn, sorry = call.turns[1:]
    assert turn.agent_text == "Sentence one. Sentence two. Sentence three. Four."
    (cut,) = turn.interruptions
    assert (cut.stale_chunks, cut.stale_chars) == (2, 21)
    assert (sorry.opened_by, sorry.agent_text, sorry.interruptions) == ("proactive", "Sorry.", ())


def test_text_after_an_interrupt_is_stale_until_the_next_prompt_is_answered() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        2.5  backend  text "Sentence one. "
        3.0  twilio   interrupt "Sentence" 400
        3.2  backend  text "Two. "
        3.6  twilio   prompt "stop" last
        3.9  backend  text "Sorry." last
    """)

    turn, sorry = call.turns[1:]
    assert (turn.agent_text, turn.interruptions[0].stale_chunks) == ("Sentence one. Two. ", 1)
    assert (sorry.agent_text, sorry.response_latency_ms) == ("Sorry.", 300)


def test_text_after_an_interrupt_and_a_pause_is_new() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        2.5  backend  text "Sentence one. "
        3.0  twilio   interrupt "Sentence" 400
        3.4  backend  text "Two. "
        4.5  backend  text "Are you there?" last
    """)

    turn, later = call.turns[1:]
    assert (turn.agent_text, turn.interruptions[0].stale_chunks) == ("Sentence one. Two. ", 1)
    assert (later.opened_by, later.agent_text) == ("proactive", "Are you there?")


def test_the_acknowledgement_of_an_interrupt_is_never_stale() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "Sentence one. "
        3.0  twilio   interrupt "Sentence" 400
        3.1  backend  text "" last
        4.0  twilio   interrupt "" 0
        4.1  backend  text "" last
    """)

    turn = call.turns[1]
    assert [cut.stale_chunks for cut in turn.interruptions] == [0, 0]
    assert turn.agent_done_at == START + 3_100_000_000
    assert len(call.turns) == 2


def test_a_key_just_before_it_explains_an_interrupt() -> None:
    call = script("""
        0.00  twilio   setup
        1.00  twilio   prompt "one" last
        1.50  backend  text "A long answer." last
        2.00  twilio   dtmf 5
        2.25  twilio   interrupt "A long" 300
        9.00  twilio   prompt "two" last
        9.50  backend  text "Another answer." last
        9.90  twilio   dtmf 6
        10.2  twilio   interrupt "Another" 300
    """)

    assert [cut.kind for t in call.turns for cut in t.interruptions] == ["caller_dtmf", "caller_speech"]


def test_nothing_came_before_the_interrupt() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "A long answer." last
        3.0  twilio   prompt "two" last
        3.1  twilio   interrupt "A long" 300
        4.0  backend  end
    """)

    _, answered, cut = call.turns
    assert [i.heard_text for i in answered.interruptions] == ["A long"]
    assert (cut.null_reason, cut.unanswered) == ("interrupted_before_first_token", True)


def test_an_interrupt_before_the_last_prompt_explains_nothing() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.1  twilio   interrupt "" 0
        2.0  twilio   prompt "two" last
        9.0  -        gone first=backend
    """)

    assert call.turns[1].null_reason == "session_closed"


def test_why_there_is_no_latency() -> None:
    waiting = """
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
    """

    (turn,) = script(waiting).turns[1:]
    assert (turn.response_latency_ms, turn.null_reason, turn.unanswered) == (None, "no_response", False)
    (turn,) = script(waiting + "2.0 twilio close 1000\n2.1 - gone first=twilio").turns[1:]
    assert (turn.null_reason, turn.unanswered, turn.ended_at) == ("session_closed", True, START + 2_000_000_000)


def test_end_closes_the_turn() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "a person, please" last
        1.5  backend  end handoff
        1.9  backend  text "Too late" last
    """)

    assert [(t.opened_by, t.ended_at and (t.ended_at - START) / 1e9) for t in call.turns] == [
        ("setup", 1.0),
        ("prompt", 1.5),
        ("proactive", None),
    ]
    assert call.handoff is not None
    assert (call.handoff.raw, call.handoff.at) == ("handoff", START + 1_500_000_000)


def test_a_call_without_setup_still_has_turns() -> None:
    call = script("""
        1.0  twilio   prompt "one" last
        1.5  backend  text "1" last
        1.9  twilio   setup sessionId=VX1
    """)

    assert [(t.number, t.opened_by, t.response_latency_ms) for t in call.turns] == [(0, "prompt", 500)]
    assert call.session_id == "VX1"


def test_an_answer_across_a_reconnect() -> None:
    call = script("""
        0.0  twilio     setup sessionId=VX1
        1.0  twilio     prompt "one" last
        1.4  backend    text "Half an "
        1.5  -          gone first=backend
        2.5  twilio@2   setup sessionId=VX1
        3.0  backend@2  text "Here I am." last
    """)

    assert [(t.opened_by, t.agent_text, t.response_latency_ms) for t in call.turns] == [
        ("setup", "", None),
        ("prompt", "Half an ", 400),
        ("proactive", "Here I am.", None),
    ]
    assert call.live


def test_a_prompt_waits_across_a_reconnect() -> None:
    call = script("""
        0.0  twilio     setup sessionId=VX1
        1.0  twilio     prompt "one" last
        1.5  -          gone first=backend
        2.5  twilio@2   setup sessionId=VX1
        3.0  backend@2  text "Here I am." last
    """)

    assert call.turns[1].response_latency_ms == 2000


def test_one_early_answer_after_another() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "I need"
        1.2  backend  text "Where to?" last
        1.6  twilio   prompt "I need a cab" last
        5.0  twilio   prompt "To the"
        5.2  backend  text "The station, right." last
        5.6  twilio   prompt "To the station" last
    """)

    assert [(t.caller_text, t.agent_text, t.null_reason) for t in call.turns[1:]] == [
        ("I need a cab", "Where to?", "speculative"),
        ("To the station", "The station, right.", "speculative"),
    ]


def test_two_connections_do_not_continue_each_other() -> None:
    call = script("""
        0.0  twilio     setup sessionId=VX1
        1.0  twilio     prompt "one" last
        1.5  backend    text "One "
        1.6  twilio@2   setup sessionId=VX1
        1.7  backend@2  text "Two." last
    """)

    assert [t.agent_text for t in call.turns[1:]] == ["One ", "Two."]


def test_what_twilio_drops_is_no_answer() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  raw '{"type":"text","token":"Hello.","last":"true"}'
        2.5  backend  text "Hello." last
    """)

    assert (call.turns[1].agent_text, call.turns[1].response_latency_ms) == ("Hello.", 1500)
