"""The payload of `end`.

Knows: that Twilio documents a string, usually JSON, and what people put instead; what does not belong in it.
Must not know: whether the session ended with it.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from relayproxy.conversation.model import Handoff
from relayproxy.conversation.protocol.decoding import TooDeep, parse
from relayproxy.conversation.protocol.violations import json_kind
from relayproxy.text import MASKED_DIGIT

LARGE = 4096
"""Bytes. There is no documented limit, but it travels as a form field and through Studio's context: what is larger
than 4 KiB is remarkable."""

_REASON_KEYS = ("reasonCode", "reason_code", "reason")
_DIGITS = re.compile(r"[0-9]++(?:[ -][0-9]++)*+")
_MASKED = re.compile(rf"{MASKED_DIGIT}[{MASKED_DIGIT}0-9 -]*")
_INSIDE = re.compile(r"[\w.+-]")
"""In front of digits: they belong to an id or a telephone number."""
_CARD = range(13, 20)


def handoff(data: Any, at: int, size: int) -> Handoff:
    """The value of `handoffData` (None: absent, UNSET: not kept) that `end` of `size` bytes carried at `at`, wall
    nanoseconds."""
    if data is msgspec.UNSET:
        return Handoff(at=at, raw=None, json=None, is_string=False, bytes=size, reason_code=None)
    if data is None:
        return Handoff(at=at, raw=None, json=None, is_string=False, bytes=0, reason_code=None)
    if isinstance(data, str):
        raw = data
        try:
            value = parse(data)
        except ValueError:
            value = None
    else:
        raw, value = msgspec.json.encode(data).decode(), data
    return Handoff(
        at=at,
        raw=raw,
        json=value,
        is_string=isinstance(data, str),
        bytes=len(raw.encode()),
        reason_code=_reason_code(value),
    )


def handoff_findings(handoff: Handoff, *, card: bool = False) -> tuple[tuple[str, str], ...]:
    """The findings of a payload, as (code, detail). Details never quote what may be secret. `card`: it had a card
    number, which is masked."""
    return tuple(_findings(handoff, card))


def studio_path(widget: str = "<name>") -> str:
    """How a Studio flow refers to the payload that its ConversationRelay widget of this name ended with."""
    return f"{{{{widgets.{widget}.HandoffData}}}}"


def _findings(handoff: Handoff, card: bool) -> Iterator[tuple[str, str]]:
    raw = handoff.raw
    if raw is not None and not handoff.is_string:
        yield "handoff_not_string", f"{json_kind(handoff.json)} in place of a string"
    if raw is not None and handoff.is_string and handoff.json is None and raw.strip() and not _is_json(raw):
        yield "handoff_not_json", "a string that is not JSON"
    if handoff.is_string and isinstance(handoff.json, str) and isinstance(_value(handoff.json), dict | list):
        yield "handoff_encoded_twice", "a JSON string within a JSON string"
    if handoff.bytes > LARGE:
        yield "handoff_too_large", f"{handoff.bytes} bytes, more than {LARGE}"
    for key, text in _leaves(None, raw if handoff.json is None else handoff.json):
        digits = _masked_digits(text) if card else _card_digits(text)
        if digits is not None:
            yield "handoff_card_number", f"{digits} digits that form a card number{_where(key)}"
            return


def _value(text: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        return None


def _is_json(raw: str) -> bool:
    try:
        parse(raw)
    except TooDeep:
        return True
    except ValueError:
        return False
    return True


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


def _reason_code(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    for key in _REASON_KEYS:
        code = value.get(key)
        if code and isinstance(code, str | int) and not isinstance(code, bool):
            return str(code)
    return None
