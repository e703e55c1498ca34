"""The payload of `end`, as people really send it."""

from typing import Any

import msgspec
import pytest

from relayproxy.conversation.handoff import handoff


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
