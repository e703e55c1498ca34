"""Siblings in JSON: values that are read as one text, as a number may be spread over them: the elements of a list,
members of one name in the objects of a list, members whose names are counted ("card_1", "card_2").

Knows: which values belong together, and what joins them.
Must not know: what is secret.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from relayproxy.redaction.masking.json_text import Literal, looks_like_json

_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")
_MOST_DIGITS = 32
"""Digits of values without words: more are no number, but a list of them."""
_PARTS = range(3, 9)
"""Digits of each of several members whose names have nothing in common."""
_ANSWERS = frozenset(
    {"value", "answer", "response", "reply", "text", "content", "input", "result", "data", "digits", "utterance"}
)
"""Names of members that say nothing of their values; the member before them may."""
_LONGEST_QUESTION = 300


class Siblings:
    """Values that are read as one text. `name`: what all of them are called, None where there is nothing. `words`: they
    are not all numbers."""

    def __init__(self, members: Sequence[Literal], name: str | None, *, words: bool = False) -> None:
        joint = "\n" if words else " "
        self.members = members
        self.name = name
        self.words = words
        self.text = joint.join(one.text for one in members)
        self._starts: list[int] = []
        at = 0
        for one in members:
            self._starts.append(at)
            at += len(one.text) + len(joint)

    def has_ends(self, start: int, end: int) -> bool:
        """Whether a stretch of the text begins with a member and ends with one."""
        first, last = (max(bisect_right(self._starts, at) - 1, 0) for at in (start, end))
        return start == self._starts[first] and end == self._starts[last] + len(self.members[last].text)

    def split(self, start: int, end: int) -> Iterator[tuple[Literal, int, int]]:
        """The members that a stretch of the text lies in, each with the stretch of it."""
        first = max(bisect_right(self._starts, start) - 1, 0)
        for one, at in zip(self.members[first:], self._starts[first:], strict=True):
            if at >= end:
                return
            if start < at + len(one.text):
                yield one, max(start - at, 0), min(end - at, len(one.text))


def siblings(values: Iterable[Literal]) -> Iterator[Siblings]:
    """The values of a JSON text, in order, that are read together."""
    columns: dict[int, list[Literal]] = {}
    parts: dict[int, list[Literal]] = {}
    for one in values:
        if one.is_name or not one.text or looks_like_json(one.text):
            continue
        columns.setdefault(one.column, []).append(one)
        if not _LETTER.search(one.text) and _count(one) in _PARTS:
            parts.setdefault(one.container, []).append(one)
    for members in columns.values():
        if len(members) < 2:
            continue
        if any(_LETTER.search(one.text) for one in members):
            yield Siblings(members, members[0].stem, words=True)
        elif sum(map(_count, members)) <= _MOST_DIGITS:
            yield Siblings(members, members[0].stem)
    for members in parts.values():
        if len({one.column for one in members}) > 1 and sum(map(_count, members)) <= _MOST_DIGITS:
            yield Siblings(members, None)


def question(one: Literal, before: Literal | None) -> str | None:
    """What a member is the answer to, when its own name does not say it: the member in front of it, in its object."""
    if before is None or before.container != one.container or (one.name or "").casefold() not in _ANSWERS:
        return None
    return before.text[-_LONGEST_QUESTION:] if _LETTER.search(before.text) else None


def _count(one: Literal) -> int:
    return len(_DIGIT.findall(one.text))
