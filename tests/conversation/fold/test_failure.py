"""A backend that dies: the turn says that its answer was cut off, and a finding names the call's end."""

import pytest

from relayproxy.conversation.model import Conversation
from tests.script import script

ANSWERING = """
    0.000  twilio   setup sessionId=VX1 callSid=CA1
    1.000  twilio   prompt "Please cancel my booking." last
    1.201  backend  text "I have cancelled "
"""


def failures(call: Conversation) -> list[tuple[int | None, str]]:
    return [(finding.turn, finding.detail) for finding in call.findings if finding.code == "call_failed"]


@pytest.mark.parametrize(
    ("end", "how"),
    [
        ("1.500 - gone first=backend backend=reset", "The backend's connection was reset without a close."),
        ("4.500 - gone first=backend backend=eof", "The backend's connection ended without a close."),
        (
            '1.500 backend close 1011 "out of order" \n 1.510 twilio close 1011 \n 1.520 - gone first=backend',
            "The backend closed the connection with 1011: out of order.",
        ),
    ],
)
def test_a_backend_that_dies_in_mid_answer_has_cut_it_off(end: str, how: str) -> None:
    call = script(f"{ANSWERING}{end}")

    assert call.turns[1].cut_off
    assert call.turns[1].response_latency_ms == 201
    assert failures(call) == [(1, f"{how} This cut off an answer.")]
    assert "missing_last" not in call.totals.findings


def test_a_backend_that_dies_while_the_caller_waits() -> None:
    call = script("""
        0.0  twilio  setup
        1.0  twilio  prompt "Hello?" last
        4.0  -       gone first=backend backend=reset
    """)

    assert failures(call) == [
        (1, "The backend's connection was reset without a close. The caller was waiting for an answer.")
    ]
    assert not call.turns[1].cut_off
    assert call.totals.unanswered == 1


def test_a_refused_call_has_a_finding() -> None:
    call = script("0.0 - refused status=503")

    assert failures(call) == [
        (None, "The call could not be connected: the backend answered the upgrade with HTTP 503.")
    ]


@pytest.mark.parametrize(
    "end",
    [
        "1.5 twilio close 1000 \n 1.5 - gone first=twilio",
        '1.4 backend text "it." last \n 2.0 backend end \n 2.1 twilio close 1000 \n 2.1 - gone first=twilio',
    ],
)
def test_a_caller_who_hangs_up_in_mid_answer_is_no_failure(end: str) -> None:
    call = script(f"{ANSWERING}{end}")

    assert failures(call) == []
    assert not call.turns[1].cut_off


def test_a_call_that_failed_after_its_last_answer_cut_nothing_off() -> None:
    call = script(f'{ANSWERING} 1.4 backend text "it." last \n 9.0 - gone first=backend backend=reset')

    assert failures(call) == [(None, "The backend's connection was reset without a close.")]
    assert not call.turns[1].cut_off


def test_an_answer_that_a_lost_connection_cut_off_says_so_though_the_session_went_on() -> None:
    call = script(f"""{ANSWERING}
        2.0  -          gone first=backend backend=reset
        4.0  twilio@2   setup sessionId=VX1 callSid=CA1
        4.1  twilio@2   prompt "Are you there?" last
        4.5  backend@2  text "Yes." last
        9.0  twilio@2   close 1000
        9.0  -@2        gone first=twilio
    """)

    assert [turn.cut_off for turn in call.turns] == [False, True, False]
    assert (call.turns[1].reply_complete_ms, call.turns[1].null_reasons["reply_complete_ms"]) == (None, "interrupted")
    assert failures(call) == []
    assert [(finding.code, finding.turn) for finding in call.findings] == [("reconnected", 1)]
