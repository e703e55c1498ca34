"""Secrets made of digits."""

import pytest

from relayproxy.redaction.detection.announced import mentions
from relayproxy.redaction.detection.digits import Reading, ibans, read
from relayproxy.redaction.detection.tokens import tokenize
from relayproxy.redaction.values import Context
from tests.redaction.masks import masked


def reading(text: str, context: Context | None = None, cut: int | None = None) -> Reading:
    all_tokens = tokenize(text)
    return read(all_tokens, mentions(all_tokens), "en", context or Context(), cut)


def test_the_last_four_digits_stay_as_they_were_said() -> None:
    for text, stored in {
        "4111 1111 1111 1111": "•••• •••• •••• 1111",
        "4111111111111111": "••••••••••••1111",
        "forty one eleven eleven eleven eleven eleven seventeen seventeen 11 11 1 7": "forty one eleven eleven eleven"
        " eleven eleven seventeen seventeen 11 11 1 7",
        "five triple five 5555 5555 double four double four": "•••• •••••• •••• •••• •••• double four double four",
    }.items():
        assert masked(text, reading(text).secrets) == stored


def test_parts_of_what_is_known_are_masked_and_not_counted_again() -> None:
    text = "so that was four one one one one one, room 4111"
    found = reading(text, Context(known=("4111111111111111",)))

    assert masked(text, found.secrets) == "so that was •••• ••• ••• ••• ••• •••, room 4111"
    assert [secret.echo for secret in found.secrets] == [True]


@pytest.mark.parametrize(
    ("text", "open_from", "open_digits"),
    [
        ("four one one one", 0, 4),
        ("it is 4111 1111 uh", 6, 8),
        ("4111 1111 1111 1111", None, 0),
        ("4222 2222 2222 2", 0, 13),
        ("4012 8888 8888 188", 0, 15),
        ("4111 1111 1111 1111 04 2", 20, 3),
        ("4821 is my", 0, 4),
        ("a table for two at eight then tomorrow evening", None, 0),
    ],
)
def test_a_number_at_the_end_is_open(text: str, open_from: int | None, open_digits: int) -> None:
    found = reading(text, cut=len(text))

    assert (found.open_from, found.open_digits) == (open_from, open_digits)


@pytest.mark.parametrize(
    ("text", "open_from", "open_digits"),
    [
        ("212 555 0143", None, 0),
        ("212-555-0143 or 212-555-0187", None, 0),
        ("+44 7700 900123", None, 0),
        ("212 555 0143, 4111 1111", 14, 8),
        ("51", 0, 2),
        ("212 555 0143 is my account", 0, 10),
    ],
)
def test_a_number_that_no_card_begins_with_is_not_open_in_a_whole_utterance(
    text: str, open_from: int | None, open_digits: int
) -> None:
    found = reading(text)

    assert (found.open_from, found.open_digits) == (open_from, open_digits)
    assert reading("212 555 0143", Context(asked=frozenset({"pin"}))).open_from == 0


def test_a_run_that_nobody_says_is_masked_whole() -> None:
    text = "one " * 1000

    assert masked(text, reading(text).secrets) == "••• " * 1000


def test_bank_accounts_are_told_by_their_check_digits() -> None:
    text = "DE89 3704 0044 0532 0130 00 please, not DE88 3704 0044 0532 0130 00"

    assert masked(text, list(ibans(text))) == "DE•• •••• •••• •••• •••• •• please, not DE88 3704 0044 0532 0130 00"
