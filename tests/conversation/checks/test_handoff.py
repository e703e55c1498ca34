"""The payload of `end`, as people really send it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.checks.handoff import LARGE, handoff, handoff_findings, misplaced, studio_path


@pytest.mark.parametrize(
    ("data", "raw", "value", "is_string", "reason_code"),
    [
        ('{"reasonCode":"live-agent","reason":"asked"}', None, {"reasonCode": "live-agent", "reason": "asked"}, True,
         "live-agent"),
        ('{"reason_code":7}', None, {"reason_code": 7}, True, "7"),
        ('{"reason":"spike"}', None, {"reason": "spike"}, True, "spike"),
        ("end_call", "end_call", None, True, None),
        ("", "", None, True, None),
        ('"quoted"', '"quoted"', "quoted", True, None),
        ("[1]", "[1]", [1], True, None),
        ({"reasonCode": "x"}, '{"reasonCode":"x"}', {"reasonCode": "x"}, False, "x"),
        ({"reasonCode": {"deep": True}}, '{"reasonCode":{"deep":true}}', {"reasonCode": {"deep": True}}, False, None),
        (5, "5", 5, False, None),
        (False, "false", False, False, None),
        (None, None, None, False, None),
    ],
)  # fmt: skip
def test_handoff(data: Any, raw: str | None, value: Any, is_string: bool, reason_code: str | None) -> None:
    made = handoff(data, at=9, size=500)

    assert made.raw == (data if raw is None and isinstance(data, str) else raw)
    assert (made.json, made.is_string, made.reason_code, made.at) == (value, is_string, reason_code, 9)


def test_its_size_is_in_bytes() -> None:
    assert handoff("é", at=0, size=500).bytes == 2
    assert handoff(None, at=0, size=500).bytes == 0


def test_one_that_was_not_kept_is_known_by_the_size_of_its_message() -> None:
    made = handoff(msgspec.UNSET, at=9, size=500)

    assert (made.raw, made.json, made.bytes, made.reason_code) == (None, None, 500, None)


def found(data: Any, size: int = 500) -> tuple[tuple[str, str], ...]:
    return handoff_findings(handoff(data, at=9, size=size))


@pytest.mark.parametrize(
    "data",
    [
        '{"reasonCode":"live-agent"}',
        "[1]",
        "null",
        "",
        None,
        "[" * 100 + "]" * 100,
        '{"at":1788000000000,"phone":"+44 20 7946 0958 1234","id":"550e8400-4111-4222-8333-123456789012"}',
        '{"text":"' + "a" * (LARGE - 11) + '"}',
    ],
)
def test_nothing_is_wrong_with_it(data: Any) -> None:
    assert found(data) == ()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"reasonCode": "x"}, ("handoff_not_string", "an object in place of a string")),
        ([], ("handoff_not_string", "an array in place of a string")),
        (5, ("handoff_not_string", "a number in place of a string")),
        (False, ("handoff_not_string", "a boolean in place of a string")),
        ("end_call", ("handoff_not_json", "a string that is not JSON")),
        ("{'reason': 'x'}", ("handoff_not_json", "a string that is not JSON")),
        ('{"text":"' + "a" * (LARGE - 10) + '"}', ("handoff_too_large", "4097 bytes, more than 4096")),
    ],
)
def test_what_is_wrong_with_it(data: Any, expected: tuple[str, str]) -> None:
    assert found(data) == (expected,)


def test_one_that_was_not_kept_may_still_be_too_large() -> None:
    assert found(msgspec.UNSET, size=300_000) == (("handoff_too_large", "300000 bytes, more than 4096"),)
    assert found(msgspec.UNSET, size=500) == ()


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        ({"card": "4111 1111 1111 1111"}, '16 digits that form a card number in "card"'),
        ({"card": 4111111111111111}, '16 digits that form a card number in "card"'),
        ({"a": {"notes": ["x", "by 3782-822463-10005, until 12/27"]}}, '15 digits that form a card number in "notes"'),
        ({"a": "4111 1111 1111 1111 12/27 123"}, '16 digits that form a card number in "a"'),
        ({"a": "room 204 4111111111111111"}, '16 digits that form a card number in "a"'),
        ({"a": "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"}, '16 digits that form a card number in "a"'),
        ({"a": '{"pan":"4222222222222"}'}, '13 digits that form a card number in "a"'),
        ({"4111111111111111": "4111111111111111"}, "16 digits that form a card number"),
        (["4000000000000000006"], "19 digits that form a card number"),
    ],
)  # fmt: skip
def test_card_numbers_are_told_without_their_digits(payload: Any, detail: str) -> None:
    assert found(json.dumps(payload)) == (("handoff_card_number", detail),)


@pytest.mark.parametrize(
    "text", ["4111111111111112", "411111111111111", "1111111111111117", "41111111111111111111", "ref4111111111111111"]
)
def test_other_digits_are_none(text: str) -> None:
    assert found(json.dumps({"card": text})) == ()


def test_a_plain_string_may_be_two_things_at_once() -> None:
    assert [code for code, _ in found("card 5555 5555 5555 4444")] == ["handoff_not_json", "handoff_card_number"]


def test_endless_digits_are_looked_at_once() -> None:
    assert found(json.dumps("2 " * 200_000 + "x"))[0][0] == "handoff_too_large"


@given(st.text(st.sampled_from('0123456789 -.{}[]":,a+'), max_size=80) | st.text())
def test_nothing_raises(data: str) -> None:
    assert all(detail.encode() for _, detail in found(data))


def test_how_studio_refers_to_it() -> None:
    assert studio_path() == "{{widgets.<name>.HandoffData}}"
    assert studio_path("agent_1") == "{{widgets.agent_1.HandoffData}}"


@pytest.mark.parametrize(
    ("data", "twice"),
    [
        ('"{\\"reasonCode\\":\\"live-agent\\"}"', True),
        ('{"reasonCode":"live-agent"}', False),
        ('"live-agent"', False),
        ('{"context":"{}"}', False),
    ],
)
def test_json_within_json_is_said_to_be_encoded_twice(data: str, twice: bool) -> None:
    codes = [code for code, _ in handoff_findings(handoff(data, 1, 100))]

    assert codes == ["handoff_encoded_twice"] * twice


@pytest.mark.parametrize(
    ("message", "key"),
    [
        ({"type": "end", "reason": "asked for a person"}, "reason"),
        ({"type": "end", "reasonCode": "live-agent", "handoffData": None}, "reasonCode"),
        ({"type": "end", "handoff_data": '{"reasonCode":"live-agent"}'}, "handoff_data"),
        ({"type": "end", "handoffData": "", "reason": {"code": 7}}, "reason"),
        ({"type": "end"}, None),
        ({"type": "end", "reason": None, "handoff": ""}, None),
        ({"type": "end", "handoffData": ""}, None),
        ({"type": "end", "requestId": "r-1", "timestamp": 1}, None),
    ],
)
def test_what_was_meant_to_be_handoff_data_and_stands_beside_it(message: dict[str, Any], key: str | None) -> None:
    told = (("handoff_misplaced", f'"{key}" beside its place: there is no handoffData'),) if key else ()

    assert misplaced(json.dumps(message)) == told


def test_a_message_that_was_cut_tells_nothing_of_it() -> None:
    assert misplaced('{"type":"end","reason":"a') == ()
