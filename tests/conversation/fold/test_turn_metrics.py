"""Every number of a turn: where it starts and ends, and why it is absent."""

import pytest

from relayproxy.conversation.model import Budget, ChunkGaps, Turn
from tests.script import script

MS = 1_000_000


def turn(text: str, number: int = 1) -> Turn:
    return script(text).turns[number]


EVENTS = """
    0.000        twilio   setup
    0.900        twilio   info clientSpeaking on
    1.700        twilio   info clientSpeaking off
    2.000/2.001  twilio   prompt "Hello" last
    2.750/2.7525 backend  text "Good morning. "
    3.000        backend  text "Who is it?" last
    3.100        twilio   info agentSpeaking on
    5.000        twilio   info agentSpeaking off
"""


def test_the_budget_is_contiguous_and_sums_to_the_nanosecond() -> None:
    answered = turn(EVENTS)

    assert answered.budget == Budget(300 * MS, 1 * MS, 749 * MS, 2_500_000, 347_500_000)
    assert answered.budget.response_latency == 752_500_000
    assert answered.budget.user_bot_latency == 1_400 * MS
    assert (answered.response_latency_ms, answered.user_bot_latency_ms) == (752, 1400)
    assert (answered.tier, answered.null_reasons) == ("B", {})


def test_an_answer_read_before_the_write_of_its_prompt_returned_took_no_time() -> None:
    answered = turn("""
        0.000        twilio   setup
        1.000/1.050  twilio   prompt "Hello" last
        1.020/1.060  backend  text "Hi." last
    """)

    assert answered.budget == Budget(None, 20 * MS, 0, 40 * MS, None)
    assert answered.response_latency_ms == 60


