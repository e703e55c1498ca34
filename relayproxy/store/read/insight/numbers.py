"""Numbers of many calls.

Knows: how sums, latencies and their counts are read for every call that meets criteria: from rollups, or from calls
that are looked up once.
Must not know: percentiles, rates, HTML, who asks.

A call belongs to a range of time when it began in it, so that of two ranges side by side no call is in both. Numbers
are of whole calls. Work is bounded: of many calls the newest `MAX_CALLS` are read. Like the methods of `Queries`, these
functions may be called from any thread and raise `NotReady` and `StoreError`.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
)

from relayproxy.store.read.filters.conditions import conditions
from relayproxy.store.read.filters.criteria import COUNTED, FIELDS, Criteria, kind_of_field
from relayproxy.store.read.insight.calls import (
    CALLS,
    CallRead,
    by_ending,
    first_starts,
    is_among,
    slowest,
    slowest_turns,
    worst,
    worst_calls,
)
from relayproxy.store.read.insight.figures import Calls, LatencyCounts, Reach, Sums, WorstCall
from relayproxy.store.read.insight.rollups import ByValue, Piece, RolledUp, by_value, first_versions, rolled_up
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import rollup
from relayproxy.store.schema.mapping import whole
from relayproxy.store.schema.tables import labels, sessions, turns

MAX_CALLS = 20_000
"""Calls that are read one by one at most."""
BESIDE = 10
"""Where rollups are read, the calls of the time without any may be so many times as many. Where there are more, rollups
are of no use."""
MAX_APART = 2_000
"""Calls that are read to tell them apart by a field, where rollups are read of all else."""
ROLL_UP = 2_000
"""For more calls rollups are read, where there are any."""
MIN_ROLLED_UP = 16 * 3600 * 1_000_000_000
"""Of a shorter range of time, nanoseconds, steps are shorter than what is rolled up."""
EXACT = 100_000
"""Up to so many latencies are read to the millisecond; of more, those from 128 ms on are rounded by 0.8 % at most."""

_c = sessions.c


class Numbers:
    """Aggregates over the calls that meet criteria, whose times bound the calls' starts."""

    def __init__(
        self,
        queries: Queries,
        criteria: Criteria,
        most: int = MAX_CALLS,
        exact: int = EXACT,
        most_apart: int = MAX_APART,
        *,
        roll_up: int | None = None,
        by: str = "",
    ) -> None:
        """`roll_up`: rollups may be read, for more than so many calls. Steps of time are then multiples of `BUCKET`,
        and so are their origins. `by`: the only field that `values` and `latencies_by` are asked for, if any."""
        self._queries = queries
        self._roll_up = roll_up
        self._key = _key(replace(criteria, since=None, until=None))
        self._has_values = _has_values(self._key, by)
        self._rolled_up: RolledUp | None = None
        self._calls: list[CallRead] = []
        self._by_value: ByValue | None = None
        self._criteria = replace(criteria, since=None, until=None)
        self._since, self._until = criteria.since, criteria.until
        self._most, self._exact, self._most_apart = most, exact, most_apart

    def reach(self) -> Reach:
        """The number of calls, and those of them that are read. What is asked for afterwards is of these."""
        with self._queries.reading() as db:
            self._rolled_up = self._read_rollups(db)
            if self._rolled_up is not None:
                reach = self._reach_of(self._rolled_up)
                return reach if self._has_values else self._newest_told_apart(db, reach)
            found = self._read(db, self._most + 1, (self._since, self._until))
        self._calls = found[: self._most]
        newest, first = (self._calls[place].started_at if found else None for place in (0, -1))
        since = first if len(found) > self._most else self._since
        until = (newest or 0) + 1 if self._until is None else self._until
        if since is None:
            since = until - 1 if first is None else first
        return Reach(len(found), len(self._calls), since, until, self._responses(), first)

    def _read(self, db: Connection, limit: int, *pieces: tuple[int | None, int | None]) -> list[CallRead]:
        """The newest calls of these parts, the newest first."""
        found: list[CallRead] = []
        for piece in reversed(pieces):
            query = CALLS.where(*self._where(db.dialect.name, *piece)).order_by(_c.started_at.desc())
            found += map(CallRead._make, db.execute(query.limit(limit - len(found))).all())
        return found

    def _responses(self) -> int:
        return sum(one.latencies for one in self._calls)

    def _start_of_newest(self, db: Connection, most: int, since: int | None) -> int:
        """When the oldest of so many calls began, of which there are more."""
        where = self._where(db.dialect.name, since, self._until)
        starts = select(_c.started_at).where(*where).order_by(_c.started_at.desc())
        return int(db.execute(starts.offset(most - 1).limit(1)).scalar_one())

    def _newest_told_apart(self, db: Connection, reach: Reach) -> Reach:
        since, apart = reach.since, None
        if reach.matching > self._most_apart:
            since = self._start_of_newest(db, self._most_apart, since)
            counted = (
                select(func.count()).select_from(sessions).where(*self._where(db.dialect.name, since, reach.until))
            )
            apart = int(db.execute(counted).scalar_one())
        self._by_value = ByValue({}, ((since, reach.until),))
        return replace(reach, told_apart=apart)

    def _read_rollups(self, db: Connection) -> RolledUp | None:
        key = self._key
        if self._roll_up is None or key is None or self._until is None:
            return None
        since = self._since
        if since is None:
            since = db.execute(select(func.min(_c.started_at))).scalar_one()
        if since is None or self._until - since < MIN_ROLLED_UP:
            return None
        where = self._where(db.dialect.name, since, self._until)
        some = select(_c.id).where(*where).limit(self._roll_up + 1).subquery()
        if db.execute(select(func.count()).select_from(some)).scalar_one() <= self._roll_up:
            return None
        found = rolled_up(db, key, since, self._until)
        firsts = [one.first for one in found.parts if one.first is not None] if found else []
        # Who looks at the hours since the first call sees shorter steps.
        if found is None or not firsts or self._until - max(since, min(firsts)) < MIN_ROLLED_UP:
            return None
        most = BESIDE * self._most
        self._calls = self._read(db, most + 1, *found.pieces)
        return found if len(self._calls) <= most else None

    def _reach_of(self, found: RolledUp) -> Reach:
        calls = sum(one.calls for one in found.parts) + len(self._calls)
        responses = sum(one.responses for one in found.parts) + self._responses()
        firsts = [one.first for one in found.parts if one.first is not None]
        first, until = min(firsts + [one.started_at for one in self._calls]), self._until or 0
        return Reach(calls, calls, first if self._since is None else self._since, until, responses, first, True)

    def before(self, at: int, most: int, since: int | None = None) -> int:
        """The number of calls that meet the criteria and began before `at`, counted up to `most`; with `since` only
        those that lasted until that time or later."""
        with self._queries.reading() as db:
            # As for a page of the newest: what is common is met soon enough, what is rare is looked up.
            where = conditions(replace(self._criteria, since=since, until=at), db.dialect.name, db)
            some = select(_c.id).where(*where, _c.started_at < at).order_by(_c.started_at.desc()).limit(most)
            return int(db.execute(select(func.count()).select_from(some.subquery())).scalar_one())

    def calls(self, origin: int, step: int) -> tuple[Calls, ...]:
        """Calls by the step of time from `origin` on in which they began, and by how they ended."""
        read = by_ending(self._calls, origin, step)
        if self._rolled_up is None:
            return tuple(read)
        added = self._rolled_up.endings(origin, step, len(_SUMS))
        return (*(Calls(*how, Sums(*sums)) for how, sums in added), *read)

    def latencies(self, reach: Reach, origin: int, step: int) -> dict[int, LatencyCounts]:
        """Response latencies of their turns, by the step of time in which the turn began."""
        place: ColumnElement[Any] = (turns.c.started_at - origin) // literal(step)
        found = self._latencies(reach, None, place, None)
        if self._rolled_up is not None:
            for at, counts, excluded in self._rolled_up.latencies(origin, step):
                found[at].add(counts, excluded)
        return found

    def values(self, field: str, most: int) -> tuple[tuple[str | None, Sums], ...]:
        """The values of a field that most calls have, None for calls without it, most calls first. A call with
        several values counts with each. Raises ValueError for a field that calls cannot be told apart by."""
        value, joined = _value(field)
        query = select(value, *_SUMS).select_from(joined)
        if self._rolled_up is not None:
            known = self._values(field, self._rolled_up)
            found = {value: Sums(*of_it.numbers(len(_SUMS))) for value, of_it in known.values.items()}
            for row in self._grouped(query, 1, known.pieces):
                found[row[0]] = found.get(row[0], Sums()) + _sums(row[1:])
            return tuple(sorted(found.items(), key=lambda one: (-one[1].calls, one[0] or ""))[:most])
        query = query.order_by(func.count().desc(), literal_column("1")).limit(most)
        return tuple((row[0], _sums(row[1:])) for row in self._grouped(query, 1, None))

    def latencies_by(self, reach: Reach, field: str, values: tuple[str | None, ...]) -> dict[str | None, LatencyCounts]:
        """Response latencies by these values of the field."""
        value, joined = _value(field)
        among = or_(value.in_([one for one in values if one is not None]), *([value.is_(None)] * (None in values)))
        if self._rolled_up is None:
            return self._latencies(reach, None, value, joined, among)
        known = self._values(field, self._rolled_up)
        found = self._latencies(reach, known.pieces, value, joined, among)
        for one, of_it in known.values.items():
            if one in values:
                found[one].add(of_it.latencies(), of_it.excluded)
        return found

    def versions(self, reach: Reach) -> tuple[tuple[str, int], ...]:
        """Versions of the backend that came up within the range, and when the first call of each began, in this order:
        not those that calls had in as long a time before it, nor what the first of all these calls had."""
        with self._queries.reading() as db:

            def read(piece: Piece) -> list[tuple[str | None, int]]:
                where = self._where(db.dialect.name, *piece)
                query = select(_c.backend_version, func.min(_c.started_at)).where(*where).group_by(_c.backend_version)
                return [(row[0], int(row[1])) for row in db.execute(query)]

            since = 2 * reach.since - reach.until
            known = None
            if self._rolled_up is not None:
                known = first_versions(db, self._key or rollup.ALL, since, self._rolled_up, read)
            if known is None and self._rolled_up is not None:
                known = dict(read((since, reach.until)))
            if known is None:
                known = first_starts(self._calls)
                # A version that none of these has is none that came up.
                known |= read((since, reach.since)) if any(known) else []
        begun = max(reach.since, min(known.values(), default=0) + 1)
        new = [(version, at) for version, at in known.items() if version and at >= begun]
        return tuple(sorted(new, key=lambda one: (one[1], one[0])))

    def slowest(self, limit: int) -> tuple[WorstCall, ...]:
        """The turns in which callers waited longest, answered or not, the longest first."""
        with self._queries.reading() as db:
            ids = slowest(self._calls, limit) + (self._rolled_up.slowest(limit) if self._rolled_up else [])
            return slowest_turns(db, ids, limit)

    def worst(self, limit: int) -> tuple[WorstCall, ...]:
        """The calls in which most went wrong: failed ones first, then those with most errors, unanswered turns,
        warnings, and the longest wait. Calls in which nothing did are not among them."""
        with self._queries.reading() as db:
            ids = worst(self._calls, limit) + (self._rolled_up.worst(limit) if self._rolled_up else [])
            return worst_calls(db, ids, limit)

    def _values(self, field: str, found: RolledUp) -> ByValue:
        if self._by_value is None:
            with self._queries.reading() as db:
                self._by_value = by_value(db, field, self._key or rollup.ALL, found)
        return self._by_value

    def _where(self, dialect: str, since: int | None, until: int | None) -> list[ColumnElement[bool]]:
        # First, since of several bounds SQLite seeks by the first one.
        range_of_time = [] if since is None else [_c.started_at >= since]
        if until is not None:
            range_of_time.append(_c.started_at < until)
        if not self._criteria.asks_for("shadow", "faulted"):
            range_of_time.append(COUNTED)
        # The criteria know it too, so that labels of other times are not looked up. What began in it reaches into it.
        return range_of_time + conditions(replace(self._criteria, since=since, until=until), dialect)

    def _grouped(
        self, query: Select[Any], keys: int, pieces: tuple[Piece, ...] | None, id: ColumnElement[str] = _c.id
    ) -> Iterator[Any]:
        """Of the calls of these parts; without, of those that were read."""
        with self._queries.reading() as db:
            dialect = db.dialect.name
            # By position: to PostgreSQL the same expression with parameters of its own is another expression.
            query = query.group_by(*(literal_column(str(at + 1)) for at in range(keys)))
            if pieces is None:
                wheres = [[is_among(id, [one.id for one in self._calls], dialect)]]
            else:
                wheres = [self._where(dialect, *piece) for piece in pieces]
            for where in wheres:
                yield from db.execute(query.where(*where)).all()

    def _latencies(
        self,
        reach: Reach,
        pieces: tuple[Piece, ...] | None,
        place: ColumnElement[Any],
        joined: FromClause | None,
        *where: ColumnElement[bool],
    ) -> defaultdict[Any, LatencyCounts]:
        t = turns.c
        exact = reach.responses <= self._exact and not reach.rolled_up
        ms = whole(t.response_latency_ms) if exact else _rounded(t.response_latency_ms)
        # Where nothing had been asked no answer was due, as in a call's own totals.
        counted = or_(t.response_latency_ms.is_not(None), t.null_reason != "no_prompt")
        # PostgreSQL refuses all where one damaged time is so early that what lies between overflows.
        sound = t.started_at >= 0
        query = select(place.label("place"), ms.label("ms"), t.null_reason, func.count())
        query = query.select_from(turns if joined is None else joined.join(turns, t.session == _c.id))
        found = defaultdict[Any, LatencyCounts](LatencyCounts.of_nothing)
        for at, latency, reason, count in self._grouped(query.where(counted, sound, *where), 3, pieces, t.session):
            counts, excluded = found[at]
            if latency is not None:
                counts[latency] += count
            else:
                excluded[reason or ""] += count
        return found


