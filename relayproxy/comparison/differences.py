"""Differences of facts: those that are more than what varies between runs of the same version.

Knows: what noise is, and which facts have a limit.
Must not know: latencies; which turns belong together.

A fact that is always the same between runs of a version differs as soon as it is another one. One that varies in any
turn differs where a value is more or less frequent than chance makes it: Fisher's exact test, at 1 % for all facts that
vary, in all turns of all calls that are compared at once (Bonferroni). Few runs cannot be as sure: what is in all runs
of one version and in none of the other has to be so at 1 % for the fact's turns alone. An agent that says something
else each time has no differences in its words, however few the runs.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from relayproxy.comparison.facts import ABSENT, Facts, field_of, maskable, masked
from relayproxy.comparison.intervals import chance_of_counts
from relayproxy.comparison.limits import SEVERITIES, Limits
from relayproxy.comparison.model import Difference, Fact, Noise
from relayproxy.comparison.sentences import of_fact, of_noise
from relayproxy.conversation.checks.findings import CATALOGUE
from relayproxy.conversation.model import Conversation
from relayproxy.matching import NOTHING, Condition, described, matches, shown

CHANCE = 0.01
"""Of a false difference: 5 % would be one in every twentieth comparison of what is the same."""
Numbers = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Place:
    """A turn or the whole call, with the facts of each run that has it. `numbers`: those of the turn."""

    numbers: Numbers
    before: Sequence[Facts]
    after: Sequence[Facts]


def differences(
    places: Sequence[Place], limits: Limits, at_once: int = 1
) -> tuple[list[list[Difference]], list[Noise]]:
    """For each place what differs in it; and what was noise. `at_once`: of how many calls that is asked."""
    found: list[list[Difference]] = [[] for _ in places]
    noise: list[Noise] = []
    facts = dict.fromkeys(
        fact for place in places for side in (place.before, place.after) for run in side for fact in run
    )
    read = {fact: [(n, _read(one, fact)) for n, one in enumerate(places) if one.before and one.after] for fact in facts}
    values = {fact: [(n, _values(fact, *of)) for n, of in sides if not _all_equal(*of)] for fact, sides in read.items()}
    varying = {
        fact: [n for n, one in of_fact if any(len(counts) > 1 for counts in one.counts)]
        for fact, of_fact in values.items()
    }
    others = at_once * sum(map(bool, varying.values()))
    for fact in facts:
        varies = bool(varying[fact])
        for n, sides in values[fact]:
            if sides.differ_beyond_chance(len(read[fact]), others) if varies else sides.differ:
                found[n].append(_difference(places[n].numbers, fact, sides, limits, varies=varies))
        noisy = [n for n, sides in values[fact] if n in varying[fact] or sides.masked]
        if noisy:
            turns = sum(places[n].numbers != (None, None) for n in noisy)
            noise.append(Noise(*fact, turns, of_noise(fact, turns)))
    return found, noise


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of a fact in the runs of each side: how often each occurs, by its text, and what each is."""

    counts: tuple[Counter[str], Counter[str]]
    shown: tuple[dict[str, Any], dict[str, Any]]
    masked: bool
    """They vary within a side, and numbers are masked for it."""

    @property
    def differ(self) -> bool:
        """Whether one side has a value that the other does not have."""
        before, after = self.counts
        return before.keys() != after.keys()

    def differ_beyond_chance(self, turns: int, others: int) -> bool:
        """`turns`: in how many places the fact is compared; `others`: how many facts are, in any call."""
        before, after = self.counts
        for value in before | after:
            was, now = before[value], after[value]
            apart = {was / before.total(), now / after.total()} == {0, 1}
            chance = chance_of_counts(was, before.total(), now, after.total())
            if chance < CHANCE / turns / (1 if apart else others):
                return True
        return False

    def changed(self) -> tuple[str, str]:
        """The value that became rarer most, and the one that became more frequent."""
        before, after = self.counts
        growth = {value: after[value] / after.total() - before[value] / before.total() for value in before | after}
        return min(before, key=lambda value: growth[value]), max(after, key=lambda value: growth[value])


def _read(place: Place, fact: Fact) -> tuple[list[Any], list[Any]]:
    absent = ABSENT.get(fact[0])
    return [run.get(fact, absent) for run in place.before], [run.get(fact, absent) for run in place.after]


def _all_equal(before: Sequence[Any], after: Sequence[Any]) -> bool:
    first = before[0]
    return all(value == first and type(value) is type(first) for value in (*before, *after))


def _values(fact: Fact, *sides: Sequence[Any]) -> _Values:
    keys = [list(map(_key, side)) for side in sides]
    new_each_time = maskable(fact) and any(len(set(texts)) > 1 for texts in keys)
    if new_each_time:
        keys = [[_key(masked(value)) for value in side] for side in sides]
    before, after = (Counter(texts) for texts in keys)
    was, now = (
        dict(zip(reversed(texts), reversed(side), strict=True)) for texts, side in zip(keys, sides, strict=True)
    )
    return _Values((before, after), (was, now), new_each_time)


def _difference(numbers: Numbers, fact: Fact, sides: _Values, limits: Limits, *, varies: bool) -> Difference:
    was, now = sides.changed()
    before, after = sides.shown[0][was], sides.shown[1][now]
    text = of_fact(fact, before, after)
    if varies:
        counts = [f"{side[now]} of {side.total()}" for side in sides.counts]
        text = f"{text.removesuffix('.')}, in {counts[1]} runs; before in {counts[0]}."
    return Difference(*fact, *numbers, before, after, text, exceeds=_exceeds(fact, before, after, limits))


def _exceeds(fact: Fact, before: Any, after: Any, limits: Limits) -> bool:
    kind, field = fact
    match kind:
        case "findings":
            severity = CATALOGUE[field].severity if field in CATALOGUE else "info"
            least = limits.findings
            new = bool(after) and not before
            return new and least is not None and SEVERITIES.index(severity) <= SEVERITIES.index(least)
        case "ending" | "studio":
            return limits.ending
        case "handoff":
            return limits.ending if not field else limits.handoff.get(field) == "equal"
        case _:
            return kind == "diverged" and bool(after)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def unmet(limits: Limits, calls: Sequence[Conversation]) -> Iterator[Difference]:
    """The conditions of limits on fields of the handoff that one of these calls does not meet."""
    for name, rule in limits.handoff.items():
        if not isinstance(rule, Condition):
            continue
        values = [field_of(one, name) for one in calls]
        wrong = [one for one in values if not matches(rule, NOTHING if one is None else one)]
        if wrong:
            wanted = described(rule)
            runs = f", in {len(wrong)} of {len(values)} runs" if len(values) > 1 else ""
            text = f"{name} of the handoff is {shown(NOTHING if wrong[0] is None else wrong[0])}, not {wanted}{runs}."
            yield Difference("handoff", name, None, None, wanted, wrong[0], text, exceeds=True)
