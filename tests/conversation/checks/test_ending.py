"""Who ended a session, and what Twilio makes of it."""

import pytest

from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation
from tests.script import play, script

CALL = """
    0.000  twilio   setup sessionId=VX1
    1.000  twilio   prompt "Hello" last
    1.500  backend  text "Hi." last
"""


def verdict(conversation: Conversation) -> tuple[object, ...]:
    return (
        conversation.outcome,
        conversation.ended_by,
        conversation.studio_transition,
        conversation.twilio_error_code,
    )


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        pytest.param(
            '2.0 twilio close 1000 "Closing websocket session"\n2.1 - gone first=backend',
            ("caller_hangup", "caller", "none", None),
            id="the caller hangs up",
        ),
        pytest.param(
            '2.0 backend end "bye"\n2.1 twilio close 1000 "Closing websocket session"\n2.2 - gone first=backend',
            ("ended_by_backend", "backend", "success", None),
            id="the backend ends",
        ),
        pytest.param(
            "2.0 backend end\n2.0 backend close 1000\n2.1 - gone first=backend",
            ("ended_by_backend", "backend", "success", None),
            id="the backend ends and closes at once",
        ),
        pytest.param(
            "2.0 backend end\n2.1 - gone first=twilio twilio=reset",
            ("ended_by_backend", "backend", "success", None),
            id="the backend ends and the socket drops",
        ),
        pytest.param(
            "2.0 twilio close 1000\n2.1 backend end\n2.2 - gone first=backend",
            ("caller_hangup", "caller", "none", None),
            id="the backend ends what was over",
        ),
        pytest.param(
            """2.0 backend raw '{"type":"end","handoffData":{"a":1}}'
            2.1 twilio error 'Invalid message received, code: 64107, {"type":"end","handoffData":{"a":1}}'
            4.0 twilio close 1000
            4.1 - gone first=backend""",
            ("caller_hangup", "caller", "none", None),
            id="Twilio rejects the end",
        ),
        pytest.param(
            """2.0 backend raw '{"type":"end","handoffData":{"a":1}}'
            2.1 twilio error 'Invalid message received: {"type":"end","handoffData":{"a":1}}'
            4.0 twilio close 1000
            4.1 - gone first=backend""",
            ("caller_hangup", "caller", "none", None),
            id="Twilio rejects the end, as it used to say it",
        ),
        pytest.param(
            """2.0 backend end
            12.5 twilio prompt "Are you there?" last
            19.0 twilio close 1000
            19.1 - gone first=backend""",
            ("caller_hangup", "caller", "none", None),
            id="the call goes on after an end",
        ),
        pytest.param(
            """2.0 backend end
            5.0 twilio prompt "Goodbye to you too." last
            6.0 twilio close 1000
            6.1 - gone first=backend""",
            ("ended_by_backend", "backend", "success", None),
            id="the caller answers a goodbye that still plays",
        ),
        pytest.param(
            """2.0 backend end
            2.1 twilio error 'Invalid message received, code: 64107, {"type":"txt"}'
            4.0 twilio close 1000
            4.1 - gone first=backend""",
            ("ended_by_backend", "backend", "success", None),
            id="Twilio rejects something else",
        ),
        pytest.param(
            '2.0 backend close 1011 "out of order"\n2.1 twilio close 1011\n2.2 - gone first=twilio',
            ("backend_disconnect", "backend", "failed", 64105),
            id="the backend closes",
        ),
        pytest.param(
            "2.0 - gone first=backend backend=eof",
            ("backend_disconnect", "backend", "failed", 64105),
            id="the backend vanishes",
        ),
        pytest.param(
            "2.0 - gone first=backend backend=reset twilio=eof",
            ("backend_disconnect", "backend", "failed", 64105),
            id="the backend resets",
        ),
        pytest.param(
            "2.0 - gone first=twilio twilio=reset",
            ("unknown", "twilio", "unknown", None),
            id="Twilio vanishes",
        ),
        pytest.param(
            '2.0 twilio close 1007 "Too many consecutive malformed messages."\n2.1 - gone first=backend',
            ("protocol_error", "twilio", "failed", 64105),
            id="too many malformed messages",
        ),
        pytest.param(
            """2.0 backend end
            2.1 twilio close 1007 "Too many consecutive malformed messages."
            2.2 - gone first=backend""",
            ("protocol_error", "twilio", "failed", 64105),
            id="too many malformed messages, the end among them",
        ),
        pytest.param(
            "2.0 twilio close 1001\n2.1 - gone first=backend",
            ("unknown", "twilio", "unknown", None),
            id="Twilio goes away",
        ),
        pytest.param(
            "2.0 - gone first=proxy cause=drain",
            ("proxy_error", "proxy", "failed", 64105),
            id="our drain",
        ),
        pytest.param(
            "2.0 - gone first=proxy cause=shutdown",
            ("proxy_error", "proxy", "failed", 64105),
            id="our shutdown",
        ),
        pytest.param("2.0 - gone cause=relay_died", ("unknown", "proxy", "unknown", None), id="the relay died"),
        pytest.param("2.0 - gone", ("unknown", None, "unknown", None), id="nobody knows"),
    ],
)
def test_verdict(end: str, expected: tuple[object, ...]) -> None:
    conversation = script(CALL + end)

    assert verdict(conversation) == expected
    assert conversation.end_reason is not None
    assert conversation.end_reason.endswith(".")
    assert not conversation.live


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (
            '0.1 - refused status=502 error="no connection with the backend (Connection refused)"',
            ("backend_connect_failed", "backend", "failed", 64102),
        ),
        ("0.1 - refused status=403", ("backend_connect_failed", "backend", "failed", 64102)),
        (
            '0.1 - refused status=503 error="the backend answered with 503"\n0.2 - gone first=backend',
            ("backend_connect_failed", "backend", "failed", 64102),
        ),
        (
            '0.1 - refused error="the caller was gone before the backend had answered"\n0.2 - gone first=twilio',
            ("unknown", "twilio", "unknown", None),
        ),
    ],
)
def test_a_call_that_was_never_connected(refusal: str, expected: tuple[object, ...]) -> None:
    conversation = script(refusal)

    assert verdict(conversation) == expected
    assert conversation.turns == ()


