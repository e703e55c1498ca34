"""Reading rollups: the numbers of the half hours of a range of time that have been added up, and which parts of the
range have not.

Knows: how rollups of many half hours are added up, by step of time; that a half hour with a row that cannot be read is
one that has not been added up.
Must not know: how they are made; how calls are read one by one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, select

from relayproxy.store.schema.rollup import (
    BUCKET,
    Rollup,
    histogram_of,
    read_rollup,
    read_versions,
    start_of,
    sums_of,
    whole,
)
from relayproxy.store.schema.tables import rollups

MAX_PIECES = 20
"""Parts of a range without rollups. Where there are more, calls are read one by one."""

T = TypeVar("T")
Piece = tuple[int, int]
"""A part of a range: [since, until), wall nanoseconds."""
Ending = tuple[int, str | None, str | None]
"""A step of time, and the outcome and Studio transition with which calls of it ended."""


@dataclass(frozen=True, slots=True)
class RolledUp:
    """A range, its rollups, each with the beginning of its half hour, and the parts of it that they have not."""

    span: Piece
    rollups: list[tuple[int, Rollup]]
    pieces: tuple[Piece, ...]

    def endings(self, origin: int, step: int, numbers: int) -> Iterator[tuple[Ending, tuple[int, ...]]]:
        """Sums, of so many numbers, of calls that began in the same step from `origin` on and ended in the same way.
        Both times are multiples of `BUCKET`, as those of `latencies`."""
        found: defaultdict[Ending, int] = defaultdict(int)
        for start, one in self.rollups:
            place = (start - origin) // step
            for outcome, transition, sums in one.endings:
                found[place, outcome, transition] += whole(sums)
        return ((how, sums_of(total, numbers)) for how, total in found.items())

    def latencies(self, origin: int, step: int) -> Iterator[tuple[int, dict[int, int], Counter[str]]]:
        """By the step in which turns began, how often each latency occurs, and the number without one by reason."""
        counts: defaultdict[int, int] = defaultdict(int)
        excluded: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for start, one in self.rollups:
            for later, reasons, histogram in one.latencies:
                place = (start + later * BUCKET - origin) // step
                counts[place] += whole(histogram)
                for reason, count in reasons.items():
                    excluded[place][reason] += count
        return ((place, histogram_of(total), excluded[place]) for place, total in counts.items())

    def slowest(self, limit: int) -> list[str]:
        """Sessions (our ids) in which callers waited longest."""
        return [id for *_, id in nlargest(limit, (key for _, one in self.rollups for key in one.slowest))]

    def worst(self, limit: int) -> list[str]:
        """Sessions in which most went wrong."""
        return [id for *_, id in nlargest(limit, (key for _, one in self.rollups for key in one.worst))]


def rolled_up(db: Connection, route: str, since: int, until: int) -> RolledUp | None:
    """The rollups of [since, until), wall nanoseconds, of a route, or with an empty text of all. None when there are
    too few of them to be of use."""
    found = _read(db, rollups.c.detail, read_rollup, rollups.c.route == route, since, until)
    if found is None:
        return None
    rows, pieces = found
    return RolledUp((since, until), [(start, one) for _, start, one in rows], pieces)


@dataclass(slots=True)
class OfARoute:
    """What rollups of one route come to."""

    sums: int = 0
    counts: int = 0
    excluded: Counter[str] = field(default_factory=Counter)

    def numbers(self, count: int) -> tuple[int, ...]:
        """The sums, which are so many."""
        return sums_of(self.sums, count)

    def latencies(self) -> dict[int, int]:
        """How often each latency occurs."""
        return histogram_of(self.counts)


@dataclass(frozen=True, slots=True)
class ByRoute:
    """The same of each route, and the parts of the range that have no rollups."""

    routes: dict[str, OfARoute]
    pieces: tuple[Piece, ...]


def by_route(db: Connection, route: str, since: int, until: int) -> ByRoute:
    """What the rollups of [since, until) come to for each route; with `route` for this one alone."""
    wanted = rollups.c.route == route if route else rollups.c.route != ""
    rows, pieces = _read(db, rollups.c.detail, read_rollup, wanted, since, until) or ((), ((since, until),))
    found: defaultdict[str, OfARoute] = defaultdict(OfARoute)
    for of, _, one in rows:
        its = found[of]
        for _, _, sums in one.endings:
            its.sums += whole(sums)
        for _, reasons, histogram in one.latencies:
            its.counts += whole(histogram)
            for reason, count in reasons.items():
                its.excluded[reason] += count
    return ByRoute(found, pieces)


def first_versions(
    db: Connection, route: str, since: int, until: int, read: Callable[[Piece], Iterable[tuple[str | None, int]]]
) -> dict[str | None, int] | None:
    """Versions of the backend that calls of this range had, and when the first call of each began; `read` gives those
    of a part without rollups. None as `rolled_up`."""
    stored = _read(db, rollups.c.versions, read_versions, rollups.c.route == route, since, until)
    if stored is None:
        return None
    rows, pieces = stored
    found: dict[str | None, int] = {}
    for version, at in (pair for pairs in (*(one for _, _, one in rows), *map(read, pieces)) for pair in pairs):
        found[version] = min(at, found.get(version, at))
    return found


def _read(
    db: Connection, column: ColumnElement[Any], decode: Callable[[Any], T], wanted: ColumnElement[bool], *span: int
) -> tuple[list[tuple[str, int, T]], tuple[Piece, ...]] | None:
    """Route, beginning and what one column has, of rows within [since, until); and the parts that have none, to which
    half hours belong of which a row cannot be read. None as `rolled_up`."""
    since, until = span
    r = rollups.c
    within = (r.start >= since, r.start <= until - BUCKET)
    starts = {*db.execute(select(r.start).where(r.route == "", *within)).scalars()}
    found: list[tuple[str, int, T]] = []
    for route, start, stored in db.execute(select(r.route, r.start, column).where(wanted, *within)).all():
        try:
            found.append((route, start, decode(stored)))
        except msgspec.DecodeError:
            starts.discard(start)
    pieces = _pieces(sorted(starts), since, until)
    return None if pieces is None else ([one for one in found if one[1] in starts], pieces)


def _pieces(starts: Iterable[int], since: int, until: int) -> tuple[Piece, ...] | None:
    found: list[Piece] = []
    at = since
    for start in starts:
        if start > at:
            found.append((at, start))
            if len(found) > MAX_PIECES:
                return None
        at = start + BUCKET
    if at == since:
        return None
    return (*found, (at, until)) if at < until else tuple(found)


def is_aligned(*moments: int) -> bool:
    """True when each is the beginning of a half hour, or so many half hours."""
    return all(moment == start_of(moment) for moment in moments)
