"""Numbers that are read from rollups are those that are read call by call."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, delete, update

from relayproxy.store.engine import open_engine, open_reader, writing
from relayproxy.store.read.filters.criteria import Criteria, Criterion
from relayproxy.store.read.insight import rollups
from relayproxy.store.read.insight.numbers import BESIDE, Numbers
from relayproxy.store.read.insight.rollups import is_aligned
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import rollup, tables
from relayproxy.store.schema.rollup import BUCKET, Rollup, write_rollup
from relayproxy.store.write import rollups as written
from relayproxy.store.write.archive import Archive
from tests.store.rolling import (
    BEGAN,
    UNTIL,
    Made,
    Told,
    call,
    numbers_of,
    put_back,
    record,
    roll_up,
    rolled_up_starts,
    rollup_rows,
    same_either_way,
)

OF_A_ROUTE = Criteria((Criterion("route", "=", ("bookings",)),))
LANGUAGES = (("en-US",), ("de-DE",), ("de-DE", "en-US"), ())
NO_TEXT = write_rollup(Rollup(1, 0, None, None, [("x", None, b"")], [], [], [])).replace(b"\xa1x", b"\xa1\xff")
VALUES = (
    ("route", "bookings"),
    ("outcome", "ended_by_backend"),
    ("transition", "failed"),
    ("version", "v1"),
    ("lang", "de-DE"),
)


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
        languages={f"s{number:02}": LANGUAGES[number % 4] for number in range(64)},
    )


@pytest.fixture(scope="module")
def rolled(lasting: str) -> Iterator[Engine]:
    """Those calls and their rollups."""
    engine = open_engine(lasting)
    many(Archive(engine))
    roll_up(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def made(rolled: Engine) -> Made:
    return rollup_rows(rolled)


@pytest.fixture
def fresh(rolled: Engine, made: Made) -> Engine:
    """The same, whatever rollups a test before has changed."""
    put_back(rolled, made)
    return rolled


@pytest.fixture(scope="module")
def stored(lasting: str, rolled: Engine) -> Iterator[Queries]:
    reader = open_reader(lasting)
    yield Queries(reader)
    reader.dispose()


@pytest.fixture(scope="module")
def one_by_one(stored: Queries) -> dict[Criteria, Told]:
    """Their numbers without rollups."""
    return {criteria: numbers_of(stored, criteria, "route", None) for criteria in (Criteria(), OF_A_ROUTE)}


def test_numbers_are_the_same_from_rollups(fresh: Engine, stored: Queries) -> None:
    assert len(rolled_up_starts(fresh)) > 40
    for by in rollup.FIELDS:
        assert same_either_way(stored, by=by)
    for field, value in VALUES:
        assert same_either_way(stored, Criteria((Criterion(field, "=", (value,)),)), "" if field == "lang" else field)


def test_a_field_of_too_many_values_in_a_half_hour_is_read_call_by_call_there(
    archive: Archive, engine: Engine, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "MAX_VALUES", 2)
    many(archive)
    record(archive, call("other", 4.95, backend_version="v9"), call("another", 4.96, backend_version="v10"))
    roll_up(engine)

    assert same_either_way(queries, by="version")
    assert same_either_way(queries, Criteria((Criterion("version", "=", ("v1",)),)), "version")


def test_what_an_earlier_version_added_up_by_route_alone_is_added_up_again(fresh: Engine, stored: Queries) -> None:
    with writing(fresh).begin() as db:
        db.execute(delete(tables.rollups).where(tables.rollups.c.route.contains(":")))
    assert not Numbers(stored, Criteria(since=BEGAN, until=UNTIL), roll_up=0).reach().rolled_up

    roll_up(fresh)
    assert same_either_way(stored)


def test_what_has_not_been_rolled_up_is_read_call_by_call(
    fresh: Engine, stored: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(fresh).begin() as db:
        for half_hour in (3, 4, 20):
            db.execute(delete(tables.rollups).where(tables.rollups.c.start == BEGAN + half_hour * BUCKET))
    assert same_either_way(stored)

    monkeypatch.setattr(rollups, "MAX_PIECES", 1)
    numbers = Numbers(stored, Criteria(since=BEGAN, until=BEGAN + 47 * BUCKET), roll_up=0)
    assert not numbers.reach().rolled_up


@pytest.mark.parametrize("route", ["", "bookings", ":"])
@pytest.mark.parametrize("damage", [{"detail": b"\xff\x00"}, {"versions": "[[1"}, {"detail": b""}, {"detail": NO_TEXT}])
@pytest.mark.parametrize("criteria", [Criteria(), OF_A_ROUTE], ids=["all", "route"])
def test_what_cannot_be_read_is_read_call_by_call(
    fresh: Engine,
    stored: Queries,
    one_by_one: dict[Criteria, Told],
    route: str,
    damage: dict[str, object],
    criteria: Criteria,
) -> None:
    r = tables.rollups.c
    with writing(fresh).begin() as db:
        damaged = db.execute(
            update(tables.rollups).where(r.route == route, r.start.in_((BEGAN + 7 * BUCKET, BEGAN + 20 * BUCKET))),
            damage,
        )
    assert damaged.rowcount == 2
    assert same_either_way(stored, criteria, one_by_one=one_by_one[criteria])


@pytest.mark.parametrize(
    ("criteria", "hours"),
    [
        (Criteria((Criterion("direction", "=", ("inbound",)),)), 23),
        (Criteria((Criterion("transition", "=", ("failed",)), Criterion("route", "=", ("bookings",)))), 23),
        (Criteria((Criterion("route", "=", ("bookings",), negated=True),)), 23),
        (Criteria((Criterion("route", "=", ("bookings", "default")),)), 23),
        (Criteria(words=("table",)), 23),
        (Criteria(), 15),
    ],
)
def test_other_filters_and_short_ranges_are_read_call_by_call(
    fresh: Engine, stored: Queries, criteria: Criteria, hours: int
) -> None:
    within = Criteria(criteria.every, criteria.words, BEGAN, BEGAN + 2 * hours * BUCKET)

    assert not Numbers(stored, within, roll_up=0).reach().rolled_up


def test_few_calls_are_read_one_by_one(fresh: Engine, stored: Queries) -> None:
    within = Criteria(since=BEGAN, until=BEGAN + 46 * BUCKET)

    assert Numbers(stored, within, roll_up=63).reach().rolled_up
    assert not Numbers(stored, within, roll_up=64).reach().rolled_up
    assert not Numbers(stored, within).reach().rolled_up


def test_rollups_are_of_no_use_where_too_many_calls_have_none(fresh: Engine, stored: Queries) -> None:
    within = Criteria(since=BEGAN, until=UNTIL)
    with writing(fresh).begin() as db:
        # Of 35 of the 64 calls.
        db.execute(delete(tables.rollups).where(tables.rollups.c.start >= BEGAN + 20 * BUCKET))
        db.execute(delete(tables.rollup_days))

    every = Numbers(stored, within, -(-35 // BESIDE), roll_up=0).reach()
    newest = Numbers(stored, within, 34 // BESIDE, roll_up=0).reach()

    assert (every.rolled_up, every.matching, every.counted) == (True, 64, 64)
    assert (newest.rolled_up, newest.matching, newest.counted) == (False, 4, 3)


def test_by_a_field_that_rollups_do_not_have_the_newest_calls_are_told_apart(fresh: Engine, stored: Queries) -> None:
    within = Criteria(since=BEGAN, until=UNTIL)
    of_all = Numbers(stored, within, roll_up=0).reach()

    some = Numbers(stored, within, roll_up=0, by="direction", most_apart=5)
    reach = some.reach()
    assert reach == replace(of_all, told_apart=5)
    ((value, sums),) = some.values("direction", 9)
    assert (value, sums.calls) == ("inbound", 5)
    since_then = Criteria(since=BEGAN + round(58.5 * 0.7 * BUCKET), until=UNTIL)
    newest = Numbers(stored, since_then)
    reach_of_newest = newest.reach()
    assert some.values("direction", 9) == newest.values("direction", 9)
    assert some.latencies_by(reach, "direction", ("inbound",)) == newest.latencies_by(
        reach_of_newest, "direction", ("inbound",)
    )

    every = Numbers(stored, within, roll_up=0, by="direction", most_apart=64)
    assert every.reach() == of_all
    one_by_one = Numbers(stored, within)
    one_by_one.reach()
    assert every.values("direction", 9) == one_by_one.values("direction", 9)


@pytest.mark.parametrize(("by", "apart"), [("", None), ("lang", None), ("route", None), ("param.plan", 5), ("tag", 5)])
def test_which_fields_tell_only_the_newest_apart(fresh: Engine, stored: Queries, by: str, apart: int | None) -> None:
    within = Criteria(since=BEGAN, until=UNTIL)
    of_a_route = replace(within, every=OF_A_ROUTE.every)

    assert Numbers(stored, within, roll_up=0, by=by, most_apart=5).reach().told_apart == apart
    reach = Numbers(stored, of_a_route, roll_up=0, by=by, most_apart=5).reach()
    assert reach.rolled_up
    assert reach.told_apart == (5 if by == "lang" else apart)


def test_half_hours_are_whole_steps_of_most_zones() -> None:
    assert is_aligned(0, BUCKET, -3 * BUCKET, 11 * BUCKET)
    assert not is_aligned(BUCKET, 11 * BUCKET + BUCKET // 2)
