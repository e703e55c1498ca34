"""How a text is cut."""

from relayproxy.redaction.detection.tokens import fold, tokenize


def test_words_digits_and_marks_are_told_apart_in_any_script() -> None:
    cut = tokenize("Fünf ４٢-① naïve_1")

    assert [token.word for token in cut] == ["funf", "42", "-", "1", "naive", "_", "1"]
    assert [token.digits for token in cut] == [False, True, False, True, False, False, True]
    assert [(token.start, token.end) for token in cut][:3] == [(0, 4), (5, 7), (7, 8)]


def test_a_word_is_found_however_its_accents_are_written() -> None:
    assert {fold("dreißig"), fold("DREISSIG")} == {"dreissig"}
    assert {tokenize(word)[0].word for word in ("zéro", "ZÉRO", "ze\u0301ro", "zero")} == {"zero"}
