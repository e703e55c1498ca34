"""The conversation as a value: what follows from its numbers, and that it survives being stored."""

import msgspec
import pytest

from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.conversation.model import Budget, Conversation, Finding, Turn
from tests.script import script

MS = 1_000_000
WHOLE = Budget(input_delay=-20 * MS, proxy_in=1 * MS, backend=700 * MS, proxy_out=2 * MS, output_delay=150 * MS)
CALL = """
    0.000  twilio   setup sessionId=VX1 plan=gold
    1.000  twilio   prompt "A table for two" last
    1.750  backend  text "For when?" last
    2.000  twilio   interrupt "For" 200
    3.000  twilio   prompt "Tonight" last
    7.200  backend  end '{"reasonCode":"done"}'
    7.300  -        gone first=backend
"""


def test_the_parts_of_an_answer_sum_exactly() -> None:
    assert WHOLE.response_latency == 703 * MS
    assert WHOLE.user_bot_latency == 833 * MS


@pytest.mark.parametrize("part", ["proxy_in", "backend", "proxy_out"])
def test_without_one_of_its_three_parts_there_is_no_latency(part: str) -> None:
    budget = msgspec.structs.replace(WHOLE, **{part: None})

    assert (budget.response_latency, budget.user_bot_latency) == (None, None)


@pytest.mark.parametrize("part", ["input_delay", "output_delay"])
def test_without_events_what_the_caller_waited_is_not_known(part: str) -> None:
    budget = msgspec.structs.replace(WHOLE, **{part: None})

    assert (budget.response_latency, budget.user_bot_latency) == (703 * MS, None)


def test_a_latency_is_that_of_the_budget_in_milliseconds() -> None:
    turn = msgspec.structs.replace(script(CALL).turns[1], budget=WHOLE)

    assert (turn.response_latency_ms, turn.user_bot_latency_ms) == (703, 833)
    assert msgspec.structs.replace(turn, budget=Budget()).response_latency_ms is None


def test_a_turn_was_interrupted_when_it_has_an_interruption() -> None:
    first, second = script(CALL).turns[1:]

    assert (first.interrupted, second.interrupted) == (True, False)


def test_a_caller_asked_again_when_a_finding_says_so() -> None:
    turn = script(CALL).turns[1]
    slow = msgspec.structs.replace(turn, findings=(Finding("slow_turn", 1, ""),))
    again = msgspec.structs.replace(turn, findings=(*slow.findings, Finding("asked_again", 2, "")))

    assert (turn.asked_again, slow.asked_again, again.asked_again) == (False, False, True)
    assert "asked_again" in CATALOGUE


def test_a_call_lives_until_it_has_an_end() -> None:
    assert script("0.000 twilio setup").live
    assert not script(CALL).live


def test_what_was_stored_is_read_again() -> None:
    conversation = script(CALL)

    assert conversation.turns
    assert msgspec.json.decode(msgspec.json.encode(conversation), type=Conversation) == conversation
    for turn in conversation.turns:
        assert msgspec.json.decode(msgspec.json.encode(turn), type=Turn) == turn


def test_a_turn_that_an_earlier_version_stored_is_read_with_what_it_has() -> None:
    turn = script(CALL).turns[1]
    required = [field.name for field in msgspec.structs.fields(Turn) if field.required]
    stored = {name: value for name, value in msgspec.to_builtins(turn).items() if name in required}

    found = msgspec.convert({**stored, "of_tomorrow": 1}, Turn)

    assert (found.caller_text, found.agent_text) == (turn.caller_text, turn.agent_text)
    assert (found.heard_basis, found.chunk_gaps, found.longest_wait_ms) == (None, None, None)
