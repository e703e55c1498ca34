"""Filter tokens: the pieces of a filter's text, replaceable one by one.

Knows: spaces, quotes, commas, `-` and `:` between them.
Must not know: which fields there are; what values mean.

    outcome:failed,unknown  -tag:"to do"  number:+1415*  "the refund"  refun*
"""

from dataclasses import dataclass
from itertools import groupby

MAX_LENGTH = 2_000
"""Characters of a filter."""
MAX_TOKENS = 60
"""Tokens of a filter."""
VALUES = 200
"""The values of all of them together."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One of a token's values. `begins`: a `*` after it says that it is only the beginning. `bare`: no part of it was
    quoted, so what it begins with may be an operator."""

    text: str
    begins: bool = False
    bare: bool = True


@dataclass(frozen=True, slots=True)
class FilterToken:
    """A token: the characters from `start` to before `end`, between two spaces. Without a field it is a word or phrase
    to search for, its only piece."""

    start: int
    end: int
    negated: bool
    field: str | None
    pieces: tuple[Piece, ...]


def tokens(text: str) -> tuple[FilterToken, ...]:
    """All of them, however odd the text is. A quote that is not closed reaches to the end."""
    found: list[FilterToken] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        start, negated = at, text[at] == "-"
        characters, at = _characters(text, at + negated)
        found.append(_token(start, at, negated, characters))
    return tuple(found)


def within(text: str) -> tuple[str, tuple[FilterToken, ...], str]:
    """The text as far as a filter may go, its tokens, and what is beyond: all from the first token too many on."""
    kept: list[FilterToken] = []
    values = 0
    # One more character shows whether a token ends where the text is cut.
    for token in tokens(text[: MAX_LENGTH + 1]):
        values += max(len(token.pieces), 1)
        if token.end > MAX_LENGTH or len(kept) == MAX_TOKENS or values > VALUES:
            return text[: kept[-1].end if kept else 0], tuple(kept), text[token.start :]
        kept.append(token)
    return text[:MAX_LENGTH], tuple(kept), text[MAX_LENGTH + 1 :].strip()


def quoted(value: str, *, begins: bool = False, word: bool = False) -> str:
    """A value as it is written in a token; `word`: as a token of its own."""
    special = not value or any(c.isspace() or c in '",' for c in value) or value[0] in "<>=" or value.endswith("*")
    if special or (word and (":" in value or value[0] in "-+" or _unlike_a_word(value))):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value + "*" * begins


def joined(text: str, more: str) -> str:
    """The text with one more token at its end."""
    return f"{text.strip()} {more}".strip()


def replaced(text: str, token: FilterToken, by: str) -> str:
    """The text with another token in that one's place, or with nothing there."""
    before, after = text[: token.start].rstrip(), text[token.end :].lstrip()
    return " ".join(part for part in (before, by, after) if part)


def _characters(text: str, at: int) -> tuple[list[tuple[str, bool]], int]:
    """The characters of a token and whether each was quoted (an empty one stands for empty quotes); where it ends."""
    found: list[tuple[str, bool]] = []
    inside = False
    while at < len(text) and (inside or not text[at].isspace()):
        character = text[at]
        at += 1
        if character == '"':
            inside = not inside
            found.append(("", True))
        elif inside and character == "\\" and text[at : at + 1] in ('"', "\\") and at < len(text):
            found.append((text[at], True))
            at += 1
        else:
            found.append((character, inside))
    return found, at


def _token(start: int, end: int, negated: bool, characters: list[tuple[str, bool]]) -> FilterToken:
    colon = next((at for at, one in enumerate(characters) if one == (":", False)), 0)
    # `10:30` and `"to: me"` are words.
    if colon and characters[0][0].isalpha() and not characters[0][1]:
        field, values = "".join(one for one, _ in characters[:colon]), characters[colon + 1 :]
        pieces = [_piece(list(part)) for comma, part in groupby(values, lambda one: one == (",", False)) if not comma]
        return FilterToken(start, end, negated, field, tuple(pieces))
    return FilterToken(start, end, negated, None, (_piece(characters),))


def _piece(characters: list[tuple[str, bool]]) -> Piece:
    begins = bool(characters) and characters[-1] == ("*", False)
    kept = characters[:-1] if begins else characters
    return Piece("".join(one for one, _ in kept), begins, not any(inside for _, inside in kept))


def _unlike_a_word(value: str) -> bool:
    return value[:2] in ("CA", "VX", "AC") or len(value) in (32, 36)
