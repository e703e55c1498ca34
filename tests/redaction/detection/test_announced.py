"""Numbers that words announce."""

import pytest

from relayproxy.redaction.detection.detection import find
from relayproxy.redaction.values import Context, Kind, Policy
from tests.redaction.masks import masked


def shown(text: str, language: str = "en", asked: tuple[Kind, ...] = (), *, card: bool = False) -> str:
    context = Context(card=card, asked=frozenset(asked))
    return masked(text, find(text, language=language, policy=Policy(), context=context).secrets)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("my PIN is 4 8 2 1", "my PIN is • • • •"),
        ("4821 is my pin", "•••• is my pin"),
        ("the code is 123456", "the code is ••••••"),
        ("the code is 1234", "the code is 1234"),
        ("zip code 940431", "zip code 940431"),
        ("my account is at 555 0143 999 and I owe", "my account is at ••• •••• ••• and I owe"),
        ("my account has 250000 dollars", "my account has 250000 dollars"),
        ("the account from 12/05/2027 at 10:30", "the account from 12/05/2027 at 10:30"),
        ("I forgot my PIN, call me on 555 0143", "I forgot my PIN, call me on 555 0143"),
        ("cvv 123", "cvv •••"),
        ("cvv 123 zip 94043", "cvv ••• zip 94043"),
        ("passport X1234567", "passport X•••••••"),
        ("flight BA2490 or order X1234567", "flight BA2490 or order X1234567"),
        ("cvv is one two three, zip 94043", "cvv is ••• ••• •••••, zip 94043"),
        ("change my pin from 4821 to 1248", "change my pin from •••• to ••••"),
        ("the PIN of my card is 4821", "the PIN of my card is ••••"),
        ("my card is 4111 1111 1111 1112, misheard", "my card is •••• •••• •••• ••••, misheard"),
        ("it is 4111 1111 1111 1112", "it is 4111 1111 1111 1112"),
        ("it expires 04/27", "it expires 04/27"),
        ("card 4111111111111111 expires 04/27", "card ••••••••••••1111 expires ••/••"),
        ("4111111111111111 04 27 123", "••••••••••••1111 •• •• •••"),
    ],
)
def test_what_is_announced_is_masked(text: str, stored: str) -> None:
    assert shown(text) == stored


def test_what_was_asked_for_is_masked() -> None:
    assert shown("sure, one two three", asked=("security_code",)) == "sure, ••• ••• •••••"
    assert shown("seven three nine one", asked=("pin",)) == "••••• ••••• •••• •••"
    assert shown("seven three nine one") == "seven three nine one"


def test_expiry_and_security_code_follow_a_card_number() -> None:
    assert shown("April 2027", asked=("expiry",), card=True) == "••••• ••••"
    assert shown("zero four twenty seven", card=True) == "•••• •••• •••••• •••••"
    assert shown("482", card=True) == "•••"
    assert shown("482") == "482"
    assert shown("for 2 people at 7 30", card=True) == "for 2 people at 7 30"


def test_what_is_asked_is_told() -> None:
    for text, asked in {
        "What is your PIN?": {"pin"},
        "And the three digits on the back?": {"security_code"},
        "Your account number or your phone number?": {"number"},
        "When does it expire?": {"expiry"},
        "my PIN is 4821": set(),
    }.items():
        assert find(text, language="en", policy=Policy(), context=Context()).asked == asked
