"""Numbers that are read from rollups are those that are read call by call."""

import pytest
from sqlalchemy import Engine, delete, update

from relayproxy.store.engine import writing
from relayproxy.store.read import rollups
from relayproxy.store.read.filters.criteria import Criteria, Criterion
from relayproxy.store.read.insight import Numbers
from relayproxy.store.read.queries import Queries
from relayproxy.store.read.rollups import is_aligned
from relayproxy.store.schema import tables
from relayproxy.store.schema.rollup import BUCKET
from relayproxy.store.write.archive import Archive
from tests.store.rolling import BEGAN, call, record, roll_up, rolled_up_starts, same_either_way

OF_A_ROUTE = Criteria((Criterion("route", "=", ("bookings",)),))


def many(archive: Archive) -> None:
    """Calls of all kinds, over a day."""
    record(
        archive,
        *(
            call(
                f"s{number:02}",
                number * 0.7,
                route="bookings" if number % 3 else "default",
                studio_transition="failed" if number % 7 == 0 else "success",
                outcome=None if number % 11 == 0 else "ended_by_backend",
                backend_version=f"v{number // 20}" if number % 5 else None,
                response_n=number % 4,
                turns=number % 4 + 1,
                responses=number % 4,
                interrupted_responses=number % 2,
                false_interruptions=number % 3,
                unanswered=int(number % 9 == 0),
                asked_again=int(number % 18 == 0),
                stale_chunks=number % 6,
                errors=int(number % 8 == 0),
                warnings=number % 3,
                longest_wait_ms=None if number % 10 == 0 else 100 * number,
                response_max_ms=90 * number,
            )
            for number in range(64)
        ),
    )


@pytest.mark.parametrize("criteria", [Criteria(), OF_A_ROUTE], ids=["all", "route"])
def test_numbers_are_the_same_from_rollups(
    archive: Archive, engine: Engine, queries: Queries, criteria: Criteria
) -> None:
    many(archive)
    roll_up(engine)

    assert len(rolled_up_starts(engine)) > 40
    assert same_either_way(queries, criteria)


def test_what_has_not_been_rolled_up_is_read_call_by_call(
    archive: Archive, engine: Engine, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(archive)
    roll_up(engine)
    with writing(engine).begin() as db:
        for half_hour in (3, 4, 20):
            db.execute(delete(tables.rollups).where(tables.rollups.c.start == BEGAN + half_hour * BUCKET))
    assert same_either_way(queries)

    monkeypatch.setattr(rollups, "MAX_PIECES", 1)
    numbers = Numbers(queries, Criteria(since=BEGAN, until=BEGAN + 47 * BUCKET), roll_up=0)
    assert not numbers.reach().rolled_up


@pytest.mark.parametrize("route", ["", "bookings"])
@pytest.mark.parametrize("damage", [{"detail": b"\xff\x00"}, {"versions": "[[1"}, {"detail": b""}])
@pytest.mark.parametrize("criteria", [Criteria(), OF_A_ROUTE], ids=["all", "route"])
def test_what_cannot_be_read_is_read_call_by_call(
    archive: Archive, engine: Engine, queries: Queries, route: str, damage: dict[str, object], criteria: Criteria
) -> None:
    many(archive)
    roll_up(engine)
    r = tables.rollups.c
    with writing(engine).begin() as db:
        damaged = db.execute(
            update(tables.rollups).where(r.route == route, r.start.in_((BEGAN + 7 * BUCKET, BEGAN + 20 * BUCKET))),
            damage,
        )
    assert damaged.rowcount == 2
    assert same_either_way(queries, criteria)


@pytest.mark.parametrize(
    ("criteria", "hours"),
    [
        (Criteria((Criterion("transition", "=", ("failed",)),)), 23),
        (Criteria((Criterion("route", "=", ("bookings",), negated=True),)), 23),
        (Criteria((Criterion("route", "=", ("bookings", "default")),)), 23),
        (Criteria(words=("table",)), 23),
        (Criteria(), 15),
    ],
)
def test_other_filters_and_short_ranges_are_read_call_by_call(
    archive: Archive, engine: Engine, queries: Queries, criteria: Criteria, hours: int
) -> None:
    many(archive)
    roll_up(engine)
    within = Criteria(criteria.every, criteria.words, BEGAN, BEGAN + 2 * hours * BUCKET)

    assert not Numbers(queries, within, roll_up=0).reach().rolled_up


def test_few_calls_are_read_one_by_one(archive: Archive, engine: Engine, queries: Queries) -> None:
    many(archive)
    roll_up(engine)
    within = Criteria(since=BEGAN, until=BEGAN + 46 * BUCKET)

    assert Numbers(queries, within, roll_up=63).reach().rolled_up
    assert not Numbers(queries, within, roll_up=64).reach().rolled_up
    assert not Numbers(queries, within).reach().rolled_up


def test_half_hours_are_whole_steps_of_most_zones() -> None:
    assert is_aligned(0, BUCKET, -3 * BUCKET, 11 * BUCKET)
    assert not is_aligned(BUCKET, 11 * BUCKET + BUCKET // 2)
