"""Runs of numbers and how they can be read."""

from relayproxy.redaction.detection.number_words import Language
from relayproxy.redaction.detection.runs import readings, runs
from relayproxy.redaction.detection.tokens import tokenize


def read(text: str, language: Language = "en") -> list[str]:
    """The runs of a text, as they are usually read."""
    cut = tokenize(text)
    found = []
    for run in runs(cut, [False] * len(cut), language):
        at, digits = 0, []
        while at < len(run):
            at, more = readings(run, at, language)[0]
            digits.append(more)
        found.append(" ".join(digits))
    return found


def test_numbers_are_read_as_they_are_said() -> None:
    assert read("forty-one eleven, oh five then double oh seven") == ["41 11 0 5 00 7"]
    assert read("fifty one hundred, four thousand and five, three times four, four eights") == ["5100 4005 444 8888"]
    assert read("cuarenta y uno once, mil quinientos", "es") == ["41 11 1500"]
    assert read("quatre-vingt-dix-huit soixante et onze quatre vingt", "fr") == ["98 71 80"]
    assert read("viermal die fünf, einundvierzig doppel null drei und zwanzig", "de") == ["5555 41 00 23"]
    assert read("vier keer vijf en vier keer vier", "nl") == ["5555 4444"]
    assert read("quarenta e um meia dois", "pt") == ["41 6 2"]
    assert read("trentasette duecento undici", "it") == ["37 211"]


def test_what_can_be_meant_otherwise_is_read_in_every_way() -> None:
    cut = tokenize("soixante onze")
    (run,) = runs(cut, [False] * 2, "fr")

    assert [reading.digits for reading in readings(run, 0, "fr")] == ["71", "60"]


def test_an_id_is_no_number_and_a_currency_ends_one() -> None:
    assert read("CA41d8 4th 10h30") == []
    assert read("4111 $ 1111") == ["4111", "1111"]
    assert read("4111 uh 1111\n1111 +1111") == ["4111 1111 1111", "1111"]


def test_words_in_between_are_only_so_many() -> None:
    assert read("four let me turn it around one") == ["4 1"]
    assert read("four let me turn it around so that I can read it one") == ["4", "1"]
