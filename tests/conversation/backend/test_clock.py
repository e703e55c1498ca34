"""The clock of a backend is aligned on the handshake: the span of the request began while relayproxy saw it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.backend.clock import TOLERANCE, Clock, Handshake, clocks
from tests.conversation.backend.told import BEGAN, CALL, HANDSHAKE, MS, TRACE, nodes


@pytest.mark.parametrize("began", [4, 10, 14, 24, 28, 0])
def test_a_span_that_began_within_the_handshake_moves_nothing(began: int) -> None:
    (clock,) = clocks([HANDSHAKE], nodes(f"HTTP {began} 9000 server http"))

    assert clock == Clock("agrees", 0, max(abs(4 - began), abs(24 - began)) * MS)


@pytest.mark.parametrize("ahead", [5000, -5000, 3_600_000, -86_400_000])
def test_another_clock_is_moved_so_that_the_span_begins_in_the_middle(ahead: int) -> None:
    (clock,) = clocks([HANDSHAKE], nodes("HTTP 10 9000 server http", clock_ahead=ahead))

    assert clock == Clock("moved", (14 - (10 + ahead)) * MS, 10 * MS)


@pytest.mark.parametrize(("connect", "arrives"), [(None, 400), (2, 1), (100, 50), (5000, 400)])
def test_a_backend_that_answers_late_has_begun_when_the_request_came(connect: int | None, arrives: int) -> None:
    slow = Handshake(TRACE, CALL, BEGAN, BEGAN + 800 * MS, None if connect is None else connect * MS)

    (clock,) = clocks([slow], nodes("HTTP 1 9000 server http", clock_ahead=-30))

    assert clock == Clock("moved", (arrives - 1 + 30) * MS, (800 - arrives) * MS)


@given(st.integers(0, 400), st.integers(-(10**8), 10**8), st.integers(1, 400), st.none() | st.integers(0, 10**9))
def test_times_are_wrong_by_what_is_said_at_most(began: int, ahead: int, took: int, connect: int | None) -> None:
    sent, answered = BEGAN, BEGAN + took * MS
    really = BEGAN + min(began, took) * MS
    told = nodes(f"HTTP {min(began, took)} 90000 server http", clock_ahead=ahead)

    (clock,) = clocks([Handshake(TRACE, CALL, sent, answered, connect)], told)

    assert clock.uncertainty is not None
    assert abs(told[0].span.started_at + clock.shift - really) <= clock.uncertainty
    moved = told[0].span.started_at + clock.shift
    assert sent - TOLERANCE <= moved <= answered + TOLERANCE
    assert clock.state == "agrees" or sent <= moved <= answered


@pytest.mark.parametrize(
    "told",
    [
        "",
        "handler 10 9000 orphan http",
        "prompt 1010 1900 server",  # that of a message, which bears no request
        "chat 1010 1900 model",
    ],
)
def test_without_the_span_of_the_handshake_nothing_is_known(told: str) -> None:
    assert clocks([HANDSHAKE], nodes(told)) == (Clock("unknown"),)


def test_a_handshake_that_was_not_answered_tells_nothing() -> None:
    unanswered = Handshake(TRACE, CALL, BEGAN, BEGAN - 1)
    assert clocks([unanswered], nodes("HTTP 10 9000 server http")) == (Clock("unknown"),)


def test_each_connection_has_a_clock_of_its_own() -> None:
    again = Handshake(TRACE, "aa" * 8, BEGAN + 500 * MS, BEGAN + 520 * MS)
    assert clocks([HANDSHAKE, again], nodes("HTTP -90 400 server http")) == (
        Clock("moved", 104 * MS, 10 * MS),
        Clock("unknown"),
    )


def test_the_first_of_several_servers_tells() -> None:
    (clock,) = clocks([HANDSHAKE], nodes("nginx 12 9000 server http\nHTTP 9012 9900 server http"))
    assert clock.state == "agrees"
