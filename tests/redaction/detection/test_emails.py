"""E-mail addresses."""

import pytest

from relayproxy.redaction.detection.emails import begun, echoes, goes_on, mailbox, parts, spoken, written
from relayproxy.redaction.detection.tokens import tokenize


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("to jane.doe+x@mail.example.co.uk, please", ["jane.doe+x@mail.example.co.uk"]),
        ("<jürgen@exämple.de>;a@b.c", ["jürgen@exämple.de", "a@b.c"]),
        ("@ a@ @b.c a@b no", []),
    ],
)
def test_written_addresses(text: str, addresses: list[str]) -> None:
    assert [text[start:end] for start, end in written(text)] == addresses


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("it is john dot doe at example dot com thanks", ["john dot doe at example dot com"]),
        ("j o e 4 2 at mail dot example dot org", ["j o e 4 2 at mail dot example dot org"]),
        ("es ana guion bajo perez arroba example punto es", ["ana guion bajo perez arroba example punto es"]),
        ("at eight dot", []),
        ("we meet at ten", []),
        ("visit us at example dot com", []),
        ("janedoe at gmail.com, J-A-N-E at mail.example.org", ["janedoe at gmail.com", "J-A-N-E at mail.example.org"]),
        ("I booked it at booking.com or at example.com", []),
    ],
)
def test_spoken_addresses(text: str, addresses: list[str]) -> None:
    cut = tokenize(text)

    assert [text[cut[first].start : cut[last - 1].end] for first, last in spoken(cut, spoken_of=False)] == addresses


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("it is jane", None),
        ("it is jane dot", 2),
        ("it is jane dot doe at example", 2),
        ("see you at ten", 1),
        ("at ten in the", None),
    ],
)
def test_a_spoken_address_is_open_from_its_beginning(text: str, first: int | None) -> None:
    assert begun(tokenize(text)) == first


def test_a_domain_that_is_written_behind_one_word_is_an_address_where_one_is_spoken_of() -> None:
    cut = tokenize("bob at example.com")
    assert [*spoken(cut, spoken_of=False)] == []
    assert [*spoken(cut, spoken_of=True)] == [(0, 5)]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("it is jane dot doe.", 6), ("jane dot doe at", 0), ("jane dot doe at example", 0),
        ("see example dot com", None), ("at example dot com", None), ("It is late.", None), ("jane", None),
    ],
)  # fmt: skip
def test_an_address_that_the_next_utterance_may_go_on_with(text: str, at: int | None) -> None:
    assert goes_on(text) == at


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it is jane dot doe", ["jane dot doe"]),
        ("at example dot com, thanks", ["at example dot com"]),
        ("at gmail.com", ["at gmail.com"]),
        ("ana punto perez", ["ana punto perez"]),
        ("J-A-N-E, then d o e", ["J-A-N-E", "d o e"]),
        ("I am at home - ok.", []),
    ],
)
def test_parts_of_an_address(text: str, found: list[str]) -> None:
    cut = tokenize(text)
    assert [text[cut[first].start : cut[last - 1].end] for first, last in parts(cut)] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("so jane dot doe, right?", ["jane dot doe"]),
        ("jane.doe and J_A_N_E D O E", ["jane.doe", "J_A_N_E D O E"]),
        ("Jane Doe, hello Jane", []),
        ("user joe42 or joe4 2", ["joe42", "joe4 2"]),
    ],
)
def test_the_local_part_of_an_address_that_is_said_again(text: str, found: list[str]) -> None:
    boxes = [mailbox("jane dot doe at example dot com"), mailbox("joe42@example.com")]
    cut = tokenize(text)
    said = [text[cut[first].start : cut[last - 1].end] for first, last in echoes(cut, [one for one in boxes if one])]
    assert sorted(said) == sorted(found)
