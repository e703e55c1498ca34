"""The list by time, live sessions first and the newest first among live and among ended ones: the places of a page, and
the cursors between pages.

Knows: that PostgreSQL goes through the newest sessions first, and when it looks up all that match instead.
Must not know: what is shown of sessions; lists in another order.
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, literal, select, tuple_

from relayproxy.store.read.filters.conditions import conditions
from relayproxy.store.read.filters.criteria import Criteria
from relayproxy.store.read.sorted_list import is_number
from relayproxy.store.schema.tables import sessions

WINDOWS = (1_000, 10_000)
"""Sessions that PostgreSQL goes through, newest first, before all that match are looked up. What so many match that a
page of them is found there is found in a tenth of the time: to count who said two common words one after the other
takes 160 ms with a million sessions, and what meets several conditions is taken for so rare that all of it is sorted,
which takes 310."""

_Conditions = Callable[[], list[ColumnElement[bool]]]
_c = sessions.c
_NEWEST = (_c.started_at.desc(), _c.id.desc())


class Place(NamedTuple):
    """A session of the list."""

    id: str
    started_at: int
    live: bool


def places_by_time(db: Connection, criteria: Criteria, after: Place | None, limit: int) -> list[Place]:
    """The first `limit` places of the list of these sessions, after a place."""
    found: list[Place] = []
    looked_up = cache(lambda: conditions(criteria, db.dialect.name, db))
    if after is None or after.live:
        found = _newest(db, criteria, looked_up, True, after, limit)
        after = None
    if len(found) < limit:
        found += _newest(db, criteria, looked_up, False, after, limit - len(found))
    return found


def _newest(
    db: Connection, criteria: Criteria, looked_up: _Conditions, live: bool, after: Place | None, limit: int
) -> list[Place]:
    found: list[Place] = []
    if db.dialect.name == "postgresql" and (criteria.every or criteria.words):
        walked = conditions(criteria, db.dialect.name, db, walked=True)
        times = conditions(Criteria(since=criteria.since, until=criteria.until), db.dialect.name)
        begun = after
        for window, then in pairwise((*WINDOWS, 0)):
            ends = _places(db, times, live, begun, 1, skipped=window - 1)
            bounds = [tuple_(_c.started_at, _c.id) >= (ends[0].started_at, ends[0].id)] if ends else []
            found += _places(db, [*walked, *bounds], live, begun, limit - len(found))
            if len(found) == limit or not ends:
                return found
            begun = ends[0]
            if len(found) * then < 2 * limit * window:
                break  # to look them up takes less than going on
        after, limit = begun, limit - len(found)
    wanted = looked_up()
    if live and db.dialect.name == "sqlite":
        # Few live; it would otherwise go through all that an index of a condition has.
        wanted = [func.coalesce(one, literal(False)) for one in wanted]
    return found + _places(db, wanted, live, after, limit)


def _places(
    db: Connection, wanted: list[ColumnElement[bool]], live: bool, after: Place | None, limit: int, skipped: int = 0
) -> list[Place]:
    query = select(_c.id, _c.started_at).where(_c.ended_at.is_(None) if live else _c.ended_at.is_not(None), *wanted)
    if after:
        query = query.where(tuple_(_c.started_at, _c.id) < (after.started_at, after.id))
    query = query.order_by(*_NEWEST).limit(limit)
    found = db.execute(query.offset(skipped) if skipped else query)
    return [Place(id, started_at, live) for id, started_at in found]


def cursor_by_time(place: Place) -> str:
    """The cursor of what comes after a place."""
    return f"{'live' if place.live else 'ended'}.{place.started_at}.{place.id}"


def read_cursor_by_time(cursor: str) -> Place:
    """The place that a cursor of this list names. Raises ValueError for any other."""
    state, started_at, id = cursor.split(".", 2)
    if state not in ("live", "ended") or not is_number(started_at):
        raise ValueError("not a cursor of this list")
    return Place(id, int(started_at), state == "live")
