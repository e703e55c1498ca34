"""Matchers: what a value is expected to be.

Knows: equality, patterns, presence, and what is to be ignored.
Must not know: where values come from.
"""

import json
import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from relayproxy.text import mended


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a value is to be like. Exactly one of the two."""

    pattern: Annotated[str, Meta(description="A regular expression (Python's), found anywhere in its text.")] | None = (
        None
    )
    present: Annotated[bool, Meta(description="Whether there is a value, whatever it is.")] | None = None


Matcher = Condition | str | int | float | bool | None
"""A plain value is to be equal; the text `ignore` matches everything."""

IGNORE = "ignore"


class Absent:
    """The value of what is not there."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = Absent()


def matches(matcher: Matcher, value: Any) -> bool:
    """Whether a value (`NOTHING`: there is none) is as expected."""
    match matcher:
        case Condition(str(pattern)):
            return value is not NOTHING and re.search(pattern, _text(value)) is not None
        case Condition():
            return (value is not NOTHING) is matcher.present
        case str() if matcher == IGNORE:
            return True
        case bool() | None:
            return value is matcher
        case _:
            return not isinstance(value, bool) and bool(value == matcher)


def described(matcher: Matcher) -> str:
    """The expectation in words."""
    match matcher:
        case Condition(str(pattern)):
            return f"a match of {pattern!r}"
        case Condition():
            return "any value" if matcher.present else "no value"
        case str() if matcher == IGNORE:
            return "anything"
        case _:
            return shown(matcher)


def shown(value: Any) -> str:
    """A value as it is shown in a failure: JSON, shortened."""
    text = repr(value) if value is NOTHING else _json(value)
    return text if len(text) <= 200 else text[:199] + "…"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    # Unlike msgspec's, this encoder takes halves of surrogate pairs, which a backend's JSON may have.
    return mended(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
