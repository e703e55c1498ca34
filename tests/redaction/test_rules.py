"""What is kept of a connection's opening."""

import msgspec

from relayproxy.connection import Opening, SignatureCheck
from relayproxy.redaction.rules import EVERYTHING, Rules

CARD = "4111111111111111"
URL = f"wss://relay.example.com/pay/{CARD}"
OPENING = Opening(
    "c" * 32, "t" * 32, "s" * 16, "default", f"wss://agent.example.com/pay/{CARD}", f"/pay/{CARD}", 0, "192.0.2.1:5",
    signature=SignatureCheck("wrong", URL, problem="it is for another URL", signed_url=f"{URL}/"),
)  # fmt: skip


def test_a_card_number_in_the_url_that_was_checked_is_masked_like_that_in_the_target() -> None:
    kept = Rules().opening(OPENING)

    assert CARD.encode() not in msgspec.json.encode(kept)
    assert kept.signature is not None
    assert (kept.signature.state, kept.signature.problem) == ("wrong", "it is for another URL")
    assert kept.signature.url is not None
    assert kept.signature.url.startswith("wss://relay.example.com/pay/")
    assert EVERYTHING.opening(OPENING) == OPENING
