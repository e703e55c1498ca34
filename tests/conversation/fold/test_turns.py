"""What one turn keeps of a call, and how much of it at most."""

from tests.script import script


def test_marks_are_bounded_in_number_and_length() -> None:
    turn = script("0.0 twilio setup\n" + "".join(f"{1 + n / 100} twilio dtmf 5\n" for n in range(99))).turns[1]
    assert len(turn.marks) == 64
    long = script(f'0.0 twilio setup\n1.0 twilio prompt "{"x" * 200}" last').turns[1]
    assert [(mark.kind, mark.text) for mark in long.marks] == [("prompt", "x" * 80)]


def test_interruptions_of_one_turn_are_bounded() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "tell me" last
        1.5  backend  text "One. "
    """
    call += "".join(
        f"{2 + n / 10} backend text 'More {n}. '\n{2.05 + n / 10} twilio interrupt '' {n}\n" for n in range(90)
    )

    assert len(script(call).turns[1].interruptions) == 64


def test_of_what_an_agent_sends_in_one_turn_no_more_is_kept_than_anybody_could_hear() -> None:
    much = "word " * 10_000
    call = script(f"""
        0.0  twilio   setup
        1.0  twilio   prompt "Tell me all." last
        1.1  backend  text "{much}"
        1.2  backend  text "{much}"
        1.3  backend  text "{much}"
        1.4  backend  text "{much}" last
        9.0  twilio   prompt "Stop." last
        9.1  backend  text "Fine." last
    """)

    long, short = call.turns[1:]
    assert long.agent_text == "word " * 20_000 + "…"
    assert long.chunks == 4
    assert short.agent_text == "Fine."


def test_what_is_played_of_the_greeting_is_joined_by_one_space() -> None:
    turn = script("""
        0.0  twilio   setup
        0.5  twilio   info tokensPlayed "Welcome"
        1.0  twilio   info tokensPlayed "to the"
        1.5  twilio   info tokensPlayed " hotel."
    """).turns[0]

    assert (turn.greeting, turn.heard_text) == ("Welcome to the hotel.", "Welcome to the hotel.")


def test_of_several_waits_before_the_caller_spoke_again_the_longest_is_kept() -> None:
    call = script("""
        0.0   twilio   setup
        1.0   twilio   prompt "hello?" last
        5.0   twilio   prompt "are you there?" last
        15.0  twilio   prompt "anybody?" last
        18.0  twilio   prompt "hello!" last
        19.0  backend  text "Yes." last
    """)

    (found,) = [finding for finding in call.findings if finding.code == "asked_again"]
    assert (found.turn, found.detail) == (1, "9.5 s without an answer, then the caller spoke again")


def test_a_turn_without_an_answer_yet_has_neither_its_beginning_nor_its_end() -> None:
    turn = script('0.0 twilio setup\n1.0 twilio prompt "hello" last').turns[1]

    assert (turn.agent_at, turn.agent_done_at, turn.first_kind, turn.chunks) == (None, None, None, 0)


def test_what_comes_after_twilio_closed_is_kept_and_was_never_heard() -> None:
    turn = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "hello" last
        1.5  twilio   close 1000
        2.0  backend  text "Too late." last
        2.1  -        gone first=backend
    """).turns[1]

    assert (turn.agent_text, turn.heard_text, turn.unheard_text) == ("Too late.", "", "Too late.")
    assert (turn.agent_at, turn.null_reason) == (None, "session_closed")