def test_without_events_the_ends_of_the_budget_need_them() -> None:
    answered = turn("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        1.5  backend  text "Hi." last
    """)

    assert answered.tier == "A"
    assert answered.budget == Budget(None, 0, 500 * MS, 0, None)
    assert answered.user_bot_latency_ms is None
    assert {name: answered.null_reasons[name] for name in ("input_delay_ms", "output_delay_ms")} == {
        "input_delay_ms": "tier",
        "output_delay_ms": "tier",
    }
    assert answered.null_reasons["user_bot_latency_ms"] == "tier"


def test_a_prompt_before_the_caller_has_stopped_is_a_negative_delay() -> None:
    answered = turn("""
        0.0  twilio   setup
        0.5  twilio   info clientSpeaking on
        1.0  twilio   prompt "Hello" last
        1.2  twilio   info clientSpeaking off
        1.5  backend  text "Hi." last
        1.8  twilio   info agentSpeaking on
    """)

    assert answered.budget.input_delay == -200 * MS
    assert answered.budget.user_bot_latency == 600 * MS


def test_the_end_of_an_earlier_utterance_is_not_guessed_to_be_that_of_a_later_one() -> None:
    call = script("""
        0.0  twilio   setup
        0.5  twilio   info clientSpeaking on
        0.9  twilio   info clientSpeaking off
        1.0  twilio   prompt "one" last
        1.5  backend  text "1." last
        3.0  twilio   prompt "two" last
        3.5  backend  text "2." last
        3.9  twilio   info agentSpeaking on
    """)

    assert [t.budget.input_delay for t in call.turns[1:]] == [100 * MS, None]
    assert call.turns[2].null_reasons["input_delay_ms"] == "event_missing"


def test_the_last_stop_before_the_prompt_counts() -> None:
    answered = turn("""
        0.0  twilio   setup
        0.5  twilio   info clientSpeaking on
        0.8  twilio   info clientSpeaking off
        1.0  twilio   info clientSpeaking on
        1.6  twilio   info clientSpeaking off
        2.0  twilio   prompt "one, two" last
        2.5  backend  text "3." last
    """)

    assert answered.budget.input_delay == 400 * MS


def test_an_agent_that_is_already_speaking_does_not_begin() -> None:
    answered = turn("""
        0.0  twilio   setup
        0.3  twilio   info agentSpeaking on
        1.0  twilio   prompt "Hello" last
        1.5  backend  text "Hi." last
        3.0  twilio   info agentSpeaking off
    """)

    assert answered.budget.output_delay is None
    assert answered.null_reasons["output_delay_ms"] == "already_speaking"
    assert answered.null_reasons["user_bot_latency_ms"] == "already_speaking"


def test_a_key_that_cuts_the_greeting_is_answered_when_the_agent_speaks_again() -> None:
    answered = turn("""
        0.000  twilio   setup
        0.300  twilio   info agentSpeaking on
        0.400  twilio   dtmf 9
        0.401  backend  text "Nine." last
        0.402  twilio   interrupt "This" 15
        0.403  twilio   info agentSpeaking off
        0.800  twilio   info agentSpeaking on
    """)

    assert answered.budget.output_delay == 399 * MS
    assert answered.null_reasons["input_delay_ms"] == "no_prompt"


@pytest.mark.parametrize(
    ("course", "reason"),
    [
        ("", "no_response"),
        ("\n 1.2 twilio interrupt '' 0 \n 3.0 - gone", "interrupted_before_first_token"),
        ("\n 3.0 - gone", "session_closed"),
        ("\n 2.0 backend end \n 3.0 - gone", "no_response"),
    ],
)
def test_why_there_is_no_latency(course: str, reason: str) -> None:
    unanswered = turn('0.0 twilio setup \n 1.0 twilio prompt "Hello" last' + course)

    assert (unanswered.response_latency_ms, unanswered.null_reason) == (None, reason)
    for name in ("time_to_first_token_ms", "time_to_first_sentence_ms", "time_to_last_token_ms", "reply_complete_ms"):
        assert (getattr(unanswered, name), unanswered.null_reasons[name]) == (None, reason)
    assert unanswered.null_reasons["backend_latency_ms"] == reason


def test_a_turn_without_a_prompt_has_no_latency() -> None:
    greeting, unasked = script("""
        0.0  twilio   setup
        0.5  backend  text "Welcome." last
        9.0  backend  text "Are you there?" last
    """).turns

    assert (greeting.null_reason, unasked.null_reason) == ("no_prompt", "no_prompt")
    assert greeting.null_reasons["first_reaction_ms"] == "no_prompt"


def test_an_answer_to_a_partial_prompt_has_a_lead_instead_of_a_latency() -> None:
    early = turn("""
        0.0        twilio   setup
        1.0        twilio   prompt "book me"
        1.3/1.301  backend  text "Sure." last
        1.6        twilio   prompt "book me a table" last
    """)

    assert (early.null_reason, early.response_latency_ms, early.lead_time_ms) == ("speculative", None, 300)
    assert early.agent_over_caller
    assert early.budget == Budget()


def test_media_first_counts_as_the_answer_but_not_as_a_token() -> None:
    answered = turn("""
        0.0        twilio   setup
        1.0        twilio   prompt "Hello" last
        1.2/1.201  backend  play https://example.com/hold.mp3
        2.5/2.502  backend  text "Hi." last
    """)

    assert (answered.first_kind, answered.response_latency_ms, answered.time_to_first_token_ms) == ("play", 201, 1502)


def test_an_answer_of_media_alone_has_no_tokens() -> None:
    answered = turn("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        1.2  backend  play https://example.com/hold.mp3
    """)

    assert answered.response_latency_ms == 200
    for name in ("time_to_first_token_ms", "time_to_first_sentence_ms", "time_to_last_token_ms"):
        assert (getattr(answered, name), answered.null_reasons[name]) == (None, "no_text")


@pytest.mark.parametrize("message", ["language es-ES", 'text ""', "sendDigits 1", 'raw \'{"type":"new"}\''])
def test_the_first_reaction_is_any_message(message: str) -> None:
    answered = turn(f"""
        0.0        twilio   setup
        1.0        twilio   prompt "Hello" last
        1.3/1.301  backend  {message}
        2.0        backend  text "Hi." last
    """)

    assert (answered.first_reaction_ms, answered.response_latency_ms) == (301, 1000)


def test_a_transfer_without_a_word_is_a_reaction() -> None:
    answered = turn("""
        0.0  twilio   setup
        1.0  twilio   prompt "a person, please" last
        1.4  backend  end '{"reasonCode":"live-agent"}'
    """)

    assert (answered.first_reaction_ms, answered.unanswered, answered.null_reason) == (400, False, "handed_off")


@pytest.mark.parametrize(
    ("tokens", "at"),
    [
        (["Good morning. ", "And you?"], 0),
        (["Good morning.", " And you?"], 0),
        (["Good", " morning", ".", " And"], 2),
        (["Pi is 3.", "14", " or so"], 3),
        (["Pi is 3.", "14. Yes"], 1),
        (['"Stop!" he said', " twice"], 0),
        (["no", " end", " at all"], 2),
    ],
)
def test_the_first_sentence_is_complete_with_a_space_or_the_end(tokens: list[str], at: int) -> None:
    lines = [
        f"1.{n}/1.{n}01 backend text '{token}' {'last' if n == len(tokens) else ''}"
        for n, token in enumerate(tokens, 1)
    ]
    chunks = "\n".join(["0.0 twilio setup", "1.0 twilio prompt Hello last", *lines])
    tokens_at = [101 + 100 * n for n in range(len(tokens))]

    answered = turn(chunks)

    wanted = tokens_at[min(at, len(tokens) - 1)]
    assert answered.time_to_first_sentence_ms == wanted
    assert answered.aggregation_delay_ms == wanted - tokens_at[0]


