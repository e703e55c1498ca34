"""The tables of numbers: each is read off its value as the API, the spans and the pages show it."""

from typing import Any, get_args

import msgspec
import pytest

from relayproxy.conversation.measures.number import Number
from relayproxy.conversation.measures.numbers import (
    INTERRUPTION_NUMBERS,
    TABLES,
    TURN_NUMBERS,
    NumberLevel,
    null_reason,
)
from relayproxy.conversation.totals import Spread
from tests.script import script

CALL = """
    0.0          twilio   setup sessionId=VX1 callSid=CA1 from=+15550100001 to=+15550100002 direction=inbound
    0.300        backend  text "Welcome." last
    2.000/2.001  twilio   prompt "Hello" last
    2.750/2.7525 backend  text "Good morning. "
    3.000        backend  text "Who is it?" last
    6.000        twilio   prompt "Me" last
    6.500        backend  text "Which me, "
    7.200        twilio   interrupt "Which" 300
    7.400        backend  text "of the two?" last
    8.100        twilio   prompt "Forget it" last
    9.500        backend  end '{"reasonCode":"live-agent"}'
    9.600        twilio   close 1000
    9.700        -        gone first=backend
"""
CONVERSATION = script(CALL)
GREETING, TURN, INTERRUPTED, HANDED_OFF = CONVERSATION.turns


def told(numbers: tuple[Number[Any], ...], of: object) -> dict[str, Any]:
    return {number.name: number.value(of) for number in numbers}


def test_a_turns_numbers_are_those_of_the_api() -> None:
    found = told(TURN_NUMBERS, TURN)

    assert (found["response_latency_ms"], found["proxy_in_ms"], found["backend_latency_ms"]) == (752, 1, 749)
    assert (found["time_to_last_token_ms"], found["chunks"], found["stalls"]) == (1000, 2, 0)
    assert found["chunk_gaps"].max_ms == 250
    assert found["chunk_rate"] == pytest.approx(4, rel=0.02)
    assert found["user_bot_latency_ms"] is None


def test_an_interruptions_numbers_are_those_of_the_api() -> None:
    found = told(INTERRUPTION_NUMBERS, INTERRUPTED.interruptions[0])

    assert (found["heard_ms"], found["stale_chunks"], found["reaction_ms"]) == (300, 1, 200)


def test_a_turn_says_why_it_has_no_such_number() -> None:
    assert null_reason(GREETING, "response_latency_ms") == "no_prompt"
    assert null_reason(GREETING, "proxy_in_ms") == "no_prompt"
    assert null_reason(TURN, "input_delay_ms") == "tier"
    assert null_reason(INTERRUPTED, "reply_complete_ms") == "interrupted"
    assert null_reason(HANDED_OFF, "response_latency_ms") == "handed_off"


def test_a_number_that_is_absent_has_a_reason_or_words() -> None:
    for turn in CONVERSATION.turns:
        for number in TURN_NUMBERS:
            assert number.value(turn) is not None or number.absent or null_reason(turn, number.name), number.name
    others: tuple[NumberLevel, ...] = ("interruption", "session")
    for level in others:
        for number in TABLES[level]:
            optional = number.type is Spread or type(None) in get_args(number.type)
            assert bool(number.absent) == optional or number.name == "greeting_latency_ms", number.name


@pytest.mark.parametrize(
    ("level", "of"),
    [("turn", turn) for turn in CONVERSATION.turns]
    + [("interruption", INTERRUPTED.interruptions[0]), ("session", CONVERSATION)],
)
def test_values_are_of_the_type_that_the_table_gives(level: NumberLevel, of: object) -> None:
    for number in TABLES[level]:
        msgspec.convert(number.value(of), number.type)


def test_no_two_numbers_share_a_name() -> None:
    attributes = [number.attribute for numbers in TABLES.values() for number in numbers if number.attribute]

    assert len(set(attributes)) == len(attributes)
    for numbers in TABLES.values():
        assert len({number.name for number in numbers}) == len({number.title for number in numbers}) == len(numbers)
