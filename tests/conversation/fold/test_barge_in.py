"""Interruptions: what the backend still sent, whether the caller meant it, how the call went on."""

from collections.abc import Callable

import pytest

from relayproxy.conversation.model import Conversation, Interruption, Turn
from tests.script import START, script

Filter = Callable[[str], str]


def without_events(text: str) -> str:
    """The same call as a session without `events` sees it."""
    return "\n".join(line for line in text.splitlines() if " info " not in line or "roundTrip" in line) + "\n"


tiers = pytest.mark.parametrize("without", [str, without_events], ids=["events", "no events"])

REPLY = """
    0.0          twilio   setup
    1.0          twilio   prompt "tell me" last
    2.0          backend  text "One two three. "
    2.2          backend  text "Four five six. "
    3.000/3.002  twilio   interrupt "One two" 600
"""


def cut(text: str, turn: int = 1) -> Interruption:
    (found,) = script(text).turns[turn].interruptions
    return found


def test_a_backend_that_stops_at_once() -> None:
    found = cut(REPLY + '3.3 backend text "" last')

    assert (found.kind, found.heard_text, found.heard_ms, found.at) == (
        "caller_speech",
        "One two",
        600,
        START + 3 * 10**9,
    )
    assert (found.stale_chunks, found.stale_chars, found.reaction_ms) == (0, 0, 0)
    assert (found.unheard_chars, found.unheard_ratio, found.match) == (23, 0.7667, "exact")


def test_stale_speech_and_the_time_until_the_last_of_it() -> None:
    found = cut(
        REPLY
        + """
        3.1  backend  text "Seven. "
        3.4  backend  text " "
        3.9  backend  text "Eight." last
        4.2  backend  text "Nine." last
    """
    )

    assert (found.stale_chunks, found.stale_chars, found.reaction_ms) == (2, 13, 898)
    assert not found.still_streaming_at_close


def test_a_second_reply_that_was_queued_behind_the_interrupted_one_is_stale_too() -> None:
    call = script(
        """
        0.0  twilio   setup
        1.0  twilio   prompt "tell me" last
        2.0  backend  text "One two three four five six seven eight nine ten." last
        2.5  backend  text "And "
        3.0  twilio   interrupt "One two" 600
        3.2  backend  text "more." last
    """
    )

    assert call.turns[1].interruptions[0].stale_chunks == 1
    assert [turn.interrupted for turn in call.turns[1:]] == [True, False]


def test_a_pause_ends_what_is_stale() -> None:
    call = script(
        REPLY
        + """
        3.1  backend  text "Seven. "
        4.2  backend  text "What else?" last
    """
    )

    assert call.turns[1].interruptions[0].stale_chunks == 1
    assert [turn.agent_text for turn in call.turns[1:]] == ["One two three. Four five six. Seven. ", "What else?"]


def test_a_new_prompt_ends_what_is_stale() -> None:
    call = script(
        REPLY
        + """
        3.1  backend  text "Seven. "
        3.5  twilio   prompt "stop" last
        3.9  backend  text "All right." last
    """
    )

    assert call.turns[1].interruptions[0].reaction_ms == 98
    assert call.turns[2].agent_text == "All right."


@pytest.mark.parametrize(("closed", "still"), [("3.9", True), ("5.0", False)])
def test_a_backend_that_never_stops(closed: str, still: bool) -> None:
    found = cut(REPLY + f'3.1 backend text "Seven. " \n {closed} twilio close 1000 \n {closed} - gone first=twilio')

    assert (found.stale_chunks, found.still_streaming_at_close) == (1, still)


def test_a_key_within_a_quarter_second_is_the_cause() -> None:
    assert cut(REPLY.replace("3.000/3.002", "2.800 twilio dtmf 5 \n 3.000/3.002")).kind == "caller_dtmf"
    assert cut(REPLY.replace("3.000/3.002", "2.700 twilio dtmf 5 \n 3.000/3.002")).kind == "caller_speech"


@pytest.mark.parametrize(
    ("course", "false"),
    [
        ("4.9 twilio prompt 'wait' last", False),
        ("5.1 twilio prompt 'wait' last", True),
        ("5.1 twilio info agentSpeaking off", True),
        ("4.9 twilio info agentSpeaking off", None),
        ("4.5 twilio close 1000 \n 4.6 - gone first=twilio", None),
    ],
)
def test_an_interruption_without_words_is_false(course: str, false: bool | None) -> None:
    assert cut(REPLY + course).false_interruption is false


