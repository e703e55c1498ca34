"""What the caller heard of what was sent, and how that is known."""

from relayproxy.conversation.model import Conversation, Turn
from tests.script import script

LONG = "Sentence 1 of three: the quick brown fox. Sentence 2 of three: the lazy dog. Sentence 3 of three: the end."
ASKED = """
    0.0  twilio   setup
    1.0  twilio   prompt "tell me" last
"""
SENT = ASKED + f'2.0 backend text "{LONG}" last\n'
HUNG_UP = """
    {at}  twilio  close 1000
    {at}  -       gone first=twilio twilio=eof backend=eof
"""


def heard(text: str, turn: int = 1) -> tuple[str, str, str | None]:
    found: Turn = script(text).turns[turn]
    return found.heard_text, found.unheard_text, found.heard_basis


def hung_up(at: float) -> str:
    return HUNG_UP.format(at=at)


def test_what_nothing_stopped_was_heard() -> None:
    assert heard(SENT + hung_up(30)) == (LONG, "", "all")
    assert heard(SENT) == (LONG, "", "all")


def test_nothing_was_heard_of_nothing() -> None:
    assert heard(ASKED + hung_up(5)) == ("", "", None)
    assert heard(ASKED + "2.0 backend play https://example.com/a.mp3") == ("", "", None)


def test_an_interrupt_names_the_end_of_what_was_heard_and_not_all_of_it() -> None:
    told, untold, basis = heard(SENT + '6.0 twilio interrupt "Sentence 2 of" 684')

    assert (told, basis) == ("Sentence 1 of three: the quick brown fox. Sentence 2 of", "interrupt")
    assert told + untold == LONG


def test_words_that_occur_more_than_once_are_those_near_the_expected_place() -> None:
    early = heard(SENT + '3.5 twilio interrupt "of three" 684')[0]
    late = heard(SENT + '8.9 twilio interrupt "of three" 684')[0]

    assert early == "Sentence 1 of three:"
    assert late == "Sentence 1 of three: the quick brown fox. Sentence 2 of three: the lazy dog. Sentence 3 of three:"


def test_an_interrupt_without_words_is_estimated_from_the_speaking_rate() -> None:
    told, untold, basis = heard(SENT + '4.35 twilio interrupt "" 900')

    assert (told, basis) == ("Sentence 1 of three: the quick", "estimated")
    assert told + untold == LONG


def test_an_interrupt_before_any_sound_leaves_nothing() -> None:
    assert heard(SENT + '2.2 twilio interrupt "" 0')[1] == ""  # sent within a round trip: it may still be played
    assert heard(SENT + '2.34 twilio interrupt "" 0') == ("", LONG, "interrupt")


def test_words_spoken_otherwise_than_written_are_a_fuzzy_match() -> None:
    call = script(
        ASKED + '2.0 backend text "It is $5 in all, thank you." last \n 4.0 twilio interrupt "It is five" 600'
    )

    assert call.turns[1].heard_text == "It is"
    assert call.turns[1].interruptions[0].match == "fuzzy"


PLAYED = (
    SENT
    + """
    2.4  twilio  info agentSpeaking on
    3.7  twilio  info tokensPlayed "Sentence 1 of three:"
    5.0  twilio  info tokensPlayed " the quick brown fox."
"""
)


def test_tokens_played_are_what_was_heard() -> None:
    told, untold, basis = heard(PLAYED + hung_up(6))

    assert (told, basis) == ("Sentence 1 of three: the quick brown fox.", "tokens_played")
    assert told + untold == LONG


def test_what_may_still_be_played_is_not_unheard() -> None:
    assert heard(PLAYED) == ("Sentence 1 of three: the quick brown fox.", "", "tokens_played")


def test_tokens_played_before_an_interrupt_include_what_it_names() -> None:
    told, _, basis = heard(
        PLAYED + '5.6 twilio info tokensPlayed "Sentence 2 of" \n 5.601 twilio interrupt "Sentence 2 of" 684'
    )

    assert (told, basis) == ("Sentence 1 of three: the quick brown fox. Sentence 2 of", "tokens_played")


def test_an_interrupt_reaches_beyond_the_last_tokens_played() -> None:
    told, _, basis = heard(PLAYED + '5.6 twilio interrupt "Sentence 2 of" 684')

    assert (told, basis) == ("Sentence 1 of three: the quick brown fox. Sentence 2 of", "tokens_played")


