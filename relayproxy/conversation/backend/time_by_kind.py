"""Time by kind: what the wait for a backend went into, with no moment told twice.

Knows: which of the spans that run at one moment it is laid to.
Must not know: turns, clocks, how spans are drawn.

A moment belongs to the innermost spans that run then. HTTP and what is nothing else belong to the kind of what they are
done for: the request below a model call is the model call. Where several innermost spans run side by side it is laid to
the first of model, tool, database, HTTP, other. Moments in which no span runs are outside of all: the network, and what
the backend makes no spans of.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from relayproxy.conversation.backend.placement import PlacedSpan
from relayproxy.conversation.backend.work import WORK_KINDS, WorkKind

TimeKind = WorkKind | Literal["outside"]
TIME_KINDS: tuple[TimeKind, ...] = (*WORK_KINDS, "outside")
_DONE_FOR: tuple[WorkKind, ...] = ("model", "tool", "database", "http")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Wall nanoseconds in which the backend was busy with one kind."""

    kind: TimeKind
    start: int
    end: int


def stretches(spans: Sequence[PlacedSpan], kinds: Sequence[WorkKind], start: int, end: int) -> tuple[Stretch, ...]:
    """The time from `start` to `end` without a gap, by kind. `spans` are in the order of their tree, and `kinds` are
    those of their work."""
    found: list[Stretch] = []
    for one in _stretches(spans, _effective(spans, kinds), start, end):
        if found and found[-1].kind == one.kind:
            found[-1] = Stretch(one.kind, found[-1].start, one.end)
        else:
            found.append(one)
    return tuple(found)


def sums(found: Sequence[Stretch]) -> dict[TimeKind, int]:
    """Nanoseconds of each kind; they sum to the whole."""
    return {kind: sum(one.end - one.start for one in found if one.kind == kind) for kind in TIME_KINDS}


def _effective(spans: Sequence[PlacedSpan], kinds: Sequence[WorkKind]) -> list[WorkKind]:
    known: dict[int, WorkKind] = {}
    for span, kind in zip(spans, kinds, strict=True):
        above = known.get(-1 if span.node.parent is None else span.node.parent, "other")
        known[span.node.place] = above if kind in ("http", "other") and above in _DONE_FOR else kind
    return [known[span.node.place] for span in spans]


def _stretches(spans: Sequence[PlacedSpan], kinds: Sequence[WorkKind], start: int, end: int) -> Iterator[Stretch]:
    places = {span.node.place: number for number, span in enumerate(spans)}
    above = [None if span.node.parent is None else places.get(span.node.parent) for span in spans]
    edges: list[tuple[int, int, int]] = []
    for number, span in enumerate(spans):
        begins, ends = max(span.started_at, start), min(span.ended_at, end)
        if begins < ends:
            edges += [(begins, 1, number), (ends, -1, number)]
    running = [0] * len(spans)
    below = [0] * len(spans)
    """Of each span, the children that run."""
    innermost = dict.fromkeys(WORK_KINDS, 0)

    def weigh(number: int, by: int) -> None:
        if running[number] and not below[number]:
            innermost[kinds[number]] += by

    at = start
    for moment, step, number in sorted(edges):
        if moment > at:
            yield Stretch(_first(innermost), at, moment)
            at = moment
        touched = [number] if (parent := above[number]) is None else [number, parent]
        for one in touched:
            weigh(one, -1)
        running[number] += step
        if parent is not None:
            below[parent] += step
        for one in touched:
            weigh(one, 1)
    if end > at:
        yield Stretch(_first(innermost), at, end)


def _first(innermost: dict[WorkKind, int]) -> TimeKind:
    return next((kind for kind in WORK_KINDS if innermost[kind]), "outside")
