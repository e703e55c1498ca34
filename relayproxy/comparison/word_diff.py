"""Difference of two texts, word by word.

Knows: what a word is, in scripts with and without spaces; how much two texts must share for it to be worth telling.
Must not know: who said them; how they are shown.

The algorithm is Myers' (the shortest way from one text to the other), given up where the way is long: it takes no more
than `MAX_CHANGES` squared steps.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

Change = Literal["same", "removed", "added"]
Part = tuple[Change, str]
"""A piece of text, and whether both texts have it."""

MAX_CHANGES = 200
LITTLE = 0.25
"""Texts that share less than this are not taken apart: one replaces the other."""
_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# A word with its marks, a character of a script without spaces, or a sign; the space behind it belongs to it.
_TOKENS = re.compile(
    rf"(?:[{_CJK}]|(?:(?![{_CJK}])[\w\u0300-\u036f\u0900-\u109f\u1780-\u17ff])+(?:['’]\w+)*|\S)\s*|\s+"
)


def word_diff(before: str, after: str) -> tuple[Part, ...]:
    """The parts of both texts in order. Those that are not `added` make the text before, those that are not `removed`
    the text after, but for white space."""
    if before == after:
        return (("same", before),) if before else ()
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    kept = _kept([token.strip() for token in old], [token.strip() for token in new])
    parts = [] if kept is None else _joined(_parts(old, new, kept))
    same = sum(len(text) for change, text in parts if change == "same")
    if same < LITTLE * max(len(before), len(after)):
        parts = [("removed", before), ("added", after)]
    return tuple(part for part in parts if part[1])


def _parts(old: Sequence[str], new: Sequence[str], kept: Sequence[tuple[int, int]]) -> Iterator[Part]:
    i = j = 0
    for first, second in [*kept, (len(old), len(new))]:
        yield "removed", "".join(old[i:first])
        yield "added", "".join(new[j:second])
        if first < len(old) and second < len(new):
            yield from _same(old[first], new[second])
        i, j = first + 1, second + 1


def _same(old: str, new: str) -> Iterator[Part]:
    """A word of both, behind which there may be a space in one of them alone."""
    word = new.rstrip()
    spaces = old[len(old.rstrip()) :], new[len(word) :]
    if all(spaces) or not any(spaces):
        yield "same", new
    else:
        yield "same", word
        yield "removed", spaces[0]
        yield "added", spaces[1]


def _joined(parts: Iterator[Part]) -> list[Part]:
    """Neighbours of one kind as one part. A short word between two changes is taken for changed too: a text that
    changes with every word cannot be read."""
    runs = [(change, "".join(text for _, text in run)) for change, run in groupby(filter(_text, parts), _change)]
    found: list[Part] = []
    for place, (change, text) in enumerate(runs):
        between = 0 < place < len(runs) - 1 and len(text.strip()) <= 3 and " " not in text.strip()
        if change == "same" and between and _wordy(runs[place - 1][1]) and _wordy(runs[place + 1][1]):
            found += [("removed", text), ("added", text)]
        else:
            found.append((change, text))
    return list(_sorted_runs(found))


def _sorted_runs(parts: Sequence[Part]) -> Iterator[Part]:
    """Between what is the same, first all that was removed, then all that was added."""
    for same, run in groupby(parts, lambda part: part[0] == "same"):
        pieces = list(run)
        if same:
            yield "same", "".join(text for _, text in pieces)
        else:
            changes: tuple[Change, Change] = ("removed", "added")
            for change in changes:
                if text := "".join(text for one, text in pieces if one == change):
                    yield change, text


def _change(part: Part) -> Change:
    return part[0]


def _text(part: Part) -> str:
    return part[1]


def _wordy(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _kept(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]] | None:
    """Places of the words that both have, in order; None where more than `MAX_CHANGES` words would have to go or
    come."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    middle = _myers(old[start : len(old) - end], new[start : len(new) - end])
    if middle is None:
        return None
    head = [(place, place) for place in range(start)]
    tail = [(len(old) - place, len(new) - place) for place in range(end, 0, -1)]
    return head + [(start + i, start + j) for i, j in middle] + tail


def _myers(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]] | None:
    reached = {1: 0}
    steps: list[dict[int, int]] = []
    for changes in range(min(len(old) + len(new), MAX_CHANGES) + 1):
        steps.append(reached.copy())
        for diagonal in range(-changes, changes + 1, 2):
            down = diagonal == -changes or (
                diagonal != changes and reached.get(diagonal - 1, -1) < reached.get(diagonal + 1, -1)
            )
            i = reached[diagonal + 1] if down else reached[diagonal - 1] + 1
            j = i - diagonal
            while i < len(old) and j < len(new) and old[i] == new[j]:
                i, j = i + 1, j + 1
            reached[diagonal] = i
            if i >= len(old) and j >= len(new):
                return _way_back(steps, i, j)
    return None


def _way_back(steps: Sequence[dict[int, int]], i: int, j: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for changes in range(len(steps) - 1, -1, -1):
        reached, diagonal = steps[changes], i - j
        down = diagonal == -changes or (
            diagonal != changes and reached.get(diagonal - 1, -1) < reached.get(diagonal + 1, -1)
        )
        before = diagonal + 1 if down else diagonal - 1
        first = reached[before]
        second = first - before
        while i > first and j > second and (i, j) > (0, 0) and i > 0 and j > 0:
            i, j = i - 1, j - 1
            found.append((i, j))
        if changes == 0:
            break
        i, j = first, second
    return found[::-1]
