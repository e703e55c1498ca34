"""What any text becomes before it is written."""

import pytest

from relayproxy.text import mended, shortened, storable


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


def test_a_text_that_is_shortened_says_so_within_its_length() -> None:
    assert [shortened("words", most) for most in (6, 5, 4, 1)] == ["words", "words", "wor…", "…"]
