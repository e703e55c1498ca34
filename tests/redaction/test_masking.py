"""Secrets in strings that stand for themselves: in JSON within them, percent-encoded, told by a member's name."""

import json

import pytest

from relayproxy.redaction.masking import mask_string, masked_text
from relayproxy.redaction.values import Context, policy
from tests.redaction.conversation import CARD

POLICY = policy(["ssn"], [])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"/call?card={CARD.replace(' ', '%20')}&a=1", "/call?card=••••%20••••%20••••%201111&a=1"),
        ("/call?card=4111+1111+1111+1111", "/call?card=••••+••••+••••+1111"),
        ("to jane%40example.com", "to ◦◦◦◦%40◦◦◦◦◦◦◦.◦◦◦"),
        ("100% of 5", "100% of 5"),
        ("VX" + "4" * 32, "VX" + "4" * 32),
        ("", ""),
    ],
)
def test_of_a_url_or_a_header(text: str, kept: str) -> None:
    assert masked_text(text, POLICY) == kept


def test_json_within_a_string_within_json() -> None:
    inner = json.dumps({"note": f"card {CARD}", "ssn": "123-45"})
    text = json.dumps({"data": inner, "n": 4111111111111111})
    masked = json.loads(masked_text(text, POLICY))
    assert json.loads(masked["data"]) == {"note": "card •••• •••• •••• 1111", "ssn": "•••-••"}
    assert masked["n"] == "••••••••••••1111"


def test_a_message_that_is_quoted_behind_words() -> None:
    quoted = 'Invalid message received, code: 64107, {"ssn": "12"}'
    assert masked_text(quoted, POLICY) == 'Invalid message received, code: 64107, {"ssn": "••"}'


def test_digits_at_a_cut_end_are_masked() -> None:
    found = mask_string("the card 4111 1111", POLICY, Context(), cut=True)
    assert [one.text for one in found.edits] == ["••••", "••••"]
    assert not mask_string("the card 4111 1111", POLICY, Context()).edits
