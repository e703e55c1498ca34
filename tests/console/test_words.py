"""What pages call the values of the closed vocabularies, and how they draw them."""

from typing import get_args

from relayproxy.console import words
from relayproxy.conversation.checks.findings import Severity
from relayproxy.conversation.model import Outcome, StudioTransition


def test_every_state_has_a_tone() -> None:
    assert set(words.OUTCOME) == set(get_args(Outcome))
    assert set(words.TRANSITION) == set(get_args(StudioTransition))
    assert set(words.SEVERITY) == set(get_args(Severity))


def test_pages_say_the_phrase_and_the_meaning_of_the_vocabularies() -> None:
    assert words.outcome("caller_hangup") == ("Caller hung up", "calm")
    assert words.transition_meaning("none") == "the caller is gone, so the flow does not go on"
    assert words.null_reason("tier") == "needs speaker events"
    assert words.heard("tokens_played") == "as Twilio reported what it played"
    assert words.note("malformed_close") == "a close frame with half a code"


def test_an_unknown_value_is_shown_as_it_is() -> None:
    assert words.outcome("abducted") == ("abducted", "warn")
    assert words.transition("sideways") == ("sideways", "warn")
    assert words.transition_meaning("sideways") == words.transition_meaning(None) == ""
    assert (words.note("bent"), words.note(None)) == ("bent", "")
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


def test_what_was_left_out_of_a_recording() -> None:
    assert words.recorded("redacted", {"card_number": 2, "keys": 1}) == "2 card numbers, 1 key run"
    assert words.recorded("redacted", {}) == ""
    assert words.recorded("metadata", {}) == "metadata alone: times, types and sizes, no words"
    assert words.recorded(None, {}) == ""


def test_a_call_whose_parties_are_not_known_says_why() -> None:
    assert words.unidentified("caller_hangup", 1, None) == "Call whose content was deleted"
    assert words.unidentified("caller_hangup", None, "VX1") == "Call without phone numbers"
    assert words.unidentified(None, None, None) == "Call without a setup message yet"
    assert words.unidentified("backend_connect_failed", None, None) == "Call that did not get through"
    assert words.unidentified("unknown", None, None) == "Connection without a setup message"
