"""What is stored of a connection's opening."""

import msgspec
import pytest

from relayproxy.connection import Opening, SignatureCheck
from relayproxy.redaction.rules import EVERYTHING, Rules
from tests.redaction.conversation import CARD

PLAIN = CARD.replace(" ", "")
OPENING = Opening(
    "0" * 32, "1" * 32, "2" * 16, "a", f"ws://agent.example.com/{PLAIN}", f"/{PLAIN}?a=<redacted>", 7, "1.1.1.1:1",
    request_headers=(("X-Card", CARD), ("X-Forwarded-For", "35.3.111.24, 81.176.154.126, 126.91.241.168")),
    response_headers=(("X-Note", f"card {CARD}"),),
    error=f"the backend answered 403: {CARD}",
    signature=SignatureCheck("wrong", url=f"wss://relay.example.com/{PLAIN}", problem=f"it is for /{PLAIN}"),
)  # fmt: skip


@pytest.mark.parametrize("rules", [Rules(), Rules(record="metadata")])
def test_an_opening_has_no_card_number_and_says_what_is_recorded(rules: Rules) -> None:
    stored = rules.opening(OPENING)
    text = msgspec.json.encode(stored).decode()
    assert "4111" not in text
    assert text.count("1111") >= 7
    assert stored.record == rules.record
    assert dict(stored.request_headers)["X-Forwarded-For"] == dict(OPENING.request_headers)["X-Forwarded-For"]
    assert rules.opening(stored) == stored


def test_of_everything_nothing_is_masked() -> None:
    assert EVERYTHING.opening(OPENING) is OPENING
