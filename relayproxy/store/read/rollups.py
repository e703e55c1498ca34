"""Reading rollups: the numbers of the half hours of a range of time that have been added up, and which parts of the
range have not.

Knows: how rollups of many half hours are added up, by step of time.
Must not know: how they are made; how calls are read one by one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import nlargest

import msgspec
from sqlalchemy import Connection, select

from relayproxy.store.schema.rollup import BUCKET, Rollup, histogram_of, read_rollup, start_of, sums_of, whole
from relayproxy.store.schema.tables import rollups

MAX_PIECES = 20
"""Parts of a range without rollups. Where there are more, calls are read one by one."""

_versions = msgspec.json.Decoder(list[tuple[str | None, int]])
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
    pieces = _pieces(db, since, until)
    if pieces is None:
        return None
    r = rollups.c
    query = select(r.start, r.detail).where(r.route == route, r.start >= since, r.start <= until - BUCKET)
    return RolledUp((since, until), [(start, read_rollup(detail)) for start, detail in db.execute(query).all()], pieces)


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


def by_route(db: Connection, route: str, since: int, until: int) -> dict[str, OfARoute]:
    """What the rollups of [since, until) come to for each route; with `route` for this one alone."""
    r = rollups.c
    wanted = r.route == route if route else r.route != ""
    query = select(r.route, r.detail).where(wanted, r.start >= since, r.start <= until - BUCKET)
    found: defaultdict[str, OfARoute] = defaultdict(OfARoute)
    for route, detail in db.execute(query).all():
        one, its = read_rollup(detail), found[route]
        for _, _, sums in one.endings:
            its.sums += whole(sums)
        for _, reasons, histogram in one.latencies:
            its.counts += whole(histogram)
            for reason, count in reasons.items():
                its.excluded[reason] += count
    return found


def first_versions(
    db: Connection, route: str, since: int, until: int, read: Callable[[Piece], Iterable[tuple[str | None, int]]]
) -> dict[str | None, int] | None:
    """Versions of the backend that calls of this range had, and when the first call of each began; `read` gives those
    of a part without rollups. None as `rolled_up`."""
    pieces = _pieces(db, since, until)
    if pieces is None:
        return None
    r = rollups.c
    query = select(r.versions).where(r.route == route, r.start >= since, r.start <= until - BUCKET)
    found: dict[str | None, int] = {}
    stored = map(_versions.decode, db.execute(query).scalars().all())
    for version, at in (pair for pairs in (*stored, *map(read, pieces)) for pair in pairs):
        found[version] = min(at, found.get(version, at))
    return found


def _pieces(db: Connection, since: int, until: int) -> tuple[Piece, ...] | None:
    r = rollups.c
    query = select(r.start).where(r.route == "", r.start >= since, r.start <= until - BUCKET).order_by(r.start)
    found: list[Piece] = []
    at = since
    for start in db.execute(query).scalars().all():
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
