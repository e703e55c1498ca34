"""Making the rollups of days out of those of their half hours.

Knows: that a day is added up once all of its half hours are, and again once one of them is made anew, by a recorder of
an earlier version too, which does not know of days.
Must not know: calls; how rollups are read; who makes them.

Half hours are read without holding up anyone. Each is marked first, and what is made anew has no mark: a day is
written, and read by pages, while all of its half hours are marked.
"""

import json
import secrets
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, literal, literal_column, select, update

from relayproxy.store.schema.day_rollup import DAY, add_up, keys_of_day, write_steps
from relayproxy.store.schema.rollup import BUCKET, LISTING, Rollup, read_rollup, read_versions, write_rollup
from relayproxy.store.schema.tables import rollup_days, rollups
from relayproxy.store.write.rollups import take_lock

_HALF_HOURS = DAY // BUCKET
_r, _d = rollups.c, rollup_days.c


@dataclass(frozen=True, slots=True)
class Day:
    """The rollups of a day, as rows, and the mark of the half hours that they were made of."""

    start: int
    rows: tuple[dict[str, Any], ...]
    mark: int


def missing_days(db: Connection) -> list[int]:
    """The beginnings of days, in UTC, whose half hours all have rollups, which the day's are not made of; the last
    first."""
    query = select(_r.start // literal(DAY), func.count(_r.day_read)).where(_r.route == LISTING)
    query = query.group_by(literal_column("1")).having(func.count() == _HALF_HOURS)
    there = set(db.execute(select(_d.start).where(_d.route == LISTING)).scalars())
    found = (
        int(number) * DAY for number, marks in db.execute(query) if marks < _HALF_HOURS or number * DAY not in there
    )
    return sorted(found, reverse=True)


def mark_half_hours(db: Connection, start: int) -> int | None:
    """Marks the half hours of a day as they are now, for `read_day`, and deletes what was made of them before. Gives
    the mark; None, and nothing is done, when they are not all there, or others are changing them."""
    if not take_lock(db):
        return None
    if db.execute(select(func.count()).where(*_listings(start))).scalar_one() < _HALF_HOURS:
        return None
    mark = secrets.randbits(62)
    db.execute(update(rollups).where(*_listings(start)).values(day_read=mark))
    db.execute(delete(rollup_days).where(_d.start == start))
    return mark


def read_day(db: Connection, start: int, mark: int) -> Day | None:
    """What the rollups of a day are to be; None when one of its half hours cannot be read."""
    try:
        rows = _rows(db, start)
    except msgspec.DecodeError:
        return None
    return Day(start, tuple(rows), mark)


def _rows(db: Connection, start: int) -> list[dict[str, Any]]:
    half_hours: defaultdict[str, dict[int, Rollup]] = defaultdict(dict)
    versions: defaultdict[str, dict[str | None, int]] = defaultdict(dict)
    listings = []
    within = (_r.start >= start, _r.start < start + DAY)
    for key, at, stored, detail in db.execute(
        select(_r.route, _r.start, _r.versions, _r.detail).where(*within).order_by(_r.start)
    ):
        if key == LISTING:
            listings.append(frozenset([str(one) for one, _ in read_versions(stored)]))
            continue
        half_hours[key][at] = read_rollup(detail)
        for version, first in read_versions(stored):
            versions[key].setdefault(version, first)
    totals = {key: add_up(half_hours[key].values()) for key in sorted(keys_of_day(listings))}
    rows = [
        {
            "route": key,
            "start": start,
            "versions": json.dumps([*versions[key].items()]),
            "detail": write_rollup(total),
            "steps": write_steps(half_hours[key]),
        }
        for key, total in totals.items()
    ]
    listing = json.dumps([(key, total.calls) for key, total in totals.items()])
    nothing = {"detail": write_rollup(add_up(())), "steps": write_steps({})}
    return [*rows, {"route": LISTING, "start": start, "versions": listing, **nothing}]


def keep_day(db: Connection, made: Day) -> bool:
    """Writes them. False, and nothing is done, when a half hour has been made anew since it was marked, or others are
    changing some: the day is to be made again."""
    if not take_lock(db):
        return False
    marked = select(func.count()).where(*_listings(made.start), _r.day_read == made.mark)
    if db.execute(marked).scalar_one() < _HALF_HOURS:
        return False
    db.execute(insert(rollup_days), made.rows)
    return True


def _listings(start: int) -> tuple[Any, ...]:
    return _r.route == LISTING, _r.start >= start, _r.start < start + DAY