def test_whoever_is_still_speaking_may_take_longer() -> None:
    said = """
        4.0  twilio  prompt "wait a"
        5.5  twilio  prompt "wait a minute I"
        7.0  twilio  prompt "wait a minute I said" last
    """

    assert cut(REPLY + said).false_interruption is False
    assert cut(REPLY + "4.0 twilio prompt 'uh' \n 6.5 twilio info agentSpeaking off").false_interruption is True


TABLES = """
    0.000  twilio   setup
    1.000  twilio   prompt "What tables have you got?" last
    1.500  backend  text "We have three tables left for tonight, at six, at seven and at nine." last
    1.900  twilio   info agentSpeaking on
    2.699  twilio   info clientSpeaking on
    2.700  twilio   info tokensPlayed "We have three"
    2.701  twilio   interrupt "We have three" 800
    2.702  twilio   info agentSpeaking off
"""
LONG_WISH = (
    "Well, I would like the one at seven if it is not too close to the door, since I do not like draughts at all"
)


@tiers
@pytest.mark.parametrize("seconds", [2.5, 4.0])
@pytest.mark.parametrize("stops", [True, False])
def test_a_long_barge_in_is_no_noise(seconds: float, stops: bool, without: Filter) -> None:
    off = f"{2.7 + seconds:.3f} twilio info clientSpeaking off\n" if stops else ""
    call = script(without(f'{TABLES}{off}{2.701 + seconds:.3f} twilio prompt "{LONG_WISH}" last'))

    assert [cut.false_interruption for cut in call.turns[1].interruptions] == [False]
    assert "false_interruption" not in call.totals.findings


@tiers
def test_a_verdict_of_noise_is_withdrawn_when_the_words_come(without: Filter) -> None:
    waited = without(TABLES + "2.9 twilio info clientSpeaking off\n6.0 twilio info roundTripDelayMs 100\n")

    assert cut(waited).false_interruption is True
    assert cut(waited + f'7.0 twilio prompt "{LONG_WISH}" last').false_interruption is False
    assert cut(waited + '7.0 twilio prompt "Hello?" last').false_interruption is True
    assert cut(waited + '30.0 twilio prompt "' + LONG_WISH + '" last').false_interruption is True


def test_whoever_is_heard_speaking_is_not_judged_by_a_deadline() -> None:
    speaks = TABLES + "30.0 twilio info roundTripDelayMs 100\n"

    assert cut(speaks).false_interruption is None
    assert cut(speaks + '31.0 twilio prompt "Yes" last').false_interruption is False
    assert cut(speaks + "31.0 twilio info clientSpeaking off\n33.5 twilio info x y").false_interruption is True
    assert cut(speaks + "70.0 twilio info x y\n71.0 twilio prompt Yes last").false_interruption is None


@tiers
def test_what_is_said_after_a_cough_was_taken_for_one_does_not_make_it_meant(without: Filter) -> None:
    coughs = without(
        TABLES
        + """
        2.9 twilio info clientSpeaking off
        7.5 twilio info clientSpeaking on
        7.5 twilio prompt "Hello"
        8.0 twilio prompt "Hello? The tables"
        8.6 twilio info clientSpeaking off
        8.6 twilio prompt "Hello? The tables, please." last
        """
    )

    assert cut(coughs).false_interruption is True


@pytest.mark.parametrize(
    ("said", "false"), [("予約を明日の夜七時に変更してください", False), ("4711 0815", False), ("Wait", True)]
)
def test_digits_and_ideographs_take_longer_to_say_than_letters(said: str, false: bool) -> None:
    assert cut(REPLY + f"5.9 twilio prompt '{said}' last").false_interruption is false


def test_a_key_is_meant() -> None:
    found = cut(REPLY.replace("3.000/3.002", "2.9 twilio dtmf 5 \n 3.000/3.002") + "9.0 twilio info agentSpeaking off")

    assert found.false_interruption is False


