"""Where the messages of a connection lead, and how each end is judged from there."""

import pytest

from relayproxy.conversation.checks.connection_states import JUDGEMENTS, TRANSITIONS, ConnectionState
from relayproxy.conversation.transitions import following


@pytest.mark.parametrize(
    ("events", "outcome", "confidence"),
    [
        ("twilio_closes hang_up", "caller_hangup", "certain"),
        ("twilio_closes crossed_hang_up", "caller_hangup", "likely"),
        ("end twilio_closes hang_up", "ended_by_backend", "certain"),
        ("end backend_gone", "ended_by_backend", "likely"),
        ("end end_rejected twilio_closes hang_up", "caller_hangup", "certain"),
        ("end caller_goes_on backend_close", "backend_disconnect", "likely"),
        ("twilio_closes end hang_up", "caller_hangup", "certain"),
        ("end twilio_closes end_rejected end hang_up", "caller_hangup", "certain"),
        ("end twilio_closes invalid_close", "protocol_error", "certain"),
        ("end relay_gone", "ended_by_backend", "likely"),
        ("relay_gone", "unknown", "guess"),
        ("refused", "backend_connect_failed", "certain"),
    ],
)
def test_a_connection_ends(events: str, outcome: str, confidence: str) -> None:
    state: ConnectionState = "open"
    for event in events.split():
        state = following(TRANSITIONS, state, event)  # type: ignore[misc]

    assert (JUDGEMENTS[state].outcome, JUDGEMENTS[state].confidence) == (outcome, confidence)


def test_nothing_happens_to_a_connection_that_has_ended() -> None:
    assert all(TRANSITIONS[state] == {} for state in JUDGEMENTS)
