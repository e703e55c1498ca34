"""Utterances and dialogues in seven languages, in which is marked what is secret, and how detection does on them.

Knows: how the files beside it are written; what counts as missed and as wrongly masked.
Must not know: how anything is detected.

A line is an utterance of a caller. Lines with `caller:` and `agent:` that follow each other are a dialogue. `[card
4111111111111111: four one …]` is a secret of that kind and those digits, `[card ..: …]` more of it in a later line, and
`[may: …]` what may be masked or not. Nothing was tuned on every third one: those are held out.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from relayproxy.redaction.detection.detection import find
from relayproxy.redaction.values import Context, Kind, Policy
from tests.redaction.masks import MASK

LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "nl")
_MARK = re.compile(r"\[(?P<kind>[a-z]+)(?: (?P<digits>\d+|\.\.))?: (?P<said>[^\]]*)\]")
_KINDS: dict[str, Kind] = {"card": "card_number", "code": "security_code"}
_LAST = 4
_BETWEEN = {"and", "y", "e", "et", "und", "en", "de", "uh", "the", "last", "ones"}


class Mark(NamedTuple):
    """A stretch of a line that is secret."""

    kind: str
    """A `Kind`; `may` for what may be masked or not."""
    digits: str
    """Its digits, the whole number's in each of its lines; empty for what is not digits."""
    start: int
    end: int


class Line(NamedTuple):
    """What one side says."""

    sender: str
    text: str
    marks: tuple[Mark, ...]


class Item(NamedTuple):
    """An utterance or a dialogue."""

    language: str
    held_out: bool
    lines: tuple[Line, ...]


class Figures(NamedTuple):
    """What came of some items."""

    items: int
    cards: int
    cards_missed: int
    secrets: int
    """Of the other kinds."""
    secrets_missed: int
    plain: int
    """Items without a secret."""
    plain_masked: int
    """Of these, how many were masked all the same."""
    more_masked: int
    """Items with a secret in which something else was masked too."""


def items(language: str) -> list[Item]:
    """The corpus of a language, in order."""
    found: list[tuple[Line, ...]] = []
    dialogue: list[Line] = []
    for written in [*(Path(__file__).parent / f"{language}.txt").read_text("utf-8").splitlines(), ""]:
        sender, colon, said = written.partition(": ")
        if colon and sender in ("caller", "agent"):
            dialogue.append(_line(sender, said, dialogue))
            continue
        if dialogue:
            found.append(tuple(dialogue))
            dialogue = []
        if written and not written.startswith("#"):
            found.append((_line("caller", written, ()),))
    return [Item(language, at % 3 == 2, lines) for at, lines in enumerate(found)]


@cache
def stored(item: Item, language: str | None) -> tuple[str, ...]:
    """The lines of an item, masked as they would be in a call whose speech is recognised in `language`."""
    lines = [list(line.text) for line in item.lines]
    asked: frozenset[Kind] = frozenset()
    card_age = 9
    known: list[str] = []
    carried: dict[str, list[int]] = {"caller": [], "agent": []}
    for at, line in enumerate(item.lines):
        joined = [*carried[line.sender], at]
        text = "\n".join(item.lines[each].text for each in joined)
        places = [(each, offset) for each in joined for offset in range(len(item.lines[each].text) + 1)]
        context = Context(card=card_age <= 4, asked=asked, known=tuple(known))
        found = find(text, language=language, policy=Policy(), context=context)
        for secret in found.secrets:
            if secret.kind == "card_number" and not secret.echo:
                card_age = 0
                known.append(secret.digits)
            for start, end in secret.spans:
                for each, offset in places[start:end]:
                    if offset < len(lines[each]) and lines[each][offset].isalnum():
                        lines[each][offset] = MASK
        card_age += 1
        asked = found.asked
        carry = found.open_from is not None and found.open_digits >= 4
        carried[line.sender] = [each for each in joined if carry and found.open_from is not None]
    return tuple("".join(line) for line in lines)


class Outcome(NamedTuple):
    """What came of an item."""

    missed: tuple[Mark, ...]
    wrong: tuple[str, ...]
    """What was masked and is no secret."""


