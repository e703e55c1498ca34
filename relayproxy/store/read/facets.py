"""Facet counts: which values sessions have, and how many sessions have each.

Knows: how to count from few rows: the newest that match, or one step in an index for each value.
Must not know: which fields a page lists; how filters are written.

Whatever the size of the database, no more than `SEEN` sessions are looked through, and `NEWEST` of them counted; a
tenth of that where every session's words have to be looked at.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, case, func, select
from sqlalchemy.sql.elements import NamedColumn

from relayproxy.store.read.filters.conditions import after, conditions
from relayproxy.store.read.filters.criteria import FIELDS, PARAM, Criteria, kind_of_field
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.mapping import batches
from relayproxy.store.schema.tables import labels, sessions

NEWEST = 2_500
"""Matching sessions that are counted."""
SEEN = 100_000
"""Sessions that are looked through to find those."""

_c = sessions.c
SOME = ">0"
"""The one value of a number that is listed: that there is any."""
_COLUMNS: dict[str, tuple[NamedColumn[Any], ...]] = {
    name: field.columns if field.kind == "text" else (case((field.columns[0] > 0, SOME)).label(f"any_{name}"),)
    for name, field in FIELDS.items()
    if field.columns
}

_NOTHING: Mapping[str, int] = {}

Values = tuple[tuple[str, int], ...]
"""A value and how many sessions have it, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts. `sessions` match; `whole`: these are all that do, else the newest of them."""

    sessions: int
    whole: bool
    values: dict[str, Values]
    """By field; custom parameters by `param.<name>`, the most frequent names."""
    more: dict[str, int]
    """By field how many values were counted beside these."""
    apart: dict[str, tuple[int, bool]]
    """By field that is narrowed itself: the sessions that its values were counted in, and whether these are all."""


def facets(
    queries: Queries, criteria: Criteria, fields: Sequence[str], limit: int = 12, longer: Mapping[str, int] = _NOTHING
) -> Facets:
    """The `limit` most frequent values of these fields among sessions that match, or as many as `longer` has for one.
    `param.` stands for the `limit` most frequent custom parameters, and for those that are narrowed. A field that is
    narrowed itself is counted as if it were not, so that what else could be chosen is seen too."""
    narrowed = dict.fromkeys(one.field for one in criteria.every if not one.negated)
    again = [field for field in narrowed if field in fields or (PARAM in fields and field.startswith(PARAM))]
    apart: dict[str, tuple[int, bool]] = {}
    with queries.reading() as db:
        floor = _floor(db, criteria)
        others = [field for field in fields if field not in narrowed]
        matching, whole, counted = _count(db, criteria, others, limit, floor)
        for field in again:
            rest = tuple(one for one in criteria.every if one.negated or one.field != field)
            among, all_of_them, values = _count(db, replace(criteria, every=rest), [field], limit, floor)
            counted |= values
            apart[field] = among, all_of_them
    shown = {field: _most(each, longer.get(field, limit)) for field, each in counted.items()}
    more = {field: len(each) - len(shown[field]) for field, each in counted.items()}
    return Facets(matching, whole, shown, more, apart)


def values(
    queries: Queries, field: str, prefix: str, criteria: Criteria, limit: int = 12
) -> tuple[tuple[str, int | None], ...]:
    """At most `limit` values of a text or label field that contain `prefix`: those of the newest matching sessions with
    their number, then those that begin with it, from an index, without a number."""
    known: dict[str, int | None] = {}
    with queries.reading() as db:
        found = _count(db, criteria, [field], NEWEST, _floor(db, criteria))[2]
        counted = _most(found.get(field, Counter()), NEWEST)
        low = prefix.lower()
        first = sorted(
            (one for one in counted if low in one[0].lower()), key=lambda one: not one[0].lower().startswith(low)
        )
        known.update(first[:limit])
        if len(known) < limit and prefix and _is_indexed(field):
            for value in _steps(db, field, prefix, limit):
                known.setdefault(value, None)
    return tuple(known.items())[:limit]


def parameters(queries: Queries, prefix: str = "", limit: int = 50) -> tuple[str, ...]:
    """Names of custom parameters that were ever seen and begin with `prefix`, as fields, in order."""
    found: list[str] = []
    with queries.reading() as db:
        last = ""
        while len(found) < limit:
            start = PARAM + prefix
            query = select(func.min(labels.c.name)).where(
                labels.c.name >= start, labels.c.name < after(start), labels.c.name > last
            )
            name = db.execute(query).scalar_one()
            if name is None:
                break
            found.append(name)
            last = name
    return tuple(found)


def _count(
    db: Connection, criteria: Criteria, fields: Sequence[str], limit: int, floor: int | None
) -> tuple[int, bool, dict[str, Counter[str]]]:
    """The number of sessions counted, whether these are all that match, and values by field; of custom parameters the
    `limit` most frequent names, the most frequent first."""
    wanted = conditions(criteria, db.dialect.name, db)
    if not _is_narrowed(criteria):
        floor = None
    if floor is not None:
        wanted.append(_c.started_at >= floor)
    columns = {field: _COLUMNS[field] for field in fields if field in _COLUMNS}
    read: dict[str, NamedColumn[Any]] = {column.name: column for each in columns.values() for column in each} | {
        "id": _c.id
    }
    places = {name: place for place, name in enumerate(read)}
    newest = select(*read.values()).where(*wanted).order_by(_c.started_at.desc(), _c.id.desc())
    most = NEWEST // _share(criteria) or 1
    rows = db.execute(newest.limit(most + 1)).all()
    whole = len(rows) <= most and floor is None
    rows = rows[:most]
    by_place = [*zip(*rows, strict=True)] or [()] * len(places)
    found: dict[str, Counter[str]] = {}
    for field, each in columns.items():
        some = [by_place[places[column.name]] for column in each]
        counter = Counter(some[0] if len(some) == 1 else (value for row in zip(*some, strict=True) for value in {*row}))
        del counter[None]
        found[field] = counter
    if named := [field for field in fields if field not in _COLUMNS]:
        found |= _labels(db, by_place[places["id"]], named, limit)
    return len(rows), whole, found


def _labels(db: Connection, counted: Sequence[str], fields: Sequence[str], limit: int) -> dict[str, Counter[str]]:
    c = labels.c
    by_name: dict[str, Counter[str]] = {field: Counter() for field in fields if field != PARAM}
    for some in batches(counted):
        query = select(c.name, c.value, func.count()).where(c.session.in_(some)).group_by(c.name, c.value)
        if PARAM not in fields:
            # An expression, so that labels are looked up by session.
            query = query.where(c.name.concat("").in_(fields))
        for name, value, count in db.execute(query).all():
            if name in by_name:
                by_name[name][value] += count
            elif PARAM in fields and name.startswith(PARAM):
                by_name[name] = Counter({value: count})
    named = Counter({name: each.total() for name, each in by_name.items() if name not in fields})
    kept = (*fields, *(name for name, _ in _most(named, limit)))
    return {name: by_name[name] for name in kept if name in by_name}


def _is_indexed(field: str) -> bool:
    return kind_of_field(field) == "label" or (field in FIELDS and FIELDS[field].indexed)


def _most(counter: Counter[str], limit: int) -> Values:
    return tuple(sorted(counter.items(), key=lambda one: (-one[1], one[0]))[:limit])


def _is_narrowed(criteria: Criteria) -> bool:
    """Whether anything but time narrows them; else the newest match."""
    return bool(criteria.every or criteria.words)


def _share(criteria: Criteria) -> int:
    return 10 if criteria.words else 1


def _floor(db: Connection, criteria: Criteria) -> int | None:
    """The start of the oldest session that is looked through; None when every session is."""
    if not _is_narrowed(criteria):
        return None
    query = select(_c.started_at).order_by(_c.started_at.desc()).offset(SEEN // _share(criteria)).limit(1)
    if criteria.until is not None:
        query = query.where(_c.started_at < criteria.until)
    found: int | None = db.execute(query).scalar_one_or_none()
    return found


def _steps(db: Connection, field: str, prefix: str, limit: int) -> Iterable[str]:
    """Values that begin with the prefix, in order, each found by one step in an index."""
    if field in _COLUMNS:
        for column in _COLUMNS[field]:
            yield from _walk(db, column, [], prefix, limit)
    else:
        yield from _walk(db, labels.c.value, [labels.c.name == field], prefix, limit)


def _walk(db: Connection, column: NamedColumn[Any], only: list[Any], prefix: str, limit: int) -> Iterator[str]:
    last: str | None = None
    for _ in range(limit):
        beyond = column >= prefix if last is None else column > last
        last = db.execute(select(func.min(column)).where(*only, beyond, column < after(prefix))).scalar_one()
        if last is None:
            return
        yield last
