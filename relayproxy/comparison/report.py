"""Report of a comparison, for a terminal.

Knows: the lines, their width and colours; that a text may hold anything.
Must not know: how differences are found; where the lines go.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest
from typing import Literal

from relayproxy.comparison.model import Comparison, NumberComparison, Sample, TurnComparison
from relayproxy.comparison.sentences import interval_words, left_out, verdict
from relayproxy.comparison.word_diff import Change, Part, word_diff
from relayproxy.text import printable, shortened

SIDE_BY_SIDE = 100
"""Columns from which on both texts stand side by side; below each other in fewer."""
NARROWEST, WIDEST = 76, 160
_CODES = {"removed": "31", "added": "32", "bad": "1;31", "strong": "1", "quiet": "2", "same": ""}
_SIGNS: dict[Change, tuple[str, str]] = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
"""What stands around words that differ where there are no colours, as `git diff --word-diff` has it."""
Style = Literal["removed", "added", "bad", "strong", "quiet", "same"]


def report(comparison: Comparison, before: str, after: str, *, width: int = 80, colour: bool = False) -> str:
    """All that differs between what has these names: of the whole call, then turn by turn; equal turns in a line."""
    return "\n".join(_Report(max(NARROWEST, min(width, WIDEST)), colour).lines(comparison, before, after))


class _Report:
    def __init__(self, width: int, colour: bool) -> None:
        self._width = width
        self._colour = colour

    def lines(self, comparison: Comparison, before: str, after: str) -> Iterator[str]:
        yield self._style("strong", verdict(comparison))
        for name, runs, label in (
            ("before", comparison.runs_before, before),
            ("after", comparison.runs_after, after),
        ):
            times = f" ({runs} runs)" if runs > 1 else ""
            yield f"  {name:<7} {shortened(printable(label), self._width - 20)}{times}"
        yield ""
        yield from self._latency(comparison.latency)
        for difference in comparison.differences:
            yield from self._told(difference.text, exceeds=difference.exceeds)
        for key, group in groupby(comparison.turns, lambda turn: turn.same or ("" if turn.compared else None)):
            turns = list(group)
            if key == "":
                yield from self._turns(comparison, turns)
            else:
                yield ""
                yield self._style("quiet", f"{_numbers(turns)}: {'the same' if key else 'not compared'}")
        yield from self._notes(comparison)

    def _latency(self, number: NumberComparison) -> Iterator[str]:
        yield f"{'Response latency':<18}{'n':>7}{'median':>12}{'p95 (of 20+)':>14}{'least':>12}{'most':>12}"
        for name, sample in (("before", number.before), ("after", number.after)):
            yield f"  {name:<16}{sample.n:>7,}" + "".join(
                f"{cell:>{room}}" for cell, room in zip(_cells(sample), (12, 14, 12, 12), strict=True)
            )
        if (shift := number.shift) is not None:
            words = interval_words(number) or ", from too few values for an interval"
            yield from self._wrapped(f"shift {shift.ms:+,} ms, turn by turn{words}", "  ", first="  ")

    def _turns(self, comparison: Comparison, turns: Sequence[TurnComparison]) -> Iterator[str]:
        for turn in turns:
            yield ""
            said = turn.caller_before or turn.caller_after
            keys = turn.keys_before or turn.keys_after
            caller = f"caller: {said}" if said else f"keys {keys}" if keys else turn.opened_by
            yield self._style("strong", shortened(f"{_number(turn)}, {printable(caller)}", self._width))
            for difference in turn.differences:
                if difference.kind != "text" or comparison.noise_known:
                    yield from self._told(difference.text, exceeds=difference.exceeds)
            if any(difference.kind == "text" for difference in turn.differences):
                yield from self._texts(turn)

    def _texts(self, turn: TurnComparison) -> Iterator[str]:
        parts = word_diff(printable(turn.text_before), printable(turn.text_after))
        old = [part for part in parts if part[0] != "added"] or [("same", "(nothing)")]
        new = [part for part in parts if part[0] != "removed"] or [("same", "(nothing)")]
        if self._width < SIDE_BY_SIDE:
            yield from self._block(old, self._width - 4, "  - ")
            yield from self._block(new, self._width - 4, "  + ")
            return
        half = (self._width - 7) // 2
        for left, right in zip_longest(self._pieces(old, half), self._pieces(new, half), fillvalue=("", 0)):
            yield f"    {left[0]}{' ' * (half - left[1])} │ {right[0]}".rstrip()

    def _block(self, parts: Sequence[Part], width: int, sign: str) -> Iterator[str]:
        for place, (text, _) in enumerate(self._pieces(parts, width)):
            yield f"{sign if place == 0 else ' ' * len(sign)}{text}".rstrip()

    def _pieces(self, parts: Sequence[Part], width: int) -> Iterator[tuple[str, int]]:
        """Lines of at most that width, each with the width that it has."""
        line: list[tuple[Change, str]] = []
        for change, word in self._words(parts, width):
            if line and sum(columns(one) for _, one in line) + columns(word.rstrip()) > width:
                yield self._line(line)
                line = []
            line.append((change, word))
        if line:
            yield self._line(line)

    def _words(self, parts: Sequence[Part], width: int) -> Iterator[tuple[Change, str]]:
        for change, text in parts:
            opening, closing = ("", "") if self._colour else _SIGNS[change]
            end = len(text.rstrip())
            for word in re.findall(r"\S+\s*|\s+", opening + text[:end] + closing + text[end:]):
                # The longest that fits however wide its characters are.
                step = width // 2 if columns(word) > width else len(word)
                for start in range(0, len(word), step):
                    yield change, word[start : start + step]

    def _line(self, words: Sequence[tuple[Change, str]]) -> tuple[str, int]:
        *head, (change, last) = words
        head.append((change, last.rstrip()))
        return "".join(self._style(change, word) for change, word in head), sum(columns(word) for _, word in head)

    def _told(self, text: str, *, exceeds: bool) -> Iterator[str]:
        lines = list(self._wrapped(printable(text), "    ", 4))
        sign = self._style("bad", "✗") if exceeds else "·"
        yield f"  {sign} {lines[0]}"
        yield from lines[1:]

    def _notes(self, comparison: Comparison) -> Iterator[str]:
        divergences = [one for one in comparison.diverged if one is not None]
        for divergence in divergences[:1]:
            yield ""
            runs = f" in {len(divergences)} of {len(comparison.diverged)} runs" if len(comparison.diverged) > 1 else ""
            text = f"Diverged in turn {divergence.turn}{runs}: {printable(divergence.reason)}"
            yield from self._wrapped(text, "  ")
        if told := left_out(comparison):
            yield ""
            yield from self._wrapped(told, "  ")
        if comparison.noise:
            yield ""
            yield "Noise, counted only where it is more than that:"
            for one in comparison.noise:
                yield from self._told(one.text, exceeds=False)
        elif not comparison.noise_known:
            yield ""
            text = "One run of each: what varies anyway is not known, so all that differs is told."
            yield from self._wrapped(text, "  ")

    def _wrapped(self, text: str, indent: str, used: int = 0, first: str = "") -> Iterator[str]:
        line = first
        room = self._width - used
        for word in text.split(" "):
            if line.strip() and columns(line) + 1 + columns(word) > room:
                yield line
                line, room = indent + word, self._width
            else:
                line = f"{line} {word}" if line.strip() else line + word
        yield line

    def _style(self, style: Style | Change, text: str) -> str:
        code = _CODES[style]
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code and text.strip() else text


def columns(text: str) -> int:
    """The columns that a text takes in a terminal."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def _number(turn: TurnComparison) -> str:
    if turn.before is None or turn.after is None:
        return f"Turn {turn.before if turn.after is None else turn.after}"
    return f"Turn {turn.before}" + (f" (after: {turn.after})" if turn.after != turn.before else "")


def _numbers(turns: Sequence[TurnComparison]) -> str:
    first, last = (turn.before if turn.before is not None else turn.after for turn in (turns[0], turns[-1]))
    return f"Turn {first}" if len(turns) == 1 else f"Turns {first}–{last}"


def _cells(sample: Sample) -> Iterator[str]:
    for value in (sample.median_ms, sample.p95_ms, sample.least_ms, sample.most_ms):
        yield "–" if value is None else f"{value:,} ms"
