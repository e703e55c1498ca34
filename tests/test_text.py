"""What any text becomes before it is written."""

import pytest

from relayproxy.text import mended, storable


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("ü ☎ 😀", "ü ☎ 😀"),
        ("\ud83d\ude00", "😀"),
        ("half \ud83d", "half \ufffd"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
    ],
)
def test_halves_of_characters_are_joined_or_replaced(text: str, written: str) -> None:
    assert mended(text) == storable(text) == written
    assert written.encode()


def test_no_database_gets_nul() -> None:
    assert (mended("a\0b"), storable("a\0b")) == ("a\0b", "a\ufffdb")
