"""Card numbers that are written in digits, whatever sticks to them: letters ("x4111…"), or one letter or a mark between
their groups.

Knows: in which groups card numbers are written.
Must not know: what is said around them; numbers that are spoken.
"""

import re
import unicodedata
from collections.abc import Iterator

from stdnum import luhn

from relayproxy.redaction.detection.cards import issuer_lengths
from relayproxy.redaction.values import Secret

_GAP = r"(?:[\W_]{1,4}|[^\W\d_])"
_WRITTEN = re.compile(
    rf"(?<!\d)(?<!\d[.,])(?:\d{{13,19}}|\d{{4}}(?:{_GAP}\d{{4}}){{3}}|\d{{4}}{_GAP}\d{{6}}{_GAP}\d{{4,5}})(?!\d)"
)
_GROUP = re.compile(r"\d+")
_BEGUN = re.compile(r"[^\W\d_](\d+(?:[\W_]{1,4}\d+)*[\W_]{0,4})\Z")
_LONGEST = 60
"""Characters of a card number with what may stand between its groups."""
_LAST = 4
"""Digits that stay."""
_PHONE = 15
"""Digits of a telephone number behind a plus sign."""


def written(text: str) -> Iterator[Secret]:
    """The card numbers of known issuers in a text."""
    for found in _WRITTEN.finditer(text):
        digits = "".join(str(unicodedata.decimal(one)) for one in found[0] if one.isdecimal())
        phone = text[: found.start()].endswith("+") and len(digits) <= _PHONE
        if not phone and len(digits) in issuer_lengths(digits[:4]) and luhn.is_valid(digits):
            yield Secret("card_number", *found.span(), digits, tuple(_hidden(text, *found.span())))


def begun(text: str) -> int | None:
    """Where digits begin that stick to a letter and may go on at the end of a text; None when there are none."""
    found = _BEGUN.search(text, max(len(text) - _LONGEST, 0))
    return None if found is None else found.start(1)


def _hidden(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    groups = [*_GROUP.finditer(text, start, end)]
    left = sum(len(group[0]) for group in groups) - _LAST
    for group in groups:
        if left > 0:
            yield group.start(), min(group.end(), group.start() + left)
        left -= len(group[0])
