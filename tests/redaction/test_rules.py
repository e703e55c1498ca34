"""What is stored of a connection's opening."""

import msgspec
import pytest

from relayproxy.connection import Opening, SignatureCheck
from relayproxy.redaction import rules as redaction_rules
from relayproxy.redaction.rules import EVERYTHING, Rules, without_words
from relayproxy.redaction.values import policy
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


def test_when_redaction_fails_nothing_of_urls_and_headers_is_left() -> None:
    bare = without_words(OPENING)
    assert "4111" not in msgspec.json.encode(bare).decode()
    assert (bare.backend, bare.signature) == ("ws://agent.example.com", SignatureCheck("wrong"))


def test_an_answer_costs_no_second_look_at_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = msgspec.structs.replace(OPENING, request_headers=(("Host", "relay.example.com"), ("X-Card", CARD)))
    stored = Rules().opening(asked)
    looked: list[str] = []

    def masked(text: str, _: object, **_named: object) -> str:
        looked.append(text)
        return "•"

    monkeypatch.setattr(redaction_rules, "masked_text", masked)
    answered = Rules().opening(msgspec.structs.replace(asked, error="no answer"), stored)
    assert dict(answered.request_headers) == {"Host": "relay.example.com", "X-Card": "•"}
    assert "relay.example.com" not in looked
    assert {CARD, "no answer"} <= set(looked)


KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
DATE = "Sun, 29 Nov 2026 02:37:29 GMT"


def test_random_headers_of_a_handshake_are_not_read_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = (("Sec-WebSocket-Key", KEY), ("sec-websocket-accept", ACCEPT), ("Date", DATE))
    handshake = msgspec.structs.replace(OPENING, request_headers=sent)
    own = Rules(policy=policy(patterns=["nonce|IHNh"])).opening(handshake)
    assert dict(own.request_headers)["Sec-WebSocket-Key"] == KEY.replace("IHNh", "◦◦◦◦")
    card = msgspec.structs.replace(OPENING, request_headers=(("Sec-WebSocket-Key", f"{PLAIN}/abcde=="),))
    assert PLAIN not in Rules().opening(card).request_headers[0][1]
    monkeypatch.setattr(
        redaction_rules, "masked_text", lambda text, _, **_named: "" if text in (KEY, ACCEPT, DATE) else text
    )
    assert Rules().opening(handshake).request_headers == sent


def test_a_secret_in_a_headers_name_or_told_by_it() -> None:
    sent = ((f"X-{PLAIN}", "a"), ("jane@example.com", "b"), ("X-Pin", "4821"), ("X-Card-Number", "4111111111111112"))
    stored = Rules().opening(msgspec.structs.replace(OPENING, request_headers=sent, response_headers=sent))
    assert stored.request_headers == (
        ("X-••••••••••••1111", "a"), ("◦◦◦◦@◦◦◦◦◦◦◦.◦◦◦", "b"), ("X-Pin", "••••"), ("X-Card-Number", "•" * 16),
    )  # fmt: skip
    assert stored.response_headers == stored.request_headers