def test_streaming_numbers() -> None:
    answered = turn("""
        0.0        twilio   setup
        1.0        twilio   prompt "Hello" last
        2.0/2.001  backend  text "aaaa"
        2.1        backend  text ""
        2.2        backend  text "bb"
        2.6        backend  text "cc"
        4.0/4.002  backend  text "dddd."
        4.2/4.203  backend  text "" last
    """)

    assert (answered.time_to_first_token_ms, answered.time_to_last_token_ms) == (1001, 3203)
    assert answered.stream_duration_ms == 2202
    assert (answered.chunks, answered.stalls) == (4, 1)
    assert answered.chunk_gaps == ChunkGaps(p50_ms=400, p95_ms=1400, max_ms=1400)
    assert (answered.chunk_rate, answered.char_rate) == (1.5, 4.5)


def test_a_single_chunk_has_no_rate_and_no_duration_to_speak_of() -> None:
    answered = turn("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        2.0  backend  text "Hi."
        2.5  backend  text "" last
    """)

    assert (answered.chunks, answered.stream_duration_ms, answered.chunk_gaps) == (1, 0, None)
    assert (answered.chunk_rate, answered.char_rate) == (None, None)
    assert answered.time_to_last_token_ms == 1500


def test_a_reply_that_never_says_last_is_unterminated_once_its_turn_is_over() -> None:
    course = """
        0.0  twilio   setup
        1.0  twilio   prompt "one" last
        2.0  backend  text "Well"
    """
    live = turn(course)
    over = turn(course + "5.0 twilio prompt two last")

    assert (live.time_to_last_token_ms, live.null_reasons["time_to_last_token_ms"], live.unterminated) == (
        None,
        "pending",
        False,
    )
    assert (over.null_reasons["time_to_last_token_ms"], over.unterminated) == ("unterminated", True)
    assert over.null_reasons["stream_duration_ms"] == "unterminated"


def test_a_reply_is_complete_when_the_agent_falls_silent() -> None:
    answered = turn(EVENTS)

    assert (answered.reply_complete_ms, answered.reply_complete_estimated) == (3000, False)


def test_without_events_the_end_of_a_reply_is_estimated_from_the_speaking_rate() -> None:
    answered = turn("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        2.0  backend  text "Thirty characters, all in all." last
    """)

    assert (answered.reply_complete_ms, answered.reply_complete_estimated) == (1000 + 350 + 2000, True)


def test_an_interrupted_reply_is_never_complete() -> None:
    answered = turn(EVENTS.replace("5.000        twilio   info agentSpeaking off", '4.0 twilio interrupt "Good" 300'))

    assert (answered.reply_complete_ms, answered.null_reasons["reply_complete_ms"]) == (None, "interrupted")


def test_an_off_in_a_pause_of_the_reply_does_not_complete_it() -> None:
    answered = turn("""
        0.0  twilio   setup
        1.0  twilio   prompt "Hello" last
        2.0  backend  text "One moment. "
        2.4  twilio   info agentSpeaking on
        3.0  twilio   info agentSpeaking off
        6.0  backend  text "Here it is." last
        6.4  twilio   info agentSpeaking on
        7.5  twilio   info agentSpeaking off
    """)

    assert (answered.reply_complete_ms, answered.stalls) == (6500, 1)


def test_coalesced_prompts_count_from_the_last_of_them() -> None:
    answered = turn("""
        0.0  twilio   setup
        1.0  twilio   prompt "I want" last
        1.2  backend  language es-ES
        2.0  twilio   prompt "a table" last
        2.6  backend  text "Sure." last
    """)

    assert (answered.coalesced_prompts, answered.response_latency_ms, answered.first_reaction_ms) == (1, 600, 600)
    assert answered.languages == ("es-ES",)


def test_the_last_key_before_the_answer_stands_for_the_prompt() -> None:
    answered, later = script("""
        0.0  twilio   setup
        1.0  twilio   dtmf 1
        1.4  twilio   dtmf 2
        2.0  backend  text "One, two." last
        2.1  twilio   dtmf 3
        2.6  backend  text "Three." last
    """).turns[1:]

    assert (answered.dtmf, answered.response_latency_ms) == ("12", 600)
    assert (later.dtmf, later.response_latency_ms) == ("3", 500)
