"""E-mail addresses."""

import pytest

from relayproxy.redaction.emails import begun, spoken, written
from relayproxy.redaction.tokens import tokenize


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
    ],
)
def test_spoken_addresses(text: str, addresses: list[str]) -> None:
    cut = tokenize(text)

    assert [text[cut[first].start : cut[last - 1].end] for first, last in spoken(cut)] == addresses


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
