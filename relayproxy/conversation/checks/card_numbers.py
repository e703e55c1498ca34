"""Payment card numbers where none may be: in values of the backend's and the TwiML's own.

Knows: what a card number looks like in JSON and in text, and what is left of one that was masked.
Must not know: which message a value came with; how secrets are masked.
"""

import re
from collections.abc import Iterator
from typing import Any

from relayproxy.text import MASKED_DIGIT

# Python before 3.11.5 takes too much by a group that is repeated with `*+`: an atomic group does it right.
_DIGITS = re.compile(r"[0-9]++(?>(?:[ -][0-9]++)*)")
_MASKED = re.compile(rf"{MASKED_DIGIT}[{MASKED_DIGIT}0-9 -]*")
_INSIDE = re.compile(r"[\w.+-]")
"""In front of digits: they belong to an id or a telephone number."""
_CARD = range(13, 20)


def card_number(value: Any, *, masked: bool) -> str | None:
    """What is said of the first card number in a JSON value; None when it has none. Quotes no digit. `masked`: card
    numbers in it were masked, but for their ends; else masked digits are those of other secrets."""
    for key, text in _leaves(None, value):
        digits = _masked_digits(text) if masked else _card_digits(text)
        if digits is not None:
            return f"{digits} digits that form a card number{_where(key)}"
    return None


def _leaves(key: str | None, value: Any) -> Iterator[tuple[str | None, str]]:
    """Strings and numbers, each with the nearest key above it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(name, item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(key, item)
    elif isinstance(value, str):
        yield key, value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield key, str(value)


def _where(key: str | None) -> str:
    # A key that has digits may be a personal number itself.
    return "" if key is None or len(key) > 40 or re.search(r"[0-9]{3}", key) else f' in "{key}"'


def _card_digits(text: str) -> int | None:
    """How many digits the first card number in a text has."""
    for run in _DIGITS.finditer(text):
        before, after = text[max(run.start() - 1, 0) : run.start()], text[run.end() : run.end() + 2].lstrip("-")
        if _INSIDE.match(before) or re.match(r"\w", after):
            continue
        groups = re.split("[ -]", run[0])
        whole = "".join(groups)
        if _is_card(whole):
            return len(whole)
        if min(map(len, groups)) < 3 and len(groups) > 7:
            continue  # single digits, as they are spoken: some stretch of them always fits
        for start in range(len(groups)):
            digits = ""
            for group in groups[start:]:
                digits += group
                if len(digits) > _CARD[-1]:
                    break
                if _is_card(digits):
                    return len(digits)
    return None


def _masked_digits(text: str) -> int | None:
    """How many digits a card number has that was masked but for its end."""
    runs = (found[0] for found in _MASKED.finditer(text))
    counts = (sum(character.isdigit() or character == MASKED_DIGIT for character in run) for run in runs)
    return next((count for count in counts if count in _CARD), None)


def _is_card(digits: str) -> bool:
    # Card numbers begin with 2 to 6; times in milliseconds do not.
    if len(digits) not in _CARD or digits[0] not in "23456":
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
