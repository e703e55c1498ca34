"""Every value of the closed vocabularies has words."""

from typing import get_args

from relayproxy.connection import SideEnd
from relayproxy.console import words
from relayproxy.conversation.checks.findings import Severity
from relayproxy.conversation.model import Confidence, HeardBasis, Interruption, Outcome, StudioTransition
from relayproxy.conversation.totals import NullReason


def test_nothing_that_the_conversation_can_say_lacks_words() -> None:
    assert set(words.OUTCOME) == set(get_args(Outcome))
    assert set(words.TRANSITION) == set(words.TRANSITION_MEANING) == set(get_args(StudioTransition))
    assert set(words.NULL_REASON) == set(get_args(NullReason))
    assert set(words.SIDE_END) == set(get_args(SideEnd))
    assert set(words.SEVERITY) == set(get_args(Severity))
    assert set(words.HEARD) == set(get_args(HeardBasis))
    assert set(words.CONFIDENCE) == set(get_args(Confidence)) - {"certain"}
    assert set(words.INTERRUPTION) == set(get_args(Interruption.__annotations__["kind"]))


def test_an_unknown_value_is_shown_as_it_is() -> None:
    assert words.outcome("abducted") == ("abducted", "warn")
    assert words.transition("sideways") == ("sideways", "warn")
    assert words.http_phrase(403) == "Forbidden"
    assert words.http_phrase(799) == ""


def test_an_ending_is_told_in_the_order_in_which_it_happened() -> None:
    assert (
        words.ending("backend", "closed_by_proxy", "reset", None)
        == "The backend reset its connection, then Twilio was closed by relayproxy."
    )
    assert (
        words.ending("backend", "eof", "eof", None, "twilio")
        == "Twilio closed its connection, then the backend closed its connection."
    )
    assert words.ending(None, None, None, "relay_died") == "The relay process vanished."
    assert words.ending(None, None, None, None) == ""