def _key(criteria: Criteria) -> str | None:
    """The key of the rollups of the calls that meet the criteria; None when there are none of such calls."""
    if not criteria:
        return rollup.ALL
    (first, *more) = criteria.every or (None,)
    if more or first is None or criteria.words or first.op != "=" or first.negated or len(first.values) != 1:
        return None
    known = first.field in rollup.FIELDS and first.values[0]
    return rollup.key_of(first.field, str(first.values[0])) if known else None


def _has_values(key: str | None, by: str) -> bool:
    """Whether there are rollups of the values of this field that calls of the key have."""
    if not by:
        return True
    # A call can have several languages.
    return by in rollup.FIELDS if key == rollup.ALL else by != "lang" and by == rollup.value_of(key or "")[0]


def can_group(field: str) -> bool:
    """True when calls can be grouped by the field: some texts, and labels."""
    return kind_of_field(field) == "label" or (field in FIELDS and FIELDS[field].groups)


def first_call(queries: Queries) -> int | None:
    """The start of the first of all calls."""
    with queries.reading() as db:
        found: int | None = db.execute(select(func.min(_c.started_at))).scalar_one()
    return found


def label_names(queries: Queries) -> tuple[str, ...]:
    """The names of all labels that any call has, in order."""
    found: list[str] = []
    with queries.reading() as db:
        # One step of the index for each name, however many calls have it.
        while name := db.execute(
            select(func.min(labels.c.name)).where(labels.c.name > (found[-1] if found else ""))
        ).scalar():
            found.append(name)
    return tuple(found)


