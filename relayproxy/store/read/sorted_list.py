"""Lists in another order than by time: the places of a page, and the cursors between pages.

Knows: that the index of an order is gone through where many match, and what few match is looked up and sorted then.
Must not know: what is shown of sessions; the list as it is without an order.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, literal, select, tuple_

from relayproxy.store.read.filters.conditions import SORTED_BY, computed, conditions
from relayproxy.store.read.filters.criteria import Criteria, Sort
from relayproxy.store.schema import tables

_PARTLY = frozenset({"duration", "latency", "wait"})
"""Orders by values that not every session has."""

_LEAST = -(2**62)
"""Less than anything that lists are sorted by; null is not more than that."""

SortedPlace = tuple[int | None, int, str]
"""A place in a sorted list: what it is sorted by, when the session began, its id."""

MAX_SCANNED = 10_000
"""Sessions that are scanned in the order of a list to find those of a page."""
MAX_SCANNED_FOR_WORDS = 2_000
MAX_IN_INDEX = 100_000
"""The same where nothing but the index is looked at."""
_IN_INDEX = frozenset({"transition", "outcome", "route"})
"""Fields of filters that indexes of orders have, as they have times."""


class Place(NamedTuple):
    """A session of a list, and what the list is sorted by: that number, null where it has none, then its beginning."""

    id: str
    started_at: int
    number: int | None


def sorted_places(db: Connection, criteria: Criteria, sort: Sort, after: SortedPlace | None, limit: int) -> list[Place]:
    """The first `limit` places of the list of these sessions in that order, after a place. Raises ValueError for a
    field that is nothing to sort by."""
    if sort.field not in SORTED_BY:
        raise ValueError(f"{sort.field} is nothing to sort by")
    return _on_the_way(db, criteria, sort, after, limit) or _sorted(db, criteria, sort, after, limit)


def _on_the_way(db: Connection, criteria: Criteria, sort: Sort, after: SortedPlace | None, limit: int) -> list[Place]:
    """The first `limit` places of a sorted list, by its index; nothing when they are not among the next `MAX_SCANNED`
    sessions of the order, `MAX_SCANNED_FOR_WORDS` where what was said has to be looked at, or `MAX_IN_INDEX`."""
    if after is not None and after[0] is None:
        return []
    by, order = SORTED_BY[sort.field], _order(SORTED_BY[sort.field], sort)
    place = (by, tables.sessions.c.started_at, tables.sessions.c.id)
    bounds = [by > literal(_LEAST), *([] if after is None else [_beyond(place, after, sort)])]
    steps = MAX_SCANNED_FOR_WORDS if criteria.words else MAX_SCANNED
    if not criteria.words and sort.field != "duration" and all(one.field in _IN_INDEX for one in criteria.every):
        steps = MAX_IN_INDEX
    end = db.execute(select(*place).where(*bounds).order_by(*order).offset(steps).limit(1)).one_or_none()
    if end is not None:
        bounds.append(_beyond(place, tuple(end), replace(sort, ascending=not sort.ascending)))
    wanted = conditions(criteria, db.dialect.name, db, walked=db.dialect.name == "postgresql")
    if db.dialect.name == "sqlite":
        # It would otherwise take an index of the condition, and sort all that it finds by it.
        wanted = [func.coalesce(one, literal(False)) for one in wanted]
    found = select(*_place(by)).where(*bounds, *wanted).order_by(*order).limit(limit)
    places = [Place(*row) for row in db.execute(found)]
    return places if len(places) == limit else []


def _sorted(db: Connection, criteria: Criteria, sort: Sort, after: SortedPlace | None, limit: int) -> list[Place]:
    """The same of all that match, whether they have what the list is sorted by or not."""
    c, by = tables.sessions.c, computed(sort.field) if criteria else SORTED_BY[sort.field]
    found = select(*_place(by)).where(*conditions(criteria, db.dialect.name)).limit(limit)
    places: list[Place] = []
    if after is None or after[0] is not None:
        bounds = [] if after is None else [_beyond((by, c.started_at, c.id), after, sort)]
        valued = found.where(by > literal(_LEAST), *bounds).order_by(*_order(by, sort))
        places += [Place(*row) for row in db.execute(valued)]
        after = None
    if len(places) < limit and sort.field in _PARTLY:
        bounds = [] if after is None else [_beyond((c.started_at, c.id), after[1:], sort)]
        rest = found.where(by.is_(None), *bounds).order_by(*_order(by, sort)[1:]).limit(limit - len(places))
        places += [Place(*row) for row in db.execute(rest)]
    return places


def _place(by: ColumnElement[Any]) -> tuple[ColumnElement[Any], ...]:
    return tables.sessions.c.id, tables.sessions.c.started_at, by


def _order(by: ColumnElement[Any], sort: Sort) -> list[ColumnElement[Any]]:
    columns = (by, tables.sessions.c.started_at, tables.sessions.c.id)
    return [each.asc() if sort.ascending else each.desc() for each in columns]


def _beyond(columns: Sequence[ColumnElement[Any]], after: Sequence[Any], sort: Sort) -> ColumnElement[bool]:
    here, there = tuple_(*columns), tuple_(*map(literal, after))
    return here > there if sort.ascending else here < there


def sorted_cursor(sort: Sort, place: Place) -> str:
    """The cursor of what comes after a place."""
    id, started_at, number = place
    return f"{'-' * (not sort.ascending)}{sort.field}.{'' if number is None else number}.{started_at}.{id}"


def read_sorted_cursor(cursor: str, sort: Sort) -> SortedPlace:
    """The place that a cursor of a list in this order names. Raises ValueError for any other."""
    order, number, started_at, id = cursor.split(".", 3)
    if order != f"{'-' * (not sort.ascending)}{sort.field}" or (number and not is_number(number.removeprefix("-"))):
        raise ValueError("not a cursor of this list")
    if not is_number(started_at):
        raise ValueError("not a cursor of this list")
    return int(number) if number else None, int(started_at), id


def is_number(text: str) -> bool:
    """True for the digits of a whole number that databases take."""
    # Longer ones are no 64-bit integers, which no database takes.
    return text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**63