def test_recovery_lasts_until_the_next_response() -> None:
    course = """
        3.3        backend  text "" last
        4.0        twilio   prompt "wait" last
        5.5/5.504  backend  text "Yes?" last
    """

    assert cut(REPLY + course).recovery_ms == 2504
    assert cut(REPLY + "3.3 backend text '' last \n 70.0 backend text 'Hello?' last").recovery_ms is None


def test_how_long_twilio_took_to_stop() -> None:
    call = script("""
        0.000  twilio   setup
        1.000  twilio   prompt "tell me" last
        2.000  backend  text "One two three." last
        2.300  twilio   info agentSpeaking on
        3.000  twilio   info clientSpeaking on
        3.180  twilio   info tokensPlayed "One two"
        3.181  twilio   interrupt "One two" 600
        3.182  twilio   prompt "wait"
        3.190  twilio   info agentSpeaking off
    """)

    assert call.turns[1].interruptions[0].stop_ms == 190


def test_an_interruption_is_counted_once_for_its_response() -> None:
    call = script(REPLY + '3.2 twilio interrupt "" 0 \n 9.0 - gone first=twilio')

    assert call.totals.interruptions == {"caller_speech": 2}
    assert (call.totals.interrupted_responses, call.totals.responses) == (1, 1)
    assert (call.totals.interruption_count, call.totals.interruption_rate) == (2, 1.0)


def over_caller(text: str) -> Turn:
    return script(text).turns[1]


def test_the_agent_begins_while_the_caller_speaks() -> None:
    sent = over_caller("""
        0.0  twilio   setup
        0.5  twilio   info clientSpeaking on
        0.9  twilio   info clientSpeaking off
        1.0  twilio   prompt "Hello" last
        1.2  twilio   info clientSpeaking on
        1.5  backend  text "Hi." last
    """)
    begun = over_caller("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        1.5  backend  text "Hi." last
        1.6  twilio   info clientSpeaking on
        1.9  twilio   info agentSpeaking on
    """)
    after = over_caller("""
        0.0  twilio   setup
        0.5  twilio   info clientSpeaking on
        1.0  twilio   prompt "Hello" last
        1.5  backend  text "Hi." last
        1.9  twilio   info agentSpeaking on
    """)

    assert (sent.agent_over_caller, begun.agent_over_caller, after.agent_over_caller) == (True, True, False)
    assert not sent.interrupted


def test_a_text_between_a_partial_and_its_final_prompt_is_over_the_caller() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "book me"
        1.3  backend  text "Sure." last
        1.6  twilio   prompt "book me a table" last
    """)

    assert call.turns[1].agent_over_caller
    assert call.totals.interruptions == {"agent_over_caller": 1}
    assert (call.totals.interruption_count, call.totals.interruption_rate) == (0, 0.0)


def test_a_backend_that_does_not_listen_is_stale_until_it_ends() -> None:
    call = script(
        """
        0.0  twilio   setup
        1.0  twilio   prompt "tell me" last
        1.8  backend  text "One two "
        2.1  backend  text "three "
        2.2  twilio   interrupt "One" 200
        2.4  backend  text "four "
        2.7  backend  text "five "
        2.9  twilio   prompt "Stop it" last
        3.0  backend  text "six "
        3.2  backend  text "seven." last
        4.1  backend  text "All right." last
    """
    )

    found = call.turns[1].interruptions[0]
    assert (found.stale_chunks, found.reaction_ms) == (4, 1000)
    assert (call.turns[2].agent_text, call.turns[2].response_latency_ms) == ("All right.", 1200)


def test_how_long_twilio_took_is_not_measured_by_the_end_of_other_speech() -> None:
    call = script("""
        0.0  twilio   setup
        1.0  twilio   prompt "tell me" last
        2.0  backend  text "One two three four." last
        2.4  twilio   info agentSpeaking on
        4.0  twilio   info clientSpeaking on
        4.0  twilio   interrupt "One" 300
        4.9  twilio   prompt "yes" last
        5.5  backend  text "Yes." last
        5.9  twilio   info agentSpeaking on
        6.9  twilio   info agentSpeaking off
    """)

    assert call.turns[1].interruptions[0].stop_ms is None


def agent_over(call: Conversation) -> list[bool]:
    return [turn.agent_over_caller for turn in call.turns]


