"""Each difference in one sentence."""

from typing import Any

import pytest

from relayproxy.comparison.model import Fact, NumberComparison, Sample, Shift
from relayproxy.comparison.sentences import interval_words, of_fact


@pytest.mark.parametrize(
    ("fact", "before", "after", "sentence"),
    [
        (("text", ""), "", "Hi", "The agent said “Hi” instead of nothing."),
        (("text", ""), "Hi", "", "The agent said nothing instead of “Hi”."),
        (("caller", "words"), "a", "b", "The caller said “b” instead of “a”."),
        (("caller", "keys"), "12", "", "The caller pressed no key instead of 12."),
        (("message_types", ""), "text", "text, end", "The backend sent text, end instead of text."),
        (("language", ""), "", "fr-FR", "Speech was switched to: fr-FR instead of nothing else."),
        (("digits", ""), "", "1w2", "The agent sent 1w2 instead of no digits."),
        (
            ("interruptions", ""),
            "",
            "caller_speech, caller_dtmf",
            "Interruptions of the agent: by speaking, by a key instead of none.",
        ),
        (("findings", "stall"), False, True, "New finding: Pause within a reply (stall)."),
        (("findings", "of_later"), True, False, "No longer found: of_later (of_later)."),
        (("handoff", ""), True, False, "There is no handoff data any more."),
        (("handoff", "n"), None, 7, "n of the handoff is 7 instead of not there."),
        (("studio", ""), "success", "failed", "Studio's way is Failed instead of Success."),
        (("ending", ""), None, "caller_hangup", "The call ended as “Caller hung up” instead of not known yet."),
        (
            ("ending", "twilio_error_code"),
            None,
            64102,
            "Twilio's error is 64102 (Twilio could not open the WebSocket; the caller hears a busy tone) instead of "
            "none.",
        ),
        (("turn", ""), False, True, "Only the second call has this turn."),
        (("diverged", ""), False, True, "The agent asks for something else."),
    ],
)
def test_what_is_there_instead_of_what(fact: Fact, before: Any, after: Any, sentence: str) -> None:
    assert of_fact(fact, before, after) == sentence


@pytest.mark.parametrize(
    ("intervals", "sure"), [(1, "99"), (3, "99.67"), (36, "99.972"), (45, "99.978"), (100_000, "99.99999")]
)
def test_a_confidence_is_never_rounded_to_certainty(intervals: int, sure: str) -> None:
    few = Sample(8, 500, None, 400, 600)
    number = NumberComparison("response_latency_ms", few, few, Shift(94, -69, 285, 1 - 0.01 / intervals))
    assert interval_words(number) == f", -69 to +285 ms with {sure} % confidence"
