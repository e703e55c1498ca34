"""Which texts of a response are stale, and how it ends, as the table has it."""

import pytest

from relayproxy.conversation.fold.response_states import TRANSITIONS, ResponseEvent
from relayproxy.conversation.fold.turns import Response


@pytest.mark.parametrize(
    ("events", "state", "stale", "streams"),
    [
        pytest.param("text last", "ended", False, False, id="a whole reply"),
        pytest.param("text interrupt text", "stale", True, True, id="a backend that talks on after an interrupt"),
        pytest.param("text interrupt last", "ended", False, False, id="what it sends last ends what is stale"),
        pytest.param("text interrupt pause", "superseded", False, True, id="after a pause it is another reply"),
        pytest.param("text new_input", "superseded", False, True, id="a reply that makes way for the next answer"),
        pytest.param("text give_up", "given_up", False, True, id="a reply that is given up without a word"),
        pytest.param("text disconnect", "cut_off", False, True, id="the connection breaks within a reply"),
        pytest.param("text interrupt disconnect", "stale_cut_off", True, True, id="it breaks within stale text"),
        pytest.param("play interrupt text", "stale", True, True, id="text behind media that was interrupted"),
        pytest.param("play new_input", "ended", False, False, id="media needs no end"),
        pytest.param("play text", "streaming", False, True, id="text behind media"),
        pytest.param("play last", "ended", False, False, id="one whole text behind media"),
        pytest.param("play interrupt last", "ended", False, False, id="the last text behind interrupted media"),
        pytest.param("play interrupt pause", "ended", False, False, id="a pause after interrupted media"),
        pytest.param("play interrupt new_input", "ended", False, False, id="a prompt after interrupted media"),
        pytest.param("text interrupt new_input", "superseded", False, True, id="stale text makes way for an answer"),
        pytest.param("text interrupt give_up", "given_up", False, True, id="stale text is given up without a word"),
        pytest.param("last text interrupt disconnect", "ended", False, False, id="nothing changes what has ended"),
    ],
)
def test_a_response_goes_through_its_states(events: str, state: str, stale: bool, streams: bool) -> None:
    response = Response("0" * 32)
    for event in events.split():
        response.happens(event)  # type: ignore[arg-type]

    assert (response.state, response.stale, response.streams) == (state, stale, streams)


@pytest.mark.parametrize("event", sorted({event for row in TRANSITIONS.values() for event in row}))
def test_no_event_is_an_error_in_any_state(event: ResponseEvent) -> None:
    for state in TRANSITIONS:
        response = Response("0" * 32)
        response.state = state
        response.happens(event)
        assert response.state in TRANSITIONS
