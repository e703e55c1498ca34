"""Card numbers that are written, whatever sticks to them."""

import pytest

from relayproxy.redaction.detection.detection import find
from relayproxy.redaction.detection.written_cards import begun, written
from relayproxy.redaction.values import Policy
from tests.redaction.conversation import call, stored, token, words
from tests.redaction.masks import masked


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("card4111111111111111", "card••••••••••••1111"),
        ("x4111111111111111", "x••••••••••••1111"),
        ("4111111111111111usd", "••••••••••••1111usd"),
        ("4111111111111111th", "••••••••••••1111th"),
        ("a4111-1111-1111-1111b", "a••••-••••-••••-1111b"),
        ("x4111 1111 1111 1111", "x•••• •••• •••• 1111"),
        ("4111x1111x1111x1111", "••••x••••x••••x1111"),
        ("n3782-822463-10005", "n••••-••••••-•0005"),
        ("x４１１１１１１１１１１１１１１１", "x••••••••••••１１１１"),
        ("n٤١١١١١١١١١١١١١١١", "n••••••••••••١١١١"),
        ("x۴۱۱۱ ۱۱۱۱ ۱۱۱۱ ۱۱۱۱", "x•••• •••• •••• ۱۱۱۱"),
        ('["4111","1111","1111","1111"]', '["••••","••••","••••","1111"]'),
        ("\u200b".join("4111111111111111"), "\u200b".join("••••••••••••1111")),
    ],
)  # fmt: skip
def test_letters_and_marks_do_not_hide_a_card_number(text: str, kept: str) -> None:
    assert masked(text, find(text, language="en", policy=Policy()).secrets) == kept


@pytest.mark.parametrize(
    "text",
    [
        "x4111111111111112", "+4111111111111", "0.4111111111111111", "x41111111111111111111", "AB12345 and 4th",
        "x7111111111111110", "4100 to 4200 or 4300 in 4400",
    ],
)  # fmt: skip
def test_what_is_no_card_number_stays(text: str) -> None:
    assert not [*written(text)]


@pytest.mark.parametrize(("text", "at"), [("see x4111 11", 5), ("a4", 1), ("4111", None), ("a4 b", None), ("", None)])
def test_digits_that_stick_to_a_letter_may_go_on(text: str, at: int | None) -> None:
    assert begun(text) == at


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_card_number_that_sticks_to_a_letter_and_is_cut_over_tokens(cut: int) -> None:
    said = "see x4111 1111 1111 1111 ok"
    found = stored(call(token(said[:cut]), token(said[cut : cut + 4]), token(said[cut + 4 :], last=True), every=0.1))
    assert "".join(words(found)) == "see x•••• •••• •••• 1111 ok"