EARLY = """
    0.000  twilio   setup
    0.800  twilio   info clientSpeaking on
    1.000  twilio   prompt "book me"
    1.300  backend  text "Sure." last
    1.600  twilio   prompt "book me a table" last
    1.700  twilio   info agentSpeaking on
"""
LATE = """
    0.000  twilio   setup
    0.500  twilio   info clientSpeaking on
    1.000  twilio   prompt "Hello" last
    1.500  backend  text "Hi." last
    1.900  twilio   info agentSpeaking on
"""


@pytest.mark.parametrize(
    ("course", "stops", "over"),
    [(EARLY, 1.2, False), (EARLY, 1.65, False), (EARLY, 1.75, True), (LATE, 1.75, False), (LATE, 1.95, True)],
)
def test_events_tell_who_spoke_over_whom(course: str, stops: float, over: bool) -> None:
    lines = sorted([*course.strip().splitlines(), f"    {stops:.3f}  twilio   info clientSpeaking off"], key=_time)

    assert agent_over(script("\n".join(lines))) == [False, over]


def test_without_events_partial_prompts_tell() -> None:
    assert agent_over(script(without_events(EARLY))) == [False, True]


def _time(line: str) -> float:
    return float(line.split()[0])


def test_a_reply_that_never_sounded_was_not_over_the_caller() -> None:
    call = script("""
        0.000  twilio   setup
        0.100  twilio   info agentSpeaking on
        0.900  twilio   info agentSpeaking off
        1.000  twilio   prompt "Hello" last
        1.400  twilio   info clientSpeaking on
        1.500  backend  text "Hi." last
        1.600  twilio   interrupt "" 0
        2.500  twilio   info clientSpeaking off
        2.501  twilio   prompt "Are you there?" last
        2.900  backend  text "Yes." last
        3.300  twilio   info agentSpeaking on
    """)

    assert agent_over(call) == [False, False, False]


def test_a_clean_interrupt_leaves_no_replies_mixed() -> None:
    call = script("""
        0.00   twilio   setup
        0.10   twilio   prompt "About alpha."
        0.45   backend  text "About alpha: "
        0.47   twilio   prompt "About alpha." last
        0.82   backend  text "alpha one "
        0.94   backend  text "alpha two "
        1.60   twilio   interrupt "About alpha:" 500
        1.60   twilio   prompt "No,"
        1.601  backend  text "" last
        1.95   backend  text "About no: "
        2.19   backend  text "" last
        2.40   twilio   prompt "No, beta." last
    """)

    assert "interleaved_replies" not in call.totals.findings
    assert [cut.stale_chunks for cut in call.turns[1].interruptions] == [0]


STREAM = """
    0.0  twilio   setup
    1.0  twilio   prompt "tell me" last
    1.5  backend  text "One "
    1.6  backend  text "two "
    1.7  backend  text "three "
"""


@pytest.mark.parametrize(
    ("course", "still"),
    [
        ("1.75 twilio interrupt One 100 \n 1.761 backend text 'four ' \n 2.3 twilio close", False),
        ("1.75 twilio interrupt One 100 \n 1.761 backend text 'four ' \n 1.85 twilio close", True),
        (
            "1.72 twilio interrupt One 100 \n 1.75 backend text 'four ' \n 1.8 twilio interrupt two 50 \n"
            "1.811 backend text 'five ' \n 2.3 twilio close",
            False,
        ),
    ],
)
def test_a_backend_that_has_stopped_does_not_talk_until_the_call_ends(course: str, still: bool) -> None:
    call = script(f"{STREAM}{course}\n 2.4 - gone first=twilio")

    assert [cut.still_streaming_at_close for cut in call.turns[1].interruptions][-1] is still
    assert not any(cut.still_streaming_at_close for cut in call.turns[1].interruptions[:-1])
    assert ("stale_speech" in call.totals.findings) is still
    if still:
        assert "1 more message with 5 characters until the call ended" in [finding.detail for finding in call.findings]


