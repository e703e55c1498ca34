"""Rollups are made of half hours in which nothing happens any more, and go with whatever does happen."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from relayproxy.store.engine import writing
from relayproxy.store.read.filters.criteria import Criteria
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rollup import BUCKET, start_of
from relayproxy.store.schema.rows import Batch, ImportRow, SessionLabels, TreatmentRow
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deletion import Deletion
from relayproxy.store.write.rollups import MINUTE, SETTLED, keep_rollups, missing_rollups, read_half_hour
from tests.store import build
from tests.store.rolling import (
    BEGAN,
    Made,
    call,
    numbers_of,
    put_back,
    record,
    roll_up,
    rolled_up_starts,
    rollup_rows,
    same_either_way,
)

STARTS = [*range(47)]
"""Half hours of the last day that are over for long enough, however late in its own it is now."""


@pytest.fixture(scope="module")
def made() -> dict[str, Made]:
    """By kind of database, what `rolled` is rolled up to, once it has been."""
    return {}


@pytest.fixture
def rolled(archive: Archive, engine: Engine, made: dict[str, Made]) -> Engine:
    record(archive, *(call(f"s{number}", number + 0.5, response_n=2, turns=3) for number in range(46)))
    kind = engine.dialect.name
    if kind in made:
        put_back(engine, made[kind])
    else:
        roll_up(engine)
        made[kind] = rollup_rows(engine)
    assert rolled_up_starts(engine)[:47] == STARTS
    return engine


def rebuilt(archive: Archive, engine: Engine) -> None:
    there = archive.session("s5")
    assert there is not None
    assert archive.replace_session(replace(there, turns=9), (), SessionLabels("s5", there.started_at, ()))


def erased(archive: Archive, engine: Engine) -> None:
    with writing(engine).begin() as db:
        Deletion("s5", whole=True).work(db, lambda: False)


def imported(archive: Archive, engine: Engine) -> None:
    came = ImportRow("new", time.time_ns(), "somebody", "relayproxy")
    archive.add_session(Batch(sessions=(call("new", 5.2),), imports=(came,)))


CHANGES: dict[str, Callable[[Archive, Engine], object]] = {
    "gone on with": lambda archive, _: record(archive, call("s5", 5.5, ended_at=None)),
    "ended anew": lambda archive, _: record(archive, call("s5", 5.5, outcome="handed_off")),
    "recorded late": lambda archive, _: record(archive, call("late", 5.1)),
    "joined by an earlier connection": lambda archive, _: record(archive, call("s5", 5.1)),
    "merged into another": lambda archive, _: archive.commit(Batch(dropped_sessions=("s5",))),
    "a shadow": lambda archive, _: archive.commit(Batch(treatments=(TreatmentRow("s5", "shadow"),))),
    "rebuilt": rebuilt,
    "erased": erased,
    "imported": imported,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_changes_a_call_deletes_the_rollup_of_its_half_hour(
    archive: Archive, rolled: Engine, queries: Queries, change: Callable[[Archive, Engine], object]
) -> None:
    change(archive, rolled)

    assert rolled_up_starts(rolled)[:46] == [start for start in STARTS if start != 5]
    one_by_one = numbers_of(queries, Criteria(), "route", None)
    assert same_either_way(queries, one_by_one=one_by_one)
    roll_up(rolled)
    assert same_either_way(queries, one_by_one=one_by_one)


def test_a_call_that_moves_to_another_half_hour_changes_both(
    archive: Archive, rolled: Engine, queries: Queries
) -> None:
    record(archive, call("s5", 3.9))

    assert rolled_up_starts(rolled)[:45] == [start for start in STARTS if start not in (3, 5)]
    assert same_either_way(queries)


def test_numbers_stay_where_content_alone_is_deleted(archive: Archive, rolled: Engine, queries: Queries) -> None:
    with writing(rolled).begin() as db:
        Deletion("s5", whole=False).work(db, lambda: False)

    assert rolled_up_starts(rolled)[:47] == STARTS
    assert same_either_way(queries)


def test_a_deletion_that_goes_on_later_leaves_no_rollup_of_what_was_half_gone(
    archive: Archive, rolled: Engine, queries: Queries
) -> None:
    archive.commit(Batch(chunks=(build.chunk("s5", build.said(0, 2)),), connections=(build.connection("s5"),)))
    deletion = Deletion("s5", whole=True)
    with writing(rolled).begin() as db:
        deletion.work(db, lambda: True)
    assert not deletion.done
    roll_up(rolled)
    with writing(rolled).begin() as db:
        deletion.work(db, lambda: False)
    assert deletion.deleted

    assert 5 not in rolled_up_starts(rolled)
    assert same_either_way(queries)


def test_what_lives_or_has_just_been_is_not_rolled_up(archive: Archive, engine: Engine) -> None:
    now = BEGAN + 10 * BUCKET + SETTLED
    record(archive, call("a", 7.5), call("b", 8.5, ended_at=None))
    with engine.connect() as db:
        assert [(start - BEGAN) // BUCKET for start in missing_rollups(db, now)] == [9, 8, 7]
        assert [(start - BEGAN) // BUCKET for start in missing_rollups(db, now - 1)] == [8, 7]
        assert read_half_hour(db, BEGAN + 8 * BUCKET) is None
        assert read_half_hour(db, BEGAN + 9 * BUCKET) is not None


def test_calls_of_this_moment_take_no_look_at_rollups(archive: Archive, rolled: Engine) -> None:
    at = time.time_ns() - MINUTE
    archive.commit(Batch(sessions=(build.session("now", started_at=at, ended_at=at + 1),)))

    assert rolled_up_starts(rolled)[:47] == STARTS
    assert (start_of(at) - BEGAN) // BUCKET not in rolled_up_starts(rolled)


def test_a_rollup_is_not_written_when_a_call_has_changed_since_it_was_read(archive: Archive, engine: Engine) -> None:
    record(archive, call("a", 5.5))
    with engine.connect() as db:
        made = read_half_hour(db, BEGAN + 5 * BUCKET)
    assert made is not None
    record(archive, call("a", 5.5, turns=2))
    with writing(engine).begin() as db:
        assert not keep_rollups(db, made)

    assert rolled_up_starts(engine) == []


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_no_rollup_is_written_while_somebody_writes_calls_of_long_ago(archive: Archive, engine: Engine) -> None:
    record(archive, call("a", 5.5))
    with engine.connect() as db:
        made = read_half_hour(db, BEGAN + 5 * BUCKET)
    assert made is not None
    deletion = Deletion("a", whole=True)
    with writing(engine).begin() as theirs:
        deletion.work(theirs, lambda: False)
        with writing(engine).begin() as db:
            assert not keep_rollups(db, made)

    assert rolled_up_starts(engine) == []


@pytest.mark.parametrize("table", ["rollups", "rollup_days"])
def test_rollups_that_are_deleted_are_found_without_going_through_all(engine: Engine, table: str) -> None:
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as db:
        if engine.dialect.name == "postgresql":
            db.execute(text("SET enable_seqscan = off"))  # which it prefers while there is nothing
        plan = " ".join(str(row) for row in db.execute(text(f"{explain} DELETE FROM {table} WHERE start IN (1, 2)")))

    assert f"ix_{table}_start" in plan