def _counted(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The sum of a count over calls; what a damaged row has in its place and no count can be is left out, as SQLite
    refuses all of a sum that is too large."""
    return func.sum(case((column.between(0, 2**31 - 1), column), else_=0))


_SUMS = (
    func.count(),
    _counted(_c.turns),
    _counted(_c.responses),
    _counted(_c.interrupted_responses),
    _counted(_c.false_interruptions),
    _counted(_c.unanswered),
    _counted(_c.stale_chunks),
    func.sum(case((_c.stale_chunks > 0, 1), else_=0)),
    func.sum(case((_c.unanswered > 0, 1), else_=0)),
    _counted(_c.asked_again),
    func.sum(case((_c.studio_transition == "failed", 1), else_=0)),
    func.sum(case((_c.ended_at.is_not(None), 1), else_=0)),
)


def _sums(row: Any) -> Sums:
    return Sums(*(int(one) for one in row))


def _value(field: str) -> tuple[ColumnElement[Any], FromClause]:
    if not can_group(field):
        raise ValueError(f"{field} is nothing that calls can be told apart by")
    if kind_of_field(field) != "label":
        # An empty text is as little of a value as none at all.
        return func.nullif(FIELDS[field].columns[0], "").label("value"), sessions
    # An expression, so that SQLite looks labels up by session: a name alone finds those of every call.
    mine = and_(labels.c.session == _c.id, labels.c.name.concat("") == field)
    return labels.c.value.label("value"), sessions.outerjoin(labels, mine)


@cache
def _rounded(ms: ColumnElement[Any]) -> ColumnElement[Any]:
    """The middle of its bucket: buckets are as wide as the 64th part of their lower edge, in whole milliseconds."""
    ranges = [
        (ms < (128 << width), ms // literal(1 << width) * (1 << width) + ((1 << width) >> 1)) for width in range(14)
    ]
    return case(*ranges, else_=ms)
