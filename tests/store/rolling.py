"""Calls of yesterday for tests of rollups, and rolling them up."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, Table, delete, insert, select

from relayproxy.store.engine import reading, writing
from relayproxy.store.read.filters.criteria import Criteria
from relayproxy.store.read.insight.figures import Calls, LatencyCounts
from relayproxy.store.read.insight.numbers import Numbers
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rollup import BUCKET, start_of
from relayproxy.store.schema.rows import Batch, SessionLabels, SessionRow
from relayproxy.store.schema.tables import rollup_days, rollups
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.day_rollups import keep_day, mark_half_hours, missing_days, read_day
from relayproxy.store.write.rollups import keep_rollups, missing_rollups, read_half_hour
from tests.store import build

BEGAN = start_of(time.time_ns()) - 48 * BUCKET
UNTIL = BEGAN + 48 * BUCKET
MINUTE = 60 * 10**9
Told = tuple[Any, ...]
Made = list[tuple[Table, list[dict[str, Any]]]]
"""Rollups of half hours and of days, as rows."""


def call(id: str, half_hours: float, **known: Any) -> SessionRow:
    """A call that began so many half hours after `BEGAN`, and was over a minute later."""
    at = BEGAN + round(half_hours * BUCKET)
    row = build.session(id, started_at=at, ended_at=at + MINUTE, outcome="caller_hangup", studio_transition="success")
    return replace(row, **known)


def record(archive: Archive, *calls: SessionRow, languages: Mapping[str, tuple[str, ...]] = {}) -> None:
    """Commits calls, each with a turn for each of its responses, half an hour after the other and 10 ms slower."""
    turns = tuple(
        build.turn(
            one.id,
            number,
            started_at=one.started_at + number * BUCKET,
            response_latency_ms=10 * (1 + number) if number else None,
            null_reason=None if number else "no_response",
            longest_wait_ms=one.longest_wait_ms,
        )
        for one in calls
        for number in range(one.response_n + 1)
    )
    labels = tuple(
        SessionLabels(one.id, one.started_at, tuple(("lang", lang) for lang in languages[one.id]))
        for one in calls
        if one.id in languages
    )
    archive.commit(Batch(sessions=calls, turns=turns, labels=labels))


def roll_up(engine: Engine) -> None:
    """Everything that can be rolled up by now, half hours and days."""
    with engine.connect() as db:
        missing = missing_rollups(db, time.time_ns())
    for start in missing:
        with reading(engine).connect() as db:
            made = read_half_hour(db, start)
        if made is not None:
            with writing(engine).begin() as db:
                assert keep_rollups(db, made)
    add_up_days(engine)


def add_up_days(engine: Engine) -> None:
    """All days whose half hours are rolled up."""
    with engine.connect() as db:
        days = missing_days(db)
    for start in days:
        with writing(engine).begin() as db:
            mark = mark_half_hours(db, start)
        assert mark is not None
        with reading(engine).connect() as db:
            day = read_day(db, start, mark)
        assert day is not None
        with writing(engine).begin() as db:
            assert keep_day(db, day)


def rollup_rows(engine: Engine) -> Made:
    """All rollups, for `put_back`."""
    with engine.connect() as db:
        return [
            (table, [dict(row) for row in db.execute(select(table)).mappings()]) for table in (rollups, rollup_days)
        ]


def put_back(engine: Engine, made: Made) -> None:
    """Has the database hold these rollups and no others, as when they were made of the same calls."""
    with writing(engine).begin() as db:
        for table, rows in made:
            db.execute(delete(table))
            if rows:
                db.execute(insert(table), rows)


def rolled_up_starts(engine: Engine) -> list[int]:
    """The half hours after `BEGAN` that have rollups."""
    r = rollups.c
    with engine.connect() as db:
        found = db.execute(select(r.start).where(r.route == "").order_by(r.start)).scalars().all()
    return [(start - BEGAN) // BUCKET for start in found]


def numbers_of(
    queries: Queries, criteria: Criteria, by: str, roll_up: int | None, since: int = BEGAN - 7 * MINUTE
) -> Told:
    """All that is read of calls since `BEGAN`, or another time, in order."""
    within, origin = replace(criteria, since=since, until=UNTIL), start_of(since) + BUCKET
    numbers = Numbers(queries, within, roll_up=roll_up, by=by)
    reach = numbers.reach()
    calls: dict[tuple[Any, ...], Calls] = {}
    for one in numbers.calls(origin, 2 * BUCKET):
        key = (one.step, one.outcome, one.transition)
        calls[key] = replace(one, sums=calls[key].sums + one.sums) if key in calls else one
    values = numbers.values(by, 9) if by else ()
    return (
        replace(reach, rolled_up=False),
        sorted(calls.values(), key=str),
        _told(numbers.latencies(reach, origin, 2 * BUCKET)),
        numbers.versions(reach),
        sorted(values, key=str),
        _told(numbers.latencies_by(reach, by, tuple(value for value, _ in values))) if by else [],
        numbers.slowest(10),
        numbers.worst(10),
    )


def _told(found: Mapping[Any, LatencyCounts]) -> list[tuple[Any, ...]]:
    each = ((place, sorted(counts.items()), sorted(excluded.items())) for place, (counts, excluded) in found.items())
    return sorted((one for one in each if one[1] or one[2]), key=str)


def same_either_way(
    queries: Queries,
    criteria: Criteria = Criteria(),  # noqa: B008
    by: str = "route",
    one_by_one: Told | None = None,
    since: int = BEGAN - 7 * MINUTE,
) -> bool:
    """Whether the numbers are the same, read from rollups and read one by one, unless it is told what these are;
    rollups must be of use."""
    within = replace(criteria, since=since, until=UNTIL)
    assert Numbers(queries, within, roll_up=0, by=by).reach().rolled_up
    return numbers_of(queries, criteria, by, 0, since) == (one_by_one or numbers_of(queries, criteria, by, None, since))