def test_reasons_are_written_for_a_person() -> None:
    assert script(CALL + '2.0 backend close 1011 "out of order"\n2.1 - gone first=backend').end_reason == (
        "The backend closed the connection with 1011: out of order."
    )
    assert script(CALL + "2.0 backend close\n2.1 - gone first=backend").end_reason == (
        "The backend closed the connection without a code."
    )
    assert script(CALL + "2.0 - gone first=backend backend=reset").end_reason == (
        "The backend's connection was reset without a close."
    )
    assert script(CALL + "2.0 - gone first=backend backend=timeout").end_reason == (
        "The backend's connection stopped taking data without a close."
    )
    assert script(CALL + "2.0 - gone first=twilio twilio=reset").end_reason == (
        "Twilio's connection was reset without a close; the caller may have hung up."
    )
    assert script(CALL + "2.0 - gone cause=relay_died").end_reason == (
        "The relay process stopped in the middle of the call."
    )
    assert script("0.1 - refused status=401").end_reason == (
        "The call could not be connected: the backend answered the upgrade with HTTP 401."
    )


def test_a_close_does_not_end_the_session_before_its_streams_are_over() -> None:
    assert script(CALL + "2.0 twilio close 1000").live
    assert script(CALL).outcome is None


def test_a_session_lives_while_one_of_its_connections_does() -> None:
    dropped = CALL + "2.0 - gone first=backend\n"
    again = dropped + "2.5 twilio@2 setup sessionId=VX1\n"

    assert script(dropped).outcome == "backend_disconnect"
    assert script(again).live
    over = script(again + "9.0 twilio@2 close 1000\n9.1 -@2 gone first=backend")
    assert (over.outcome, over.session_id) == ("caller_hangup", "VX1")


