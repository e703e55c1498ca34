"""Reading rollups: the numbers of the days and half hours of a range of time that have been added up, and which parts
of the range have not.

Knows: how rollups of many half hours are added up, by step of time; that whole days are read where there are any; that
a day or half hour with a row that cannot be read is one that has not been added up.
Must not know: how they are made; how calls are read one by one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, func, literal, literal_column, select

from relayproxy.store.schema.day_rollup import DAY, Step, read_steps
from relayproxy.store.schema.mapping import batches
from relayproxy.store.schema.rollup import (
    ALL,
    BUCKET,
    LISTING,
    Counts,
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
from relayproxy.store.schema.tables import rollup_days, rollups

MAX_PIECES = 20
"""Parts of a range without rollups. Where there are more, calls are read one by one."""

T = TypeVar("T")
Piece = tuple[int, int]
"""A part of a range: [since, until), wall nanoseconds."""
Ending = tuple[int, str | None, str | None]
"""A step of time, and the outcome and Studio transition with which calls of it ended."""


Listings = dict[int, frozenset[str]]
"""The keys of the rollups of days or half hours, by their beginning."""


@dataclass(frozen=True, slots=True)
class RolledUp:
    """A range, its rollups, and the parts of it that they have not."""

    span: Piece
    days: Listings
    """The keys of its days."""
    parts: list[Rollup]
    """Of its days and half hours."""
    steps: list[Step]
    """Of its half hours."""
    pieces: tuple[Piece, ...]

    def endings(self, origin: int, step: int, numbers: int) -> Iterator[tuple[Ending, tuple[int, ...]]]:
        """Sums, of so many numbers, of calls that began in the same step from `origin` on and ended in the same way.
        Both times are multiples of `BUCKET`, as those of `latencies`."""
        found: defaultdict[Ending, int] = defaultdict(int)
        number = int.from_bytes  # `whole`, without a call for each of tens of thousands
        for one in self.steps:
            place = (one.start - origin) // step
            for outcome, transition, sums in one.endings:
                found[place, outcome, transition] += number(sums, "little")
        return ((how, sums_of(total, numbers)) for how, total in found.items())

    def latencies(self, origin: int, step: int) -> Iterator[tuple[int, dict[int, int], Counter[str]]]:
        """By the step in which turns began, how often each latency occurs, and the number without one by reason."""
        counts: defaultdict[int, int] = defaultdict(int)
        excluded: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for one in self.steps:
            for later, reasons, histogram in one.latencies:
                place = (one.start + later * BUCKET - origin) // step
                counts[place] += whole(histogram)
                for reason, count in reasons.items():
                    excluded[place][reason] += count
        return ((place, histogram_of(total), excluded[place]) for place, total in counts.items())

    def slowest(self, limit: int) -> list[str]:
        """Sessions (our ids) in which callers waited longest."""
        return [id for *_, id in nlargest(limit, (key for one in self.parts for key in one.slowest))]

    def worst(self, limit: int) -> list[str]:
        """Sessions in which most went wrong."""
        return [id for *_, id in nlargest(limit, (key for one in self.parts for key in one.worst))]


def rolled_up(db: Connection, key: str, since: int, until: int) -> RolledUp | None:
    """The rollups of [since, until), wall nanoseconds, with this key. None when there are too few of them to be of
    use."""
    days = _days_listed(db, since, until)
    found = _read(db, _WHOLE, key, since, until, days)
    if found is None:
        return None
    rows, pieces = found
    parts = [rollup for _, (rollup, _) in rows]
    return RolledUp((since, until), days, parts, [step for _, (_, steps) in rows for step in steps], pieces)


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
    read = _read(db, _COUNTS, key, *known.span, known.days, field if key == ALL else None)
    rows, pieces = read or ((), (known.span,))
    found: defaultdict[str | None, OfAValue] = defaultdict(OfAValue)
    for of, one in rows:
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
    stored = _read(db, _VERSIONS, key, since, until, _days_listed(db, since, begun) | known.days)
    if stored is None:
        return None
    rows, pieces = stored
    found: dict[str | None, int] = {}
    for version, at in (pair for pairs in (*(one for _, one in rows), *map(read, pieces)) for pair in pairs):
        found[version] = min(at, found.get(version, at))
    return found


@dataclass(frozen=True, slots=True)
class _Content(Generic[T]):
    """What is read of a rollup: its columns, and what these come to, of days and of half hours."""

    of_day: tuple[ColumnElement[Any], ...]
    read_day: Callable[..., T]
    of_half_hour: tuple[ColumnElement[Any], ...]
    read_half_hour: Callable[..., T]


def _day(detail: bytes, steps: bytes) -> tuple[Rollup, list[Step]]:
    return read_rollup(detail), read_steps(steps)


def _half_hour(start: int, detail: bytes) -> tuple[Rollup, list[Step]]:
    found = read_rollup(detail)
    return found, [Step(start, found.endings, found.latencies)]


_r, _d = rollups.c, rollup_days.c
_WHOLE: _Content[tuple[Rollup, list[Step]]] = _Content((_d.detail, _d.steps), _day, (_r.start, _r.detail), _half_hour)
_COUNTS: _Content[Counts] = _Content((_d.detail,), read_counts, (_r.detail,), read_counts)
_VERSIONS: _Content[list[tuple[str | None, int]]] = _Content(
    (_d.versions,), read_versions, (_r.versions,), read_versions
)


def _read(
    db: Connection,
    content: _Content[T],
    key: str,
    since: int,
    until: int,
    days: Listings,
    of: str | None = None,
) -> tuple[list[tuple[str, T]], tuple[Piece, ...]] | None:
    """Key and content of what was rolled up within [since, until), of these days and what half hours there are of the
    rest, with this key, or of all values of a field (`of`); and the parts that have none. None as `rolled_up`."""
    found = _part(db, rollup_days, content.of_day, content.read_day, key, of, days)
    covered = [(start, start + DAY) for start in found]
    rows = [*found.values()]
    for piece in _pieces(covered, since, until):
        found = _part(
            db, rollups, content.of_half_hour, content.read_half_hour, key, of, _half_hours_listed(db, *piece)
        )
        covered += [(start, start + BUCKET) for start in found]
        rows += found.values()
    pieces = _pieces(covered, since, until)
    if not rows or len(pieces) > MAX_PIECES:
        return None
    return [one for some in rows for one in some], pieces


def _part(
    db: Connection,
    table: Table,
    columns: tuple[ColumnElement[Any], ...],
    read: Callable[..., T],
    key: str,
    of: str | None,
    listings: Listings,
) -> dict[int, list[tuple[str, T]]]:
    """Of each of these days, or half hours, by its beginning, what its rows come to. Those are left out of which one is
    away or cannot be read, and those with calls but without rollups of the field, which had too many values."""
    field = of or (value_of(key)[0] if key else "")
    # Few sets of keys, each of many half hours.
    every = frozenset[str]().union(*listings.values())
    of_field = frozenset(one for one in every if field and one and value_of(one)[0] == field)
    keys = of_field if of else frozenset((key,))
    wanted = {
        start: listed & keys
        for start, listed in listings.items()
        if not field or not of_field.isdisjoint(listed) or listed == {ALL}
    }
    found: dict[int, list[tuple[str, T]]] = {start: [] for start in wanted}
    if not found:
        return found
    c = table.c
    query = select(c.route, c.start, *columns).where(c.start >= min(found), c.start <= max(found))
    for some in batches(sorted(keys)):
        for one, start, *stored in db.execute(query.where(c.route.in_(some))):
            if start in found:
                with suppress(msgspec.DecodeError):
                    found[start].append((one, read(*stored)))
    return {start: rows for start, rows in found.items() if len(rows) == len(wanted[start])}


def _days_listed(db: Connection, since: int, until: int) -> Listings:
    """Of days within [since, until) that are right: none of their half hours was made anew since."""
    first, last = -(-since // DAY) * DAY, until // DAY * DAY
    right = select(_r.start // literal(DAY)).where(_r.route == LISTING, _r.start >= first, _r.start < last)
    right = right.group_by(literal_column("1")).having(func.count(_r.day_read) == DAY // BUCKET)
    starts = {int(number) * DAY for number in db.execute(right).scalars()}
    listed = select(_d.start, _d.versions).where(_d.route == LISTING, _d.start >= first, _d.start < last)
    return {start: keys for start, keys in _listings(db, listed).items() if start in starts}


def _half_hours_listed(db: Connection, since: int, until: int) -> Listings:
    """Of half hours within [since, until)."""
    within = (_r.start >= since, _r.start <= until - BUCKET)
    return _listings(db, select(_r.start, _r.versions).where(_r.route == LISTING, *within))


def _listings(db: Connection, query: Select[Any]) -> Listings:
    """Without what cannot be read."""
    found: Listings = {}
    for start, listing in db.execute(query):
        with suppress(msgspec.DecodeError):
            found[start] = frozenset([str(one) for one, _ in read_versions(listing)])
    return found


def _pieces(covered: Iterable[Piece], since: int, until: int) -> tuple[Piece, ...]:
    """The rest of [since, until)."""
    found: list[Piece] = []
    at = since
    for start, end in sorted(covered):
        if start > at:
            found.append((at, start))
        at = end
    return (*found, (at, until)) if at < until else tuple(found)


def is_aligned(*moments: int) -> bool:
    """True when each is the beginning of a half hour, or so many half hours."""
    return all(moment == start_of(moment) for moment in moments)
