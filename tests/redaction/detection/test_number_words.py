"""What words say as numbers."""

import pytest

from relayproxy.redaction.detection.number_words import LANGUAGES, Language, number, supported
from relayproxy.redaction.detection.tokens import fold


@pytest.mark.parametrize(
    ("language", "words", "values"),
    [
        ("en", "zero oh seven twelve forty eights", [0, 0, 7, 12, 40, 8]),
        ("es", "cero siete dieciséis veintidos veintiún doscientos", [0, 7, 16, 22, 21, 200]),
        ("fr", "zéro zero sept seize soixante septante", [0, 0, 7, 16, 60, 70]),
        ("de", "null zwo fünf fuenf zwölf dreissig einundvierzig vierhundertelf", [0, 2, 5, 5, 12, 30, 41, 411]),
        ("pt", "zero meia três dezesseis dezasseis cinquenta", [0, 6, 3, 16, 16, 50]),
        ("it", "zero sette ventitré quarantuno novecentouno", [0, 7, 23, 41, 901]),
        ("nl", "nul één een zeven tweeëntwintig drieendertig", [0, 1, 1, 7, 22, 33]),
    ],
)
def test_a_number_word_is_read_as_it_is_said(language: Language, words: str, values: list[int]) -> None:
    assert [number(fold(word), language) for word in words.split()] == values


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_no_number_or_an_amount_is_none(language: Language) -> None:
    assert [number(word, language) for word in ("", "table", "zweihundertfunfzigtausend", "first")] == [None] * 4


def test_a_language_is_known_by_its_tag() -> None:
    assert [supported(tag) for tag in ("pt-BR", "en_US", "DE", "ja-JP", "", None)] == [
        "pt",
        "en",
        "de",
        None,
        None,
        None,
    ]
