"""Masked content of recordings: where it is, and test values that take its place.

Knows: masks, and which values have the shape of what they hide.
Must not know: how secrets are found and masked; how a call is replayed.

A run of masked characters becomes the same value wherever it is, and one that is longer begins with it: partial prompts
grow into the final one, and a PIN that is said twice is the same PIN.
"""

import re
from collections.abc import Iterable, Sequence

from stdnum import luhn

from relayproxy.text import MASKED_DIGIT, MASKED_LETTER

DIGITS = "4829163750"
"""Digits that take the place of masked ones, over and over."""
WORDS = {2: ("oh",), 3: ("six", "two", "one"), 4: ("four", "nine", "five", "zero"), 5: ("eight", "three", "seven")}
"""Spoken digits by their length."""
LETTERS = "sampletext"
CARD_LENGTHS = range(13, 20)
KEPT_OF_CARD = 4
_SPELLED = frozenset({"email", "name", "field"})
"""Kinds whose masked words are no spoken digits."""

_MASKED = re.compile(f"[{MASKED_DIGIT}{MASKED_LETTER}]")
_RUN = re.compile(
    f"[{MASKED_DIGIT}{MASKED_LETTER}]+(?:[^\\w{MASKED_DIGIT}{MASKED_LETTER}]{{1,3}}[{MASKED_DIGIT}{MASKED_LETTER}]+)*"
    r"(?:[ -]?[0-9]{4}(?![0-9]))?"
)
"""Masked words and what stands between them, with the last four digits of a card number that are not masked."""


def masked(text: str) -> bool:
    """Whether something in a text is masked."""
    return _MASKED.search(text) is not None


def filled(text: str, kinds: Iterable[str] = ()) -> str:
    """The text with test values of the same lengths instead of what is masked; `kinds` are the message's, as
    `Message.redacted` names them."""
    known = frozenset(kinds)
    return _RUN.sub(lambda run: _value(run[0], known), text)


def filled_keys(digits: Sequence[str]) -> list[str]:
    """Keys that were pressed one after the other, with test values instead of those that are masked."""
    keys, place = list(digits), 0
    while place < len(keys):
        end = place
        while end < len(keys) and keys[end] == MASKED_DIGIT:
            end += 1
        keys[place:end] = _number(MASKED_DIGIT * (end - place))
        place = end + 1
    return keys


def _value(run: str, kinds: frozenset[str]) -> str:
    if MASKED_DIGIT in run and MASKED_LETTER not in run:
        return _number(run)
    tail = len(run)
    while run[tail - 1].isascii() and run[tail - 1].isalnum():
        tail -= 1
    letters = not kinds.isdisjoint(_SPELLED) or "@" in run
    count = 0

    def word(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return _word(found[0], count - 1, letters=letters)

    return re.sub(f"[{MASKED_DIGIT}{MASKED_LETTER}]+", word, run[:tail]) + run[tail:]


def _word(masked_word: str, number: int, *, letters: bool) -> str:
    spoken = WORDS.get(len(masked_word), ())
    if spoken and not letters and MASKED_DIGIT not in masked_word:
        return spoken[number % len(spoken)]
    return "".join(
        DIGITS[at % len(DIGITS)] if one == MASKED_DIGIT else LETTERS[at % len(LETTERS)]
        for at, one in enumerate(masked_word)
    )


def _number(run: str) -> str:
    """A number of digits, some of them perhaps known, with what stands between them; as long as a card number, one
    whose check digit is right."""
    digits = [one for one in run if one == MASKED_DIGIT or one.isdigit()]
    found = [DIGITS[place % len(DIGITS)] if one == MASKED_DIGIT else one for place, one in enumerate(digits)]
    if len(found) in CARD_LENGTHS:
        free = len(found) - 1 - (KEPT_OF_CARD if digits[-1] != MASKED_DIGIT else 0)
        found[free] = next(
            digit for digit in "0123456789" if luhn.is_valid("".join([*found[:free], digit, *found[free + 1 :]]))
        )
    values = iter(found)
    return "".join(next(values) if one == MASKED_DIGIT or one.isdigit() else one for one in run)
