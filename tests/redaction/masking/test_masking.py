"""Secrets in strings that stand for themselves: in JSON within them, percent-encoded, told by a member's name."""

import json
import time

import pytest

from relayproxy.redaction.masking.json_text import applied
from relayproxy.redaction.masking.masking import mask_string, masked_text
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


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("customerId", "1234567", "1234567"),
        ("customer_id", "1234567", "1234567"),
        ("customerNumber", "1234567", "1234567"),
        ("accountNumber", "1234567", "1234567"),
        ("account_id", "AC123456789", "AC123456789"),
        ("code", "1234567", "1234567"),
        ("policyNumber", "1234567", "1234567"),
        ("orderReference", "1234567", "1234567"),
        ("userId", "4821", "4821"),
        ("kundennummer", "1234567", "1234567"),
        ("accountNumber", CARD, "•••• •••• •••• 1111"),
        ("account", "customer number 1234567", "customer number •••••••"),
        ("code", "my PIN is 4821", "my PIN is ••••"),
        ("accountPin", "4821", "••••"),
        ("pin", "4821", "••••"),
        ("password", "482193", "••••••"),
        ("passcode", "4821", "••••"),
        ("otp", "482193", "••••••"),
        ("verificationCode", "482193", "••••••"),
        ("smsCode", "482193", "••••••"),
        ("cardNumber", "4111111111111112", "••••••••••••••••"),
        ("securityCode", "123", "•••"),
        ("cvv", "123", "•••"),
        ("cvc", "123", "•••"),
        ("ssn_last", "123-45-6789", "•••-••-••••"),
        ("socialSecurityNumber", "123456789", "•••••••••"),
        ("taxId", "123456789", "•••••••••"),
        ("passportNumber", "123456789", "•••••••••"),
        ("iban", "123456789", "•••••••••"),
    ],
)
def test_of_a_member_its_name_announces_cards_pins_and_identities_and_no_key_of_the_operators(
    name: str, value: str, kept: str
) -> None:
    asked = Context(card=name in ("userId", "customerId"), asked=frozenset({"number"}))
    text = json.dumps({name: value}, ensure_ascii=False)
    for context in (Context(), asked):
        found = mask_string(text, POLICY, context)
        assert json.loads(applied(text, found.edits)) == {name: kept}


@pytest.mark.parametrize("unit", ["\\", "\\u", "%", "%25", "%2", "%4", "+", "a+", '\\"', "{", '"', "\\n", "٣"])
def test_what_is_encoded_costs_no_more_than_it_is_long(unit: str) -> None:
    def cost(length: int) -> float:
        began = time.process_time()
        masked_text(unit * (length // len(unit)) + "x", POLICY)
        return time.process_time() - began

    cost(1000)
    assert cost(32_000) < max(1.0, 40 * cost(4_000)), "it grows with the square of the length"