def test_tokens_that_read_otherwise_than_what_was_sent_are_counted_by_length() -> None:
    told, untold, _ = heard(
        ASKED
        + """
        2.0  backend  text "All in all it is $5, please. Thank you." last
        2.4  twilio   info agentSpeaking on
        3.0  twilio   info tokensPlayed "All in all it is"
        4.0  twilio   info tokensPlayed "five dollars, please."
        5.0  twilio   info tokensPlayed " Thank you."
    """
        + hung_up(9)
    )

    assert (told, untold) == ("All in all it is $5, please. Thank you.", "")


def test_stale_speech_is_heard_too() -> None:
    told, untold, _ = heard(
        ASKED
        + """
        2.0  backend  text "One two three. "
        2.7  twilio   interrupt "One two" 600
        2.9  backend  text "Four." last
    """
        + hung_up(20)
    )

    assert (told, untold) == ("One two Four.", " three. ")


def test_what_was_queued_behind_the_interrupted_speech_was_never_heard() -> None:
    call = script(
        SENT
        + """
        2.1  backend  text "And there is more." last
        5.0  twilio   interrupt "Sentence 1" 600
    """
    )

    assert [(t.heard_text, t.interrupted) for t in call.turns[1:]] == [("Sentence 1", True), ("", False)]
    assert call.turns[2].unheard_text == "And there is more."


def test_what_was_played_before_the_interrupted_speech_was_heard() -> None:
    call = script(
        SENT
        + """
        2.1   backend  text "And there is more." last
        11.0  twilio   interrupt "And there" 600
    """
    )

    assert [(t.heard_text, t.heard_basis) for t in call.turns[1:]] == [(LONG, "all"), ("And there", "interrupt")]


def test_speech_that_crossed_the_interrupt_still_plays() -> None:
    call = script(
        SENT
        + """
        4.0   twilio   dtmf 5
        4.01  backend  text "Five." last
        4.02  twilio   interrupt "Sentence 1" 600
    """
        + hung_up(20)
    )

    assert [(t.heard_text, t.unheard_text) for t in call.turns[2:]] == [("Five.", "")]


def preempted(call: Conversation) -> list[tuple[str, str]]:
    return [(cut.kind, cut.attribution) for cut in call.turns[1].interruptions]


def test_a_new_response_cuts_off_what_is_marked_as_preemptible() -> None:
    call = script(
        ASKED
        + f"""
        2.0   backend  text "{LONG}" last preemptible
        4.35  backend  text "Never mind." last
    """
        + hung_up(20)
    )

    assert preempted(call) == [("preempt", "inferred")]
    assert (call.turns[1].heard_text, call.turns[1].heard_basis) == ("Sentence 1 of three: the quick", "estimated")
    assert (call.turns[2].heard_text, call.turns[2].interrupted) == ("Never mind.", False)
    assert call.totals.interruptions == {"preempt": 1}


def test_marked_speech_that_has_been_heard_is_not_cut_off() -> None:
    call = script(ASKED + '2.0 backend text "Hm." last preemptible \n 9.0 backend text "Here it is." last')

    assert preempted(call) == []


def test_a_marked_response_does_not_cut_off_the_one_before() -> None:
    call = script(SENT + '2.5 backend text "By the way." last preemptible' + hung_up(30))

    assert preempted(call) == []
    assert (call.turns[1].heard_text, call.turns[2].heard_text) == (LONG, "By the way.")


def test_media_cuts_off_marked_speech_too() -> None:
    assert preempted(
        script(
            ASKED
            + f'2.0 backend text "{LONG}" last preemptible \n 3.0 backend play https://example.com/a.mp3 \n'
            + hung_up(9)
        )
    ) == [("preempt", "inferred")]


def test_tokens_played_show_a_preemption_that_no_mark_announced() -> None:
    call = script(
        PLAYED
        + """
        5.2  backend  text "Never mind." last
        6.0  twilio   info tokensPlayed "Never mind."
        6.1  twilio   info agentSpeaking off
    """
        + hung_up(20)
    )

    assert preempted(call) == [("preempt", "exact")]
    assert call.turns[1].heard_text == "Sentence 1 of three: the quick brown fox."


