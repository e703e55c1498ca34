"""What a value is expected to be."""

from typing import Any

import pytest

from relayproxy.matching import NOTHING, Condition, Matcher, described, matches, shown


@pytest.mark.parametrize(
    ("matcher", "right", "wrong"),
    [
        ("live-agent", ["live-agent"], ["live-agents", None, NOTHING, 1]),
        (4, [4, 4.0], ["4", True, NOTHING]),
        (0.5, [0.5], [0, "0.5"]),
        (True, [True], [1, "true", False, NOTHING]),
        (None, [None], [NOTHING, "", 0]),
        (Condition(pattern="^\\d+$"), ["12", 12], ["12a", NOTHING, None]),
        (Condition(pattern="aurora"), [{"at": "aurora"}], [[]]),
        (Condition(present=True), ["", 0, None], [NOTHING]),
        (Condition(present=False), [NOTHING], ["", None]),
        ("ignore", ["x", None, NOTHING], []),
    ],
)
def test_a_value_is_as_expected_or_not(matcher: Matcher, right: list[Any], wrong: list[Any]) -> None:
    assert [matches(matcher, value) for value in right] == [True] * len(right)
    assert [matches(matcher, value) for value in wrong] == [False] * len(wrong)


def test_expectations_in_words() -> None:
    assert described("live-agent") == '"live-agent"'
    assert described(Condition(pattern="^a")) == "a match of '^a'"
    assert described(Condition(present=True)) == "any value"
    assert described(Condition(present=False)) == "no value"
    assert described("ignore") == "anything"


def test_values_are_shown_as_json_and_not_endlessly() -> None:
    assert shown({"a": [1, None]}) == '{"a":[1,null]}'
    assert shown(NOTHING) == "nothing"
    assert len(shown("x" * 1000)) == 200


def test_half_a_pair_of_surrogates_is_shown_as_what_it_is_not() -> None:
    assert shown({"a": "\ud83d!"}) == '{"a":"\N{REPLACEMENT CHARACTER}!"}'
    assert matches(Condition(pattern="!"), ["\ud83d!"])
