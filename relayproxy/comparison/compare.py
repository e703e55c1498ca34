"""Comparing two calls, or several runs of each.

Knows: which turns of all runs belong together, and where comparing ends.
Must not know: where calls come from; how a comparison is shown.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from msgspec.structs import replace

from relayproxy.comparison import facts, latency
from relayproxy.comparison.alignment import align
from relayproxy.comparison.differences import Place, differences, unmet
from relayproxy.comparison.facts import Facts
from relayproxy.comparison.limits import Limits
from relayproxy.comparison.model import Comparison, Difference, Fact, Noise, NumberComparison, Run, TurnComparison
from relayproxy.comparison.sentences import answered_with
from relayproxy.conversation.model import Turn
from relayproxy.text import mended

_PRESENT: Fact = ("turn", "")
_DIVERGED: Fact = ("diverged", "")
_NO_LIMITS = Limits()
_Numbers = tuple[int | None, int | None]


@dataclass(slots=True)
class _Row:
    """A turn of all runs, by the place of the run."""

    turns: dict[int, Turn] = field(default_factory=dict)
    over: set[int] = field(default_factory=set)
    """Runs that diverged before it."""

    def of(self, side: range) -> list[Turn]:
        """The turns of a side that count."""
        return [self.turns[run] for run in side if run in self.turns and run not in self.over]


def compare(
    before: Sequence[Run], after: Sequence[Run], limits: Limits = _NO_LIMITS, *, at_once: int = 1
) -> Comparison:
    """What differs between two versions, of each of which there is a run or several. Where a run diverged, its later
    turns, its ending and its handoff count for nothing. `at_once`: how many calls are compared, this one included; the
    more there are, the more has to differ of what varies, so that nothing does by chance. Raises ValueError without a
    run of each."""
    if not before or not after:
        raise ValueError("a run of each side is expected")
    runs = (*before, *after)
    sides = range(len(before)), range(len(before), len(runs))
    rows = _rows(runs)
    numbers = [_numbers(row, sides) for row in rows]
    there, there_noise = differences(
        [_presence(row, runs, sides, at) for row, at in zip(rows, numbers, strict=True)], limits, at_once
    )
    places = _places(rows, runs, sides, numbers)
    found, noise = differences(places, limits, at_once)
    durations, whole, later = latency.compare_durations([_both(row, sides) for row in rows], limits.latency, at_once)
    of_call, call_noise = _call(before, after, limits, at_once)
    turns = [
        _turn(row, sides, at, of_numbers, (*present, *of_facts))
        for row, at, present, of_facts, of_numbers in zip(rows, numbers, there, found, durations, strict=True)
    ]
    return Comparison(
        len(before),
        len(after),
        whole,
        (*([later] if later else ()), *of_call),
        tuple(_joined(turns)),
        (*there_noise, *noise, *call_noise),
        tuple(run.divergence and replace(run.divergence, reason=mended(run.divergence.reason)) for run in after),
        max((facts.fields_left_out(run.conversation) for run in runs if run.divergence is None), default=0),
    )


def _rows(runs: Sequence[Run]) -> list[_Row]:
    rows: list[_Row] = []
    for place, run in enumerate(runs):
        turns, aligned = run.conversation.turns, []
        for i, j in align([next(iter(row.turns.values())) for row in rows], turns):
            row = _Row() if i is None else rows[i]
            if j is not None:
                row.turns[place] = turns[j]
            aligned.append(row)
        rows = aligned
    for place, run in enumerate(runs):
        over = False
        for row in rows:
            if over:
                row.over.add(place)
            turn = row.turns.get(place)
            over = over or (run.divergence is not None and turn is not None and turn.number >= run.divergence.turn)
    return rows


def _numbers(row: _Row, sides: tuple[range, range]) -> _Numbers:
    before, after = (next((row.turns[run].number for run in side if run in row.turns), None) for side in sides)
    return before, after


def _presence(row: _Row, runs: Sequence[Run], sides: tuple[range, range], numbers: _Numbers) -> Place:
    """Whether each run has the turn, and diverges in it."""

    def of(run: int) -> Facts:
        turn, divergence = row.turns.get(run), runs[run].divergence
        diverged = divergence is not None and turn is not None and turn.number == divergence.turn
        return {_PRESENT: turn is not None, _DIVERGED: diverged}

    before, after = ([of(run) for run in side if run not in row.over] for side in sides)
    return Place(numbers, before, after)


def _places(
    rows: Sequence[_Row], runs: Sequence[Run], sides: tuple[range, range], numbers: Sequence[_Numbers]
) -> list[Place]:
    """What is said, sent and found in each turn."""
    findings = [facts.findings_by_turn(run.conversation) for run in runs]
    ends = [facts.ends_in(run.conversation) for run in runs]

    def of(row: _Row, side: range) -> list[Facts]:
        return [
            facts.of_turn(turn, findings[run][turn.number], ends=turn.number == ends[run])
            for run in side
            if run not in row.over and (turn := row.turns.get(run)) is not None
        ]

    return [Place(at, of(row, sides[0]), of(row, sides[1])) for row, at in zip(rows, numbers, strict=True)]


def _both(row: _Row, sides: tuple[range, range]) -> latency.Runs:
    """The turn in both sides; none where one of them has none that counts."""
    before, after = row.of(sides[0]), row.of(sides[1])
    return (before, after) if before and after else ((), ())


def _call(
    before: Sequence[Run], after: Sequence[Run], limits: Limits, at_once: int
) -> tuple[Iterator[Difference], list[Noise]]:
    """What differs of the whole call, in runs that did not diverge."""
    whole = [[run for run in side if run.divergence is None] for side in (before, after)]
    if not all(whole):
        return iter(()), []
    place = Place((None, None), *([facts.of_call(run.conversation, limits.handoff) for run in side] for side in whole))
    (found,), noise = differences([place], limits, at_once)
    conditions = unmet(limits, [run.conversation for run in whole[1]])
    return chain(found, conditions), noise


def _turn(
    row: _Row,
    sides: tuple[range, range],
    numbers: _Numbers,
    durations: tuple[NumberComparison, ...],
    found: Sequence[Difference],
) -> TurnComparison:
    before, after = (_usual([row.turns[run] for run in side if run in row.turns]) for side in sides)
    any_turn = before or after
    assert any_turn is not None
    compared = all(any(run not in row.over for run in side) for side in sides)
    return TurnComparison(
        before=numbers[0],
        after=numbers[1],
        opened_by=any_turn.opened_by,
        caller_before=mended(before.caller_text) if before else "",
        caller_after=mended(after.caller_text) if after else "",
        keys_before=mended(before.dtmf) if before else "",
        keys_after=mended(after.dtmf) if after else "",
        text_before=mended(before.agent_text.strip()) if before else "",
        text_after=mended(after.agent_text.strip()) if after else "",
        sent_before=facts.message_types(before, ends=False) if before else "",
        sent_after=facts.message_types(after, ends=False) if after else "",
        numbers=durations,
        differences=(*found, *latency.differences(durations, numbers)) if compared else (),
        compared=compared,
    )


def _joined(turns: Iterable[TurnComparison]) -> Iterator[TurnComparison]:
    """The turns; those whose words the other call answers in the turn before, with other words, say so."""
    host: TurnComparison | None = None
    for turn in turns:
        if turn.before is not None and turn.after is not None:
            host = turn
        elif host is not None and turn.caller_before + turn.caller_after:
            said, number = (host.caller_before, host.before) if turn.before is None else (host.caller_after, host.after)
            words = f" {turn.caller_before or turn.caller_after}"
            if words in said:
                text = answered_with(number)
                told = [replace(one, text=text) if one.kind == "turn" else one for one in turn.differences]
                yield replace(turn, answered_with=number, differences=tuple(told))
                continue
        yield turn


def _usual(turns: Sequence[Turn]) -> Turn | None:
    """The first of those in which the agent says what it says most often."""
    if not turns:
        return None
    said = Counter(turn.agent_text for turn in turns).most_common(1)[0][0]
    return next(turn for turn in turns if turn.agent_text == said)
