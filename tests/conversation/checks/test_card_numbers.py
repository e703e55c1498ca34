"""Card numbers in values that may hold none, before and after they were masked."""

import json
from typing import Any

import pytest

from relayproxy.conversation.checks.card_numbers import card_number


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"card": "4111 1111 1111 1111"}, '16 digits that form a card number in "card"'),
        ({"card": 4111111111111111}, '16 digits that form a card number in "card"'),
        ({"a": {"notes": ["x", "by 3782-822463-10005, until 12/27"]}}, '15 digits that form a card number in "notes"'),
        ({"4111111111111111": "4111111111111111"}, "16 digits that form a card number"),
        ("Your card 5555 5555 5555 4444.", "16 digits that form a card number"),
    ],
)
def test_a_card_number_is_told_by_its_place_alone(value: Any, told: str) -> None:
    assert card_number(value, masked=False) == told


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        {"since": 1788000000000, "ref": "ref4111111111111111", "from": "+15550100001"},
        {"card": "4111111111111112"},
        {"card": "•••• •••• •••• 1111"},
    ],
)
def test_other_digits_are_none(value: Any) -> None:
    assert card_number(value, masked=False) is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"card": "•••• •••• •••• 1111"}, True),
        ({"account": "••••••••", "card": "••••••••••••1111"}, True),
        ({"account": "••••••••", "card": "************1111"}, False),
        ({}, False),
    ],
)
def test_one_that_was_masked_is_known_by_how_many_digits_it_has(value: Any, found: bool) -> None:
    assert (card_number(value, masked=True) is not None) is found


def test_what_is_told_has_none_of_its_digits() -> None:
    told = card_number(json.loads('{"4111":"4111111111111111"}'), masked=False)

    assert told is not None
    assert "4111" not in told