def outcome(item: Item, shown: Sequence[str]) -> Outcome:
    """What is missed and what wrongly masked in an item, of which these lines are stored."""
    missed: list[Mark] = []
    wrong: list[str] = []
    left: dict[str, list[str]] = {}
    for line, masked in zip(item.lines, shown, strict=True):
        inside: set[int] = set()
        for mark in line.marks:
            inside.update(range(mark.start, mark.end))
            readable = "".join(masked[at] for at in range(mark.start, mark.end))
            if mark.kind == "card_number":
                left.setdefault(mark.digits, []).append(readable)
            elif mark.kind != "may" and not _hidden(mark, line.text, readable):
                missed.append(mark)
        outside = "".join(" " if at in inside or letter != MASK else letter for at, letter in enumerate(masked))
        wrong += [line.text[one.start() : one.end()] for one in re.finditer(f"{MASK}+", outside)]
    for line in item.lines:
        for mark in line.marks:
            if mark.kind == "card_number" and mark.digits in left:
                readable = " ".join(left.pop(mark.digits))
                if not _only_the_end_is_left(readable):
                    missed.append(mark)
    return Outcome(tuple(missed), tuple(wrong))


def figures(chosen: Sequence[Item], *, hint: bool = True) -> Figures:
    """The figures of some items; without `hint`, of calls whose language is not known."""
    return count((item, outcome(item, stored(item, item.language if hint else None))) for item in chosen)


def count(outcomes: Iterable[tuple[Item, Outcome]]) -> Figures:
    """The figures of what came of some items."""
    counts = dict.fromkeys(Figures._fields, 0)
    for item, result in outcomes:
        marks = [mark for line in item.lines for mark in line.marks if mark.kind != "may"]
        cards = {mark.digits for mark in marks if mark.kind == "card_number"}
        counts["items"] += 1
        counts["cards"] += len(cards)
        counts["cards_missed"] += sum(mark.kind == "card_number" for mark in result.missed)
        counts["secrets"] += sum(mark.kind != "card_number" for mark in marks)
        counts["secrets_missed"] += sum(mark.kind != "card_number" for mark in result.missed)
        counts["plain"] += not marks
        counts["plain_masked"] += bool(not marks and result.wrong)
        counts["more_masked"] += bool(marks and result.wrong)
    return Figures(**counts)


def _line(sender: str, written: str, before: Sequence[Line]) -> Line:
    text = ""
    marks: list[Mark] = []
    behind = 0
    for found in _MARK.finditer(written):
        text += written[behind : found.start()]
        kind = _KINDS.get(found["kind"], found["kind"])
        digits = found["digits"] or ""
        if digits == "..":
            digits = next(mark.digits for line in reversed(before) for mark in line.marks if mark.kind == kind)
        marks.append(Mark(kind, digits, len(text), len(text) + len(found["said"])))
        text += found["said"]
        behind = found.end()
    return Line(sender, text + written[behind:], tuple(marks))


def _hidden(mark: Mark, text: str, readable: str) -> bool:
    """Whether nothing of a secret that is not a card number can be read: words between its numbers may be."""
    said = text[mark.start : mark.end]
    if mark.kind == "email":
        return not any(letter.isalnum() for letter in readable.partition("@")[0])
    return not any(
        word.isdigit() or word.casefold() in _number_words(said) for word in re.findall(r"[^\W_•]+", readable)
    )


def _number_words(said: str) -> Iterator[str]:
    for word in re.findall(r"[^\W_]+", said):
        if word.casefold() not in _BETWEEN:
            yield word.casefold()


def _only_the_end_is_left(readable: str) -> bool:
    """Whether of a card number no more can be read than its last four digits, and words between."""
    end = readable.rfind(MASK)
    if end == -1:
        return False
    before = re.findall(r"[^\W_•]+", readable[: end + 1])
    behind = [word for word in re.findall(r"[^\W_•]+", readable[end + 1 :]) if word not in _BETWEEN]
    digits = "".join(behind)
    few = len(digits) <= _LAST if digits.isdecimal() else len(behind) <= (2 * _LAST if "quatre" in behind else _LAST)
    return few and not any(word.isdigit() for word in before) and len(before) <= 8


def everything(*, held_out: bool | None = None) -> list[Item]:
    """The items of all languages; `held_out`: only those that are, or are not."""
    return [item for language in LANGUAGES for item in items(language) if held_out is None or item.held_out == held_out]
