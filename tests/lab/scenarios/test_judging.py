"""What is expected of the whole call, against what the fold tells of it."""

from textwrap import indent

import pytest

from relayproxy.conversation.model import Conversation
from relayproxy.lab.scenarios.judging import judge
from relayproxy.lab.twilio.result import Caller, CallResult
from tests.lab.scenarios.stage import scenario
from tests.script import script

HANDS_OFF = """
    0.000  twilio   setup sessionId=VX1 callSid=CA1
    1.000  twilio   prompt "a person, please" last
    1.400  backend  text "Of course." last
    1.500  backend  end '{"reasonCode":"live-agent","booking":{"party":4},"vip":false}'
    2.000  twilio   close 1000 "Closing websocket session"
    2.010  -        gone first=backend
"""
HANGS_UP = """
    0.000  twilio   setup sessionId=VX1 callSid=CA1
    1.000  twilio   prompt "open today?" last
    4.000  backend  text "Yes, from **five** on." last
    6.000  twilio   prompt "thanks" last
    6.100  backend  text "Goodbye." last
    6.500  twilio   interrupt "Good" 200
    8.000  twilio   close 1000 "Closing websocket session"
    8.010  -        gone first=backend
"""


def told(*conversations: Conversation) -> CallResult:
    caller = Caller("VX1", "CA1", "AC1", "+15550100001")
    return CallResult(caller, (), conversations, "hung_up", 8.0, 101, 1000, "")


def judged(expected: str, *calls: str) -> list[str]:
    """Line, expectation and what came instead."""
    text = "turns: []\nexpect:\n" + indent(expected, "  ")
    found = judge(scenario(text), told(*map(script, calls)))
    return [f"{one.place.line if one.place else 0}: {one.expected}; {one.got}" for one in found]


@pytest.mark.parametrize(
    ("expected", "call"),
    [
        ("handoff: {reason_code: live-agent, reasonCode: live-agent, booking.party: 4}", HANDS_OFF),
        ("handoff: {vip: false, booking: {present: true}, price: {present: false}, reason_code: ignore}", HANDS_OFF),
        ("handoff: {reason_code: {pattern: ^live}}", HANDS_OFF),
        ("handoff: none", HANGS_UP),
        ("{ending: ended_by_backend, studio: success, findings: none}", HANDS_OFF),
        ("{ending: caller_hangup, studio: none}", HANGS_UP),
        ("findings: [slow_turn, markdown, goodbye_clipped, false_interruption]", HANGS_UP),
        ("{latency_p50_ms: 400, latency_p95_ms: 400, latency_max_ms: 400, longest_wait_ms: 400}", HANDS_OFF),
        ("interruptions: 1", HANGS_UP),
    ],
)
def test_what_is_as_expected(expected: str, call: str) -> None:
    assert judged(expected, call) == []


@pytest.mark.parametrize(
    ("expected", "call", "failures"),
    [
        (
            "handoff:\n  vip: false\n  reason_code: booked\n  booking.day: monday",
            HANDS_OFF,
            [
                '6: reason_code of the handoff data to be "booked"; "live-agent"',
                '7: booking.day of the handoff data to be "monday"; nothing',
            ],
        ),
        (
            "handoff: {reason_code: {present: true}}",
            HANGS_UP,
            ["4: reason_code of the handoff data to be any value; no end with handoff data"],
        ),
        (
            "handoff: none",
            HANDS_OFF,
            ['4: no handoff data; "{\\"reasonCode\\":\\"live-agent\\",\\"booking\\":{\\"party\\":4},\\"vip\\":false}"'],
        ),
        (
            "ending: ended_by_backend\nstudio: success",
            HANGS_UP,
            [
                "4: the ending ended_by_backend; caller_hangup: The caller hung up.",
                "5: Studio's transition success; none",
            ],
        ),
        (
            "latency_p50_ms: 50\nlatency_p95_ms: 399\nlatency_max_ms: 399\nlongest_wait_ms: 399",
            HANDS_OFF,
            [
                "4: latency_p50_ms of at most 50; 400",
                "5: latency_p95_ms of at most 399; 400",
                "6: latency_max_ms of at most 399; 400",
                "7: longest_wait_ms of at most 399; 400",
            ],
        ),
        ("interruptions: 0", HANGS_UP, ["4: 0 interruptions; 1"]),
    ],
)
def test_what_is_not(expected: str, call: str, failures: list[str]) -> None:
    found = judged(expected, call)
    assert [one[: len(failure)] for one, failure in zip(found, failures, strict=True)] == failures


def test_findings_that_are_not_allowed_are_all_told() -> None:
    (found,) = judged("findings: [slow_turn]", HANGS_UP)
    assert found.startswith("4: no findings but slow_turn; ")
    assert "markdown (" in found
    (found,) = judged("findings: none", HANGS_UP)
    assert "slow_turn (" in found


def test_a_number_that_was_not_measured_is_a_failure() -> None:
    silent = "0.000 twilio setup sessionId=VX1 callSid=CA1\n1.0 twilio close 1000\n1.1 - gone first=backend"
    assert judged("latency_p95_ms: 1000", silent) == [
        "4: latency_p95_ms of at most 1000; no answer whose latency could be measured"
    ]


def test_a_call_that_was_connected_again_is_judged_over_its_sessions() -> None:
    assert judged("{latency_max_ms: 3000, ending: ended_by_backend}", HANGS_UP, HANDS_OFF) == []
    assert judged("latency_max_ms: 2000", HANGS_UP, HANDS_OFF) == ["4: latency_max_ms of at most 2000; 3000"]
    assert judged("handoff: {reason_code: live-agent}", HANDS_OFF, HANGS_UP) == []
