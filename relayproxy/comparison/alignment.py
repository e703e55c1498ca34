"""Alignment: which turns of two calls belong together.

Knows: that it is the caller who makes a turn the same: what was said or pressed. What the agent says does not count.
Must not know: what of the turns is compared.

Acts that come once in each call and in the same order are anchors (the patience diff); what lies between two anchors
is aligned by how many words it shares. The time it takes grows with the number of turns, not with its square.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relayproxy.conversation.model import Turn

Pair = tuple[int | None, int | None]
"""Places of two turns that belong together, or of one that is alone."""
BLOCK = 60
"""Turns between two anchors that are compared with each other; more of them are taken one block after the other."""
_OF_THE_SAME_KIND = 0.1
"""What turns have in common that were opened alike: as little as hardly any word."""


@dataclass(frozen=True, slots=True)
class _Act:
    """Something that the caller did. `turn`: the place of the turn that it is in."""

    words: str
    turn: int


def align(before: Sequence[Turn], after: Sequence[Turn]) -> list[Pair]:
    """Pairs in an order that is that of both calls."""
    pairs: list[Pair] = []
    i = j = 0
    for first, second in [*_anchors(_acts(before), _acts(after)), (len(before), len(after))]:
        if first < i or second < j:
            # A turn of one call answers what was said in two of the other.
            continue
        pairs += _between(before, after, range(i, first), range(j, second))
        if first < len(before) or second < len(after):
            pairs.append((first, second))
        i, j = first + 1, second + 1
    return pairs


def _acts(turns: Sequence[Turn]) -> list[_Act]:
    found = []
    for place, turn in enumerate(turns):
        prompts = [mark.text for mark in turn.marks if mark.kind == "prompt"]
        if " ".join(prompts) != turn.caller_text:
            prompts = [turn.caller_text] if turn.caller_text else []
        found += [_Act(" ".join(said), place) for text in prompts if (said := _words(text))]
        if turn.dtmf:
            found.append(_Act(f"keys {turn.dtmf}", place))
        if turn.opened_by == "setup":
            found.append(_Act("setup", place))
    return found


def _anchors(before: Sequence[_Act], after: Sequence[_Act]) -> list[tuple[int, int]]:
    """Places of turns with an act that comes once in each call, as many as keep their order; then those of the same
    acts right before and behind each."""
    counts = Counter(act.words for act in before), Counter(act.words for act in after)
    once = {act.words: place for place, act in enumerate(after) if counts[0][act.words] == counts[1][act.words] == 1}
    common = [(place, once[act.words]) for place, act in enumerate(before) if act.words in once]
    taken: list[tuple[int, int]] = []
    for place, (i, j) in enumerate(ordered := _in_order(common)):
        low = taken[-1] if taken else (-1, -1)
        high = ordered[place + 1] if place + 1 < len(ordered) else (len(before), len(after))
        if i <= low[0] or j <= low[1]:
            continue
        run = [(i, j)]
        while (k := (run[0][0] - 1, run[0][1] - 1)) > low and k[1] > low[1] and before[k[0]].words == after[k[1]].words:
            run.insert(0, k)
        while (k := (run[-1][0] + 1, run[-1][1] + 1)) and k[0] < high[0] and k[1] < high[1]:
            if before[k[0]].words != after[k[1]].words:
                break
            run.append(k)
        taken += run
    return [(before[i].turn, after[j].turn) for i, j in taken]


def _in_order(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The most of these pairs, sorted by their first places, whose second places are in order too."""
    ends: list[int] = []
    """The least second place that a row of each length can end with, and by its side where it stands."""
    places: list[int] = []
    previous: list[int | None] = []
    for place, (_, second) in enumerate(pairs):
        length = bisect_left(ends, second)
        previous.append(places[length - 1] if length else None)
        ends[length : length + 1] = [second]
        places[length : length + 1] = [place]
    found = []
    at = places[-1] if places else None
    while at is not None:
        found.append(pairs[at])
        at = previous[at]
    return found[::-1]


def _between(before: Sequence[Turn], after: Sequence[Turn], left: range, right: range) -> Iterator[Pair]:
    for start in range(0, max(len(left), len(right)), BLOCK):
        rows, columns = left[start : start + BLOCK], right[start : start + BLOCK]
        yield from _by_words(before, after, rows, columns)


def _by_words(before: Sequence[Turn], after: Sequence[Turn], left: range, right: range) -> list[Pair]:
    """The alignment of the most words in common."""
    width = len(right) + 1
    best = [[0.0] * width for _ in range(len(left) + 1)]
    said = [set(_words(after[j].caller_text)) for j in right]
    alike = []
    for i in left:
        words = set(_words(before[i].caller_text))
        alike.append([_alike(before[i], after[j], words, others) for j, others in zip(right, said, strict=True)])
    for i in range(len(left) - 1, -1, -1):
        row, below = best[i], best[i + 1]
        for j in range(len(right) - 1, -1, -1):
            row[j] = max(below[j], row[j + 1], below[j + 1] + alike[i][j])
    pairs: list[Pair] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if alike[i][j] and best[i][j] == best[i + 1][j + 1] + alike[i][j]:
            pairs.append((left[i], right[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((left[i], None))
            i += 1
        else:
            pairs.append((None, right[j]))
            j += 1
    return pairs + [(place, None) for place in left[i:]] + [(None, place) for place in right[j:]]


def _alike(one: Turn, other: Turn, words: set[str], others: set[str]) -> float:
    if one.opened_by != other.opened_by:
        return 0.0
    if one.dtmf != other.dtmf or not words or not others:
        return _OF_THE_SAME_KIND * (2 if one.dtmf == other.dtmf else 1)
    return _OF_THE_SAME_KIND + len(words & others) / len(words | others)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
