"""Reading rollups: the numbers of the half hours of a range of time that have been added up, and which parts of the
range have not.

Knows: how rollups of many half hours are added up, by step of time; that a half hour with a row that cannot be read is
one that has not been added up.
Must not know: how they are made; how calls are read one by one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, select

from relayproxy.store.schema.mapping import batches
from relayproxy.store.schema.rollup import (
    ALL,
    BUCKET,
    LISTING,
    Rollup,
    histogram_of,
    read_counts,
    read_rollup,
    read_versions,
    start_of,
    sums_of,
    value_of,
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


Listings = dict[int, frozenset[str]]
"""The keys of the rollups of half hours, by their beginning."""


@dataclass(frozen=True, slots=True)
class RolledUp:
    """A range, its rollups, each with the beginning of its half hour, and the parts of it that they have not."""

    span: Piece
    listings: Listings
    """Of the half hours of the range."""
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


def rolled_up(db: Connection, key: str, since: int, until: int) -> RolledUp | None:
    """The rollups of [since, until), wall nanoseconds, with this key. None when there are too few of them to be of
    use."""
    listings = _listings(db, since, until)
    found = _read(db, rollups.c.detail, read_rollup, key, since, until, listings)
    if found is None:
        return None
    rows, pieces = found
    return RolledUp((since, until), listings, [(start, one) for _, start, one in rows], pieces)


@dataclass(slots=True)
class OfAValue:
    """What rollups of one value come to."""

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
class ByValue:
    """The same of each value, and the parts of the range that have no rollups."""

    values: dict[str | None, OfAValue]
    pieces: tuple[Piece, ...]


def by_value(db: Connection, field: str, key: str, known: RolledUp) -> ByValue:
    """What the rollups of a range come to for each value of a field; with a key of one for this one alone."""
    read = _read(db, rollups.c.detail, read_counts, key, *known.span, known.listings, of=field if key == ALL else None)
    rows, pieces = read or ((), (known.span,))
    found: defaultdict[str | None, OfAValue] = defaultdict(OfAValue)
    for of, _, one in rows:
        its = found[value_of(of)[1]]
        for _, _, sums in one.endings:
            its.sums += whole(sums)
        for _, reasons, histogram in one.latencies:
            its.counts += whole(histogram)
            for reason, count in reasons.items():
                its.excluded[reason] += count
    return ByValue(found, pieces)


def first_versions(
    db: Connection, key: str, since: int, known: RolledUp, read: Callable[[Piece], Iterable[tuple[str | None, int]]]
) -> dict[str | None, int] | None:
    """Versions of the backend that calls from `since` to the end of the range had, which begins after it, and when the
    first call of each began; `read` gives those of a part without rollups. None as `rolled_up`."""
    begun, until = known.span
    listings = _listings(db, since, begun) | known.listings
    stored = _read(db, rollups.c.versions, read_versions, key, since, until, listings)
    if stored is None:
        return None
    rows, pieces = stored
    found: dict[str | None, int] = {}
    for version, at in (pair for pairs in (*(one for _, _, one in rows), *map(read, pieces)) for pair in pairs):
        found[version] = min(at, found.get(version, at))
    return found


def _listings(db: Connection, since: int, until: int) -> Listings:
    """Of half hours that begin within [since, until), without what cannot be read."""
    r = rollups.c
    found: Listings = {}
    query = select(r.start, r.versions).where(r.route == LISTING, r.start >= since, r.start < until)
    for start, listing in db.execute(query).all():
        with suppress(msgspec.DecodeError):
            found[start] = frozenset([str(one) for one, _ in read_versions(listing)])
    return found


def _read(
    db: Connection,
    column: ColumnElement[Any],
    decode: Callable[[Any], T],
    key: str,
    since: int,
    until: int,
    listings: Listings,
    of: str | None = None,
) -> tuple[list[tuple[str, int, T]], tuple[Piece, ...]] | None:
    """Key, beginning and what one column has, of rows within [since, until) with this key, or of all values of a field
    (`of`); and the parts that have none, to which half hours belong of which a row cannot be read. None as
    `rolled_up`."""
    r = rollups.c
    field = of or (value_of(key)[0] if key else "")
    # Few sets of keys, each of many half hours.
    every = frozenset().union(*listings.values())
    of_field = {one for one in every if field and one and value_of(one)[0] == field}
    # A half hour with calls has rollups of a field's values, unless these were too many.
    starts = {
        start
        for start, listed in listings.items()
        if since <= start <= until - BUCKET and (not field or not of_field.isdisjoint(listed) or listed == {ALL})
    }
    keys = of_field if of else {key}
    within = (r.start >= since, r.start <= until - BUCKET)
    found: list[tuple[str, int, T]] = []
    for some in batches(sorted(keys)):
        for one, start, stored in db.execute(select(r.route, r.start, column).where(r.route.in_(some), *within)).all():
            try:
                found.append((one, start, decode(stored)))
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
