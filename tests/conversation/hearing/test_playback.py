"""What may still be playing: the queue at Twilio, the greeting, and what ends either."""

from relayproxy.conversation.hearing.playback import MAX_QUEUE
from tests.conversation.hearing.test_interruption_attribution import QUEUED, interruptions
from tests.script import script


def test_what_was_played_last_is_all_that_can_still_be_playing() -> None:
    played = """
        4.0  twilio  info tokensPlayed "The third sentence"
        7.0  twilio  info clientSpeaking on
    """

    assert script(QUEUED + "7.0 twilio info clientSpeaking on").settled_turns == 1
    assert script(QUEUED + played).settled_turns == 3


def test_an_interrupt_empties_the_queue() -> None:
    again = """
        3.0  twilio   interrupt "The first" 900
        3.5  twilio   prompt "go on" last
        4.0  backend  text "The second sentence is that." last
        5.0  twilio   interrupt "The second" 900
    """

    assert interruptions(QUEUED + again) == [(1, "The first", "exact"), (4, "The second", "exact")]


def test_what_was_interrupted_is_over() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "Yes." last
        9.0  twilio   prompt "two" last
        9.5  backend  text "An answer, however recent, that is long enough to go on for a while." last
        9.6  twilio   interrupt "" 0
        12.0 twilio   prompt "three" last
        12.5 backend  text "An other." last
        13.0 twilio   interrupt "An" 100
    """

    assert interruptions(call) == [(2, "", "inferred"), (3, "An", "exact")]


def test_the_greeting_plays_on_while_the_backend_talks() -> None:
    call = script("""
        0.0  twilio   setup
        0.5  twilio   info agentSpeaking on
        1.0  twilio   dtmf 9
        1.1  backend  text "Key nine." last
        2.0  twilio   info tokensPlayed "Welcome to"
        2.0  twilio   interrupt "Welcome to" 1500
        2.0  twilio   info agentSpeaking off
        2.9  twilio   info agentSpeaking on
        3.5  twilio   info tokensPlayed "Key nine."
    """)

    greeting, answer = call.turns
    assert (greeting.greeting, [cut.attribution for cut in greeting.interruptions]) == ("Welcome to", ["exact"])
    assert not answer.interrupted


def test_the_greeting_plays_on_and_sounds_like_the_answer() -> None:
    call = script("""
        0.0  twilio   setup
        0.5  twilio   info agentSpeaking on
        1.0  twilio   dtmf 9
        1.1  backend  text "This is key nine." last
        1.2  twilio   info tokensPlayed "This"
        1.2  twilio   interrupt "This" 700
    """)

    assert (call.turns[0].greeting, call.turns[0].interrupted, call.turns[1].interrupted) == ("This", True, False)


def test_the_greeting_is_known_to_play_by_the_speaker_alone() -> None:
    call = """
        0.0  twilio   setup
        0.5  twilio   info agentSpeaking on
        1.0  twilio   dtmf 9
        1.1  backend  text "Key nine." last
        2.0  twilio   interrupt "Welcome to" 1500
    """

    assert interruptions(call) == [(0, "Welcome to", "inferred")]


def test_a_text_that_is_spoken_otherwise_than_written_is_no_greeting() -> None:
    call = script("""
        0.0  twilio   setup
        0.4  backend  text "$5, please." last
        0.9  twilio   info agentSpeaking on
        1.9  twilio   info tokensPlayed "five dollars, please."
    """)

    assert call.turns[0].greeting == ""


def test_the_greeting_is_what_was_played_before_any_text() -> None:
    call = script("""
        0.0  twilio   setup
        0.5  twilio   info agentSpeaking on
        1.0  twilio   info tokensPlayed "Hello,"
        1.5  twilio   info tokensPlayed "this is us."
        2.0  twilio   info tokensPlayed " Speak."
        2.0  twilio   info agentSpeaking off
        3.0  twilio   prompt "Hi" last
        3.5  backend  text "Hi." last
        4.5  twilio   info tokensPlayed "Hi."
        4.6  twilio   info tokensPlayed "never sent"
    """)

    assert call.turns[0].greeting == "Hello, this is us. Speak."
    assert (call.turns[0].agent_text, call.turns[0].media) == ("", ())


def test_digits_that_are_echoed_are_no_greeting() -> None:
    call = script("""
        0.0  twilio   setup
        0.5  backend  sendDigits "12#"
        1.5  twilio   info tokensPlayed "12#"
        2.0  twilio   info tokensPlayed "Hello."
    """)

    assert (call.turns[0].sent_digits, call.turns[0].greeting) == ("12#", "Hello.")


def test_silence_ends_what_was_playing() -> None:
    call = """
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "A short answer that was all played." last
        2.0  twilio   info agentSpeaking on
        4.0  twilio   info agentSpeaking off
        5.0  twilio   prompt "two" last
        5.5  backend  text "Another." last
        6.5  twilio   interrupt "A" 200
    """

    assert interruptions(call) == [(2, "A", "exact")]


def test_events_may_come_in_another_order() -> None:
    call = """
        0.0    twilio   setup
        1.0    twilio   prompt "one" last
        1.5    backend  text "An answer." last
        2.499  twilio   dtmf 5
        2.500  twilio   info agentSpeaking off
        2.501  twilio   interrupt "An" 200
    """

    assert interruptions(call) == [(1, "An", "inferred")]
    assert interruptions(call.replace('"An"', '""')) == [(1, "", "inferred")]


def test_an_interrupt_of_nothing_known_is_still_kept() -> None:
    late = """
        60.0  twilio   prompt "Hello?" last
        60.1  twilio   interrupt "what?" 200
    """

    assert interruptions(QUEUED + late) == [(4, "what?", "inferred")]
    assert interruptions('1.0 twilio interrupt "" 0') == [(0, "", "inferred")]


def test_stale_speech_can_be_interrupted_again() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "One. "
        2.0  twilio   interrupt "One" 200
        2.2  backend  text "Two. "
        3.1  backend  text "Three. "
        3.5  twilio   interrupt "Two" 200
        3.6  backend  text "Four. "
    """)

    assert [(cut.heard_text, cut.stale_chunks) for cut in call.turns[1].interruptions] == [("One", 2), ("Two", 1)]


def test_the_queue_is_bounded() -> None:
    lines = ["0.0 twilio setup", '0.1 twilio prompt "go" last']
    lines += [f'{1 + n / 1000:.3f} backend text "number {n} of very many" last' for n in range(3 * MAX_QUEUE)]
    lines += ['9.0 twilio interrupt "number 0 of" 900', f'9.1 twilio interrupt "number {3 * MAX_QUEUE - 1} of" 900']

    first, last = interruptions("\n".join(lines))

    assert first[0] > 1
    assert last[0] == 3 * MAX_QUEUE


def test_turns_settle_when_nothing_can_change_them_any_more() -> None:
    talk = """
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        1.5  backend  text "A short answer." last
        3.0  twilio   prompt "two" last
    """

    assert script(talk).settled_turns == 1
    assert script(talk + '3.1 twilio interrupt "A short" 900').settled_turns == 1
    assert script(talk + "99.0 twilio info agentSpeaking off").settled_turns == 2
    assert script(talk + "3.5 - gone first=backend").settled_turns == 3