def test_a_reply_by_itself_seconds_after_the_greeting_is_a_turn_of_its_own() -> None:
    greeted = """
        0.000  twilio   setup
        0.300  twilio   info agentSpeaking on
        0.900  twilio   info tokensPlayed "Welcome."
        0.901  twilio   info agentSpeaking off
    """
    told = [("setup", "", "Welcome."), ("proactive", "Still there?", "Still there?")]

    for events in (greeted, without(greeted, "agentSpeaking"), without(greeted, "tokensPlayed")):
        call = script(events + '5.0 backend text "Still there?" last \n 9.0 - gone')
        heard = "Welcome." if "tokensPlayed" in events else ""
        assert [(turn.opened_by, turn.agent_text) for turn in call.turns] == [(by, text) for by, text, _ in told]
        assert call.turns[0].heard_text == heard
    call = script(greeted + '1.2 backend text "How can I help?" last')
    assert [(turn.opened_by, turn.agent_text) for turn in call.turns] == [("setup", "How can I help?")]


def without(text: str, event: str) -> str:
    return "\n".join(line for line in text.splitlines() if event not in line) + "\n"


def ignoring(pace: list[float]) -> str:
    """A backend that takes no notice of an interrupt and answers the next prompt beside the reply that goes on."""
    words = ["alpha"] * len(pace)
    old = [f'{0.82 + sum(pace[:n]):.3f} backend text "{word} {n} "' for n, word in enumerate(words)]
    old[-1] += " last"
    new = [f'{2.75 + 0.12 * n:.3f} backend text "{text}"' for n, text in enumerate(["About beta: ", *["beta "] * 9])]
    new[-1] += " last"
    course = """
        0.000  twilio   setup
        0.100  twilio   prompt "About alpha." last
        0.450  backend  text "About alpha: "
        1.600  twilio   interrupt "About alpha:" 500
        2.400  twilio   prompt "No, beta." last
    """
    lines = [line.strip() for line in course.strip().splitlines()]
    return "\n".join(sorted([*lines, *old, *new], key=_time))


def test_a_backend_that_ignores_an_interrupt_mixes_two_replies() -> None:
    call = script(ignoring([0.12] * 20))
    told, answered = call.turns[1:]

    assert "interleaved_replies" in call.totals.findings
    assert [(cut.stale_chunks, cut.stale_chars, cut.reaction_ms) for cut in told.interruptions] == [(13, 114, 1500)]
    assert (answered.response_latency_ms, answered.time_to_first_token_ms) == (350, 350)
    assert told.interruptions[0].recovery_ms == 1150


def test_a_latency_that_the_pace_of_two_mixed_replies_does_not_tell_is_absent() -> None:
    call = script(ignoring([0.02, 0.3, 0.05, 0.2] * 5))

    assert "interleaved_replies" in call.totals.findings
    assert (call.turns[2].response_latency_ms, call.turns[2].null_reason) == (None, "overlap")


def test_the_answer_of_a_backend_that_never_ends_its_replies_is_not_stale() -> None:
    call = script("""
        0.00  twilio   setup
        0.30  twilio   prompt "Tell me a long story" last
        0.45  backend  text "You "
        0.60  backend  text "said: "
        0.75  backend  text "tell "
        0.90  backend  text "me "
        1.00  twilio   interrupt "You said" 400
        1.05  backend  text "a "
        1.20  backend  text "long "
        1.35  backend  text "story"
        1.40  twilio   prompt "And hello" last
        1.60  backend  text "You "
        1.75  backend  text "said: "
        1.90  backend  text "And hello"
        4.00  twilio   close 1000
        4.00  -        gone first=twilio
    """)

    assert (call.turns[1].interruptions[0].stale_chunks, call.turns[1].interruptions[0].reaction_ms) == (3, 350)
    assert (call.turns[2].agent_text, call.turns[2].response_latency_ms) == ("You said: And hello", 200)
    assert "missing_space" not in call.totals.findings


def test_text_that_had_been_sent_when_the_interrupt_came_is_the_old_reply_after_a_pause_too() -> None:
    call = script("""
        0.000  twilio   setup
        2.000  twilio   prompt "When are you open?" last
        2.200  backend  text "Open from nine to five. And so on and so forth. "
        3.301  twilio   interrupt "Open from nine" 800
        3.310  backend  text "And on and on. "
        3.410  backend  text "On and on." last
        3.901  twilio   prompt "Where are you?" last
        4.100  backend  text "Five Main Street." last
    """)

    assert [turn.opened_by for turn in call.turns] == ["setup", "prompt", "prompt"]
    assert (call.turns[1].interruptions[0].stale_chunks, call.turns[1].interruptions[0].recovery_ms) == (2, 799)
    assert "missing_last" not in call.totals.findings