def test_tokens_played_take_back_a_preemption_that_did_not_happen() -> None:
    call = script(
        ASKED
        + """
        2.0  backend  text "One two three four five." last preemptible
        2.4  twilio   info agentSpeaking on
        3.0  twilio   info tokensPlayed "One two"
        3.1  backend  text "Six." last
        4.0  twilio   info tokensPlayed " three four five."
        4.5  twilio   info tokensPlayed "Six."
    """
        + hung_up(20)
    )

    assert preempted(call) == []
    assert call.turns[1].heard_text == "One two three four five."


def test_a_goodbye_that_end_cut_off() -> None:
    call = script(
        SENT
        + """
        3.0  backend  end "bye"
        3.1  twilio   close 1000
        3.1  -        gone first=twilio twilio=eof backend=eof
    """
    )

    assert (call.turns[1].heard_text, call.turns[1].heard_basis) == ("Sentence 1", "estimated")
    assert call.totals.clipped_chars == len(LONG) - len("Sentence 1")
    assert call.totals.findings["goodbye_clipped"] == 1


def test_a_goodbye_that_was_heard_before_twilio_closed() -> None:
    call = script(
        SENT
        + """
        3.0   backend  end "bye"
        12.0  twilio   close 1000
        12.0  -        gone first=twilio twilio=eof backend=eof
    """
    )

    assert (call.totals.clipped_chars, call.totals.teardown_ms) == (0, 9000)
    assert call.turns[1].unheard_text == ""
    assert "goodbye_clipped" not in call.totals.findings


def test_without_end_nothing_was_clipped() -> None:
    assert script(SENT + hung_up(3)).totals.clipped_chars is None


def test_the_greeting_is_what_turn_0_heard() -> None:
    call = script("""
        0.0  twilio   setup
        0.4  twilio   info agentSpeaking on
        2.0  twilio   info tokensPlayed "Welcome to the shop."
        2.1  twilio   info agentSpeaking off
        3.0  backend  text "How can I help?" last
    """)

    assert (call.turns[0].greeting, call.turns[0].agent_text) == ("Welcome to the shop.", "How can I help?")
    assert call.turns[0].heard_text == "Welcome to the shop."


def test_only_the_interrupt_tells_of_a_greeting_without_events() -> None:
    told = heard('0.0 twilio setup \n 1.0 twilio interrupt "Welcome to" 500', turn=0)

    assert told == ("Welcome to", "", "interrupt")


def test_what_was_played_long_ago_is_not_what_an_interrupt_stopped() -> None:
    call = script("""
        0.0   twilio   setup
        1.0   twilio   prompt "One" last
        1.5   backend  text "First answer." last
        2.5   twilio   info tokensPlayed "First answer."
        60.0  twilio   prompt "Two" last
        60.5  backend  text "Second answer, rather long." last
        61.0  twilio   interrupt "" 15
    """)

    assert [turn.interrupted for turn in call.turns] == [False, False, True]


def test_words_of_the_reply_outweigh_a_greeting_whose_end_was_not_told() -> None:
    call = script("""
        0.0  twilio   setup
        0.5  twilio   info tokensPlayed "Welcome to the shop."
        3.0  twilio   prompt "x" last
        3.5  backend  text "Hello, how are you today?" last
        4.3  twilio   interrupt "Hello" 300
    """)

    assert [turn.interrupted for turn in call.turns] == [False, True]
    assert call.turns[1].heard_text == "Hello,"


def test_a_reply_that_was_read_otherwise_than_written_was_heard() -> None:
    told = heard(
        ASKED
        + """
        2.0  backend  text "$20.50." last
        2.4  twilio   info agentSpeaking on
        4.0  twilio   info tokensPlayed "Twenty dollars and fifty cents."
        4.0  twilio   info agentSpeaking off
    """
        + hung_up(9)
    )

    assert told == ("$20.50.", "", "tokens_played")


def test_the_echo_of_keys_that_were_sent_is_no_speech() -> None:
    call = script(
        ASKED
        + """
        2.0  backend  text "One two." last
        2.1  backend  sendDigits 12#
        2.4  twilio   info agentSpeaking on
        3.0  twilio   info tokensPlayed "One two."
        4.0  twilio   info tokensPlayed "12#"
    """
        + hung_up(9)
    )

    assert (call.turns[1].heard_text, call.turns[1].sent_digits) == ("One two.", "12#")
