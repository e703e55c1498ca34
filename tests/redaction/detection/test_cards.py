"""Card numbers in a run of numbers."""

import pytest
from stdnum import luhn

from relayproxy.redaction.detection.cards import Budget, cards
from relayproxy.redaction.detection.number_words import Language
from relayproxy.redaction.detection.runs import runs
from relayproxy.redaction.detection.tokens import tokenize


def found(text: str, language: Language = "en", *, expected: bool = False) -> list[str]:
    cut = tokenize(text)
    return [
        card.digits
        for run in runs(cut, [False] * len(cut), language)
        for card in cards(run, language, expected, Budget(10_000))
    ]


@pytest.mark.parametrize(
    "number",
    [
        "4111 1111 1111 1111",
        "4222222222222",
        "3782-822463-10005",
        "3056 930902 5904",
        "5555.5555.5555.4444",
        "2223 0031 2200 3222",
        "6011\n1111\n1111\n1117",
        "6212345678900000003",
        "４１１１ ١١١١ 1111 1111",
    ],
)
def test_card_numbers_of_every_length_are_found_however_they_are_written(number: str) -> None:
    digits = "".join(str(int(each)) for each in number if each.isdigit())

    assert found(number) == [digits]


def test_the_number_is_found_within_a_run_and_after_a_new_start() -> None:
    assert found("212 555 0143 4111 1111 no sorry 4111 1111 1111 1111 123") == ["4111111111111111"]


@pytest.mark.parametrize("said", ["oh", "oh oh", "o número é o", "Oh,", "é o"])
def test_an_exclamation_or_an_article_in_front_is_no_digit_of_it(said: str) -> None:
    for number in ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "four one one one " + "one one one one " * 3):
        assert found(f"{said} {number}") == ["4111111111111111"]


def test_two_numbers_in_a_row_are_two() -> None:
    assert found("4111111111111111 4242424242424242") == ["4111111111111111", "4242424242424242"]
    assert found("4111 1111 1111 1111 4242 4242 4242 4242") == ["4111111111111111", "4242424242424242"]


def test_scripts_without_spaces_do_not_hide_a_number() -> None:
    assert found("カードは４１１１１１１１１１１１１１１１です") == ["4111111111111111"]
    assert found("ab4111111111111111") == []


def test_what_is_said_is_read_in_the_way_that_makes_a_card_number() -> None:
    assert found("soixante onze onze onze euh onze onze onze dix-sept", "fr") == ["6011111111111117"]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # check digit
        "1700000000000000",  # a time
        "302-1234567-1234565",  # an order
        "356938035643809",  # a device
        "0.4111111111111111",
        "41 55 55 55 01, 43 41 55 55 55 01",
    ],
)
def test_other_long_numbers_are_not(text: str) -> None:
    assert found(text) == []


def test_an_unknown_issuer_is_believed_where_a_card_is_expected_or_written_like_one() -> None:
    assert found("9999999999999995") == []
    assert found("9999999999999995", expected=True) == ["9999999999999995"]
    assert found("1234 5678 1234 5670") == ["1234567812345670"]


def test_steps_are_counted_and_end() -> None:
    cut = tokenize("forty one hundred " * 40)
    budgets = [Budget(500), Budget(10**9)]
    for budget in budgets:
        for run in runs(cut, [False] * len(cut), "en"):
            list(cards(run, "en", True, budget))

    assert budgets[0].taken <= 500 + len(cut)
    assert budgets[1].taken > 500


def test_pieces_of_telephone_numbers_are_no_card_number() -> None:
    digits = "4155550143" + "2125550"
    whole = next(digits[:15] + check for check in "0123456789" if luhn.is_valid(digits[:15] + check))

    said = f"{' '.join(whole[:10])}, again {' '.join(whole[10:])} 1 4 3 9"

    assert found(whole) == [whole]
    assert found(said) == []
