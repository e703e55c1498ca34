"""Tokens of a text: words, written digits and punctuation.

Knows: how a text is cut, and how a word is written for looking it up.
Must not know: what a word means.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(r"(?P<digits>\d+)|(?P<word>[^\W\d_]+(?:[̀-ͯ]+[^\W\d_]*)*)|(?P<mark>[^\w\s]|[_\n])")
_DIGITS, _WORD = _TOKEN.groupindex["digits"], _TOKEN.groupindex["word"]
LONGEST_WORD = 64
"""Letters. What has more is no word that anybody says."""


class Token(NamedTuple):
    """A stretch of a text without white space, or a line end."""

    start: int
    end: int
    word: str
    """As `fold` writes a word; ASCII digits of a written number; the character itself of punctuation."""
    digits: bool
    """Written digits, of any script."""
    letters: bool


def tokenize(text: str, start: int = 0) -> list[Token]:
    """The tokens of a text, in order; those from `start` on, where one must begin or white space be."""
    found: list[Token] = []
    new, append = tuple.__new__, found.append  # this runs for whatever is said: a call less for each word
    for match in _TOKEN.finditer(text, start):
        start, end = match.span()
        word, kind = match[0], match.lastindex
        if kind == _WORD:
            folded = fold(word) if end - start <= LONGEST_WORD else ""
            decimal = folded.isdecimal()  # such as circled digits
            append(new(Token, (start, end, folded, decimal, not decimal)))
        elif kind == _DIGITS:
            append(new(Token, (start, end, _ascii(word), True, False)))
        else:
            append(new(Token, (start, end, word, False, False)))
    return found


@lru_cache(maxsize=5_000)
def fold(word: str) -> str:
    """A word without case, accents and compatibility forms: "Fünf" is "funf", "DREISSIG" and "dreißig" are alike."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


def _ascii(digits: str) -> str:
    return digits if digits.isascii() else "".join(str(unicodedata.decimal(digit)) for digit in digits)
