"""The table of a session's numbers: each is read off the conversation as the API, the spans and the pages show it."""

from typing import Any

from relayproxy.conversation.measures.session_numbers import SESSION_NUMBERS
from relayproxy.conversation.model import Conversation
from tests.script import script

CALL = """
    0.0          twilio   setup sessionId=VX1 callSid=CA1 from=+15550100001 to=+15550100002 direction=inbound
    0.300        backend  text "Welcome." last
    2.000        twilio   prompt "Hello" last
    2.750        backend  text "Good morning. "
    3.000        backend  text "Who is it?" last
    6.000        twilio   prompt "Me" last
    6.500        backend  text "Which me, "
    7.200        twilio   interrupt "Which" 300
    7.400        backend  text "of the two?" last
    8.100        twilio   prompt "Forget it" last
    9.500        backend  end '{"reasonCode":"live-agent"}'
"""
ENDED = """
    9.600        twilio   close 1000
    9.700        -        gone first=backend
"""


def told(conversation: Conversation) -> dict[str, Any]:
    return {number.name: number.value(conversation) for number in SESSION_NUMBERS}


def test_a_sessions_numbers_are_those_of_the_api() -> None:
    found = told(script(CALL + ENDED))

    assert (found["duration_ms"], found["turns"], found["interruptions"], found["messages"]) == (9700, 4, 1, 11)
    assert (found["response_latency_ms"].n, found["response_latency_ms"].max_ms) == (2, 750)
    assert found["interruptions_by_kind"] == {"caller_speech": 1}
    assert found["interruption_rate"] == 1 / 3
    assert (found["handoff_latency_ms"], found["teardown_ms"]) == (1400, 100)


def test_what_only_an_end_tells_is_absent_while_the_call_is_live() -> None:
    found = told(script(CALL))

    assert found["duration_ms"] is found["teardown_ms"] is None
    words = {number.name: number.absent for number in SESSION_NUMBERS}
    assert words["duration_ms"] == "the call is live"
    assert words["teardown_ms"] == "Twilio did not close behind an `end`"