@pytest.mark.parametrize(
    ("end", "confidence"),
    [
        ("2.0 twilio close 1000\n2.1 - gone first=backend", "certain"),
        ("2.0 backend end\n2.1 twilio close 1000\n2.2 - gone first=backend", "certain"),
        ("2.0 backend end\n2.0 backend close 1000\n2.1 - gone first=backend", "likely"),
        ("2.0 backend close 1011\n2.1 - gone first=backend", "likely"),
        ("2.0 - gone first=backend backend=eof", "likely"),
        ("2.0 twilio close 1007\n2.1 - gone first=backend", "certain"),
        ("2.0 twilio close 1009\n2.1 - gone first=backend", "likely"),
        ("2.0 twilio close 1001\n2.1 - gone first=backend", "guess"),
        ("2.0 - gone first=twilio twilio=reset", "guess"),
        ("2.0 - gone first=proxy cause=drain", "likely"),
        ("2.0 - gone cause=relay_died", "guess"),
        ("2.0 - gone", "guess"),
    ],
)
def test_how_sure_that_is(end: str, confidence: str) -> None:
    assert script(CALL + end).confidence == confidence


def test_nothing_is_said_of_a_live_call() -> None:
    assert (script(CALL).confidence, script(CALL).end_reason) == (None, None)


@pytest.mark.parametrize(
    ("backend_t", "outcome", "confidence"),
    [
        (1_500_000_000, "backend_disconnect", "likely"),
        (1_990_000_000, "caller_hangup", "likely"),
        (2_100_000_000, "caller_hangup", "certain"),
    ],
)
def test_a_backend_that_was_gone_before_twilio_closed(backend_t: int, outcome: str, confidence: str) -> None:
    call = script(CALL + f"2.0 twilio close 1000\n2.2 - gone first=backend backend=eof backend_t={backend_t}")

    assert (call.outcome, call.confidence) == (outcome, confidence)


@pytest.mark.parametrize(
    ("twilio_t", "outcome"),
    [(1_500_000_000, "unknown"), (1_990_000_000, "backend_disconnect"), (2_100_000_000, "backend_disconnect")],
)
def test_twilio_was_gone_before_the_backend_closed(twilio_t: int, outcome: str) -> None:
    call = script(CALL + f"2.0 backend close 1000\n2.2 - gone first=twilio twilio=reset twilio_t={twilio_t}")

    assert call.outcome == outcome


def test_a_backend_that_leaves_after_its_end_without_waiting_for_twilio() -> None:
    left = "2.0 backend end\n2.1 twilio close 1000\n2.2 - gone first=backend backend_t="

    assert script(CALL + left + "2010000000").outcome == "ended_by_backend"
    assert script(CALL + left + "2010000000").confidence == "likely"
    assert script(CALL + left + "2150000000").confidence == "certain"


def test_bytes_that_are_missing_near_the_end_make_it_a_guess() -> None:
    played = play(CALL)
    gap = Message(9, 1_900_000_000, "twilio", "gap", size=700, note="buffer")
    played.fold.feed(played.opening.connection_id, gap)
    for line in ("2.0 twilio close 1000", "2.1 - gone first=backend"):
        played.line(line)
    call = played.fold.conversation()

    assert (call.outcome, call.confidence) == ("caller_hangup", "guess")
    assert call.end_reason == "The caller hung up. Bytes near the end were not recorded, so this is a guess."


def test_bytes_that_are_missing_long_before_do_not() -> None:
    played = play(CALL)
    played.fold.feed(played.opening.connection_id, Message(9, 1_900_000_000, "twilio", "gap", size=700))
    for line in ("9.0 twilio close 1000", "9.1 - gone first=backend"):
        played.line(line)

    assert played.fold.conversation().confidence == "certain"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (
            '2.0 twilio close 1007 "Too many consecutive malformed messages."',
            "Twilio closed the connection with 1007 because of ten messages in a row that it could not read: "
            "Too many consecutive malformed messages.",
        ),
        ("2.0 twilio close 1009", "Twilio closed the connection with 1009 because of a message that was too long."),
    ],
)
def test_protocol_closes_are_explained(end: str, reason: str) -> None:
    assert script(CALL + end + "\n2.1 - gone first=backend").end_reason == reason
