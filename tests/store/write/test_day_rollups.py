"""Days are added up of the rollups of their half hours, and hold for as long as these do."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from relayproxy.store.engine import open_engine, open_reader, writing
from relayproxy.store.read.filters.criteria import Criteria, Criterion
from relayproxy.store.read.insight.rollups import rolled_up
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import day_rollup, rollup
from relayproxy.store.schema.day_rollup import DAY, day_of
from relayproxy.store.schema.rollup import ALL, BUCKET, LISTING
from relayproxy.store.schema.rows import SessionRow
from relayproxy.store.schema.tables import rollup_days, rollups
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.day_rollups import keep_day, mark_half_hours, missing_days, read_day
from relayproxy.store.write.deletion.deletion import Deletion
from relayproxy.store.write.rollups import damaged_rollups, forget_rollups
from tests.store.rolling import (
    BEGAN,
    Made,
    add_up_days,
    call,
    put_back,
    record,
    roll_up,
    rollup_rows,
    same_either_way,
)

LAST = day_of(BEGAN) - DAY
FIRST = LAST - DAY
"""Two days that are over, with all of their half hours."""
SINCE = FIRST - BUCKET // 4
LANGUAGES = (("en-US",), ("de-DE",), ("de-DE", "en-US"), ())


def _call(number: int) -> SessionRow:
    return call(
        f"s{number:02}",
        (FIRST - BEGAN) / BUCKET + 0.1 + 2.3 * number,
        route="bookings" if number % 3 else "default",
        studio_transition="failed" if number % 7 == 0 else "success",
        outcome=None if number % 11 == 0 else "ended_by_backend",
        backend_version=f"v{number // 20}" if number % 5 else None,
        response_n=number % 4,
        turns=number % 4 + 1,
        unanswered=int(number % 9 == 0),
        errors=int(number % 8 == 0),
        longest_wait_ms=None if number % 10 == 0 else 100 * number,
        response_max_ms=90 * number,
    )


@pytest.fixture(scope="module")
def added_up(lasting: str) -> Iterator[Engine]:
    """Calls of two days and of those around them, with their rollups."""
    engine = open_engine(lasting)
    record(Archive(engine), *map(_call, range(60)), languages={f"s{at:02}": LANGUAGES[at % 4] for at in range(60)})
    roll_up(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def made(added_up: Engine) -> Made:
    return rollup_rows(added_up)


@pytest.fixture
def fresh(added_up: Engine, made: Made) -> Engine:
    """The same, whatever rollups a test before has changed."""
    put_back(added_up, made)
    return added_up


@pytest.fixture(scope="module")
def stored(lasting: str, added_up: Engine) -> Iterator[Queries]:
    reader = open_reader(lasting)
    yield Queries(reader)
    reader.dispose()


def days_read(engine: Engine) -> list[int]:
    """Those of both days whose rollups pages read."""
    with engine.connect() as db:
        found = rolled_up(db, ALL, SINCE, LAST + DAY + BUCKET)
    assert found is not None
    return sorted(found.days)


def test_numbers_are_the_same_from_days(fresh: Engine, stored: Queries) -> None:
    assert days_read(fresh) == [FIRST, LAST]
    for by in rollup.FIELDS:
        assert same_either_way(stored, by=by, since=SINCE)
    for field, value in (("route", "bookings"), ("transition", "failed"), ("version", "v1"), ("lang", "de-DE")):
        criteria = Criteria((Criterion(field, "=", (value,)),))
        assert same_either_way(stored, criteria, "" if field == "lang" else field, since=SINCE)


def test_a_day_goes_with_any_of_its_half_hours_and_is_added_up_again(fresh: Engine, stored: Queries) -> None:
    with writing(fresh).begin() as db:
        forget_rollups(db, LAST + 7 * BUCKET)

    assert days_read(fresh) == [FIRST]
    assert same_either_way(stored, since=SINCE)
    with fresh.connect() as db:
        assert LAST not in missing_days(db)
        assert db.execute(select(rollup_days.c.start).where(rollup_days.c.start == LAST)).first() is None
    roll_up(fresh)
    assert days_read(fresh) == [FIRST, LAST]


def test_what_a_recorder_of_an_earlier_version_makes_anew_is_not_read_of_the_day(
    fresh: Engine, stored: Queries
) -> None:
    r = rollups.c
    half_hour = r.start == FIRST + 9 * BUCKET
    with writing(fresh).begin() as db:
        rows = [dict(row) for row in db.execute(select(rollups).where(half_hour)).mappings()]
        db.execute(delete(rollups).where(half_hour))
        db.execute(insert(rollups), [{name: row[name] for name in row if name != "day_read"} for row in rows])

    assert days_read(fresh) == [LAST]
    assert same_either_way(stored, since=SINCE)
    with fresh.connect() as db:
        assert FIRST in missing_days(db)
    add_up_days(fresh)
    assert days_read(fresh) == [FIRST, LAST]


def test_a_day_is_not_written_when_a_half_hour_was_made_anew_since_it_was_read(fresh: Engine) -> None:
    with writing(fresh).begin() as db:
        mark = mark_half_hours(db, LAST)
    assert mark is not None
    with fresh.connect() as db:
        read = read_day(db, LAST, mark)
    assert read is not None
    with writing(fresh).begin() as db:
        forget_rollups(db, LAST)
    roll_up(fresh)
    with writing(fresh).begin() as db:
        assert not keep_day(db, read)
        forget_rollups(db, LAST)
        assert mark_half_hours(db, LAST) is None


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_no_day_is_written_while_somebody_writes_calls_of_long_ago(archive: Archive, engine: Engine) -> None:
    record(archive, call("a", (LAST - BEGAN) / BUCKET))
    roll_up(engine)
    with writing(engine).begin() as db:
        mark = mark_half_hours(db, LAST)
    assert mark is not None
    with engine.connect() as db:
        read = read_day(db, LAST, mark)
    assert read is not None
    with writing(engine).begin() as theirs:
        Deletion("a", whole=True).work(theirs, lambda: False)
        with writing(engine).begin() as db:
            assert not keep_day(db, read)
            assert mark_half_hours(db, LAST) is None


@pytest.mark.parametrize("damage", [{"detail": b"\xff"}, {"versions": "[[1"}, {"steps": b""}], ids=str)
@pytest.mark.parametrize("key", [ALL, "bookings", LISTING])
def test_a_day_that_cannot_be_read_is_read_by_half_hours_until_it_is_added_up_again(
    fresh: Engine, stored: Queries, damage: dict[str, object], key: str
) -> None:
    with writing(fresh).begin() as db:
        where = (rollup_days.c.route == key, rollup_days.c.start == LAST)
        assert db.execute(update(rollup_days).where(*where), damage).rowcount == 1

    assert same_either_way(stored, by="route", since=SINCE)
    with writing(fresh).begin() as db:
        damaged = damaged_rollups(db, LAST)
        assert damaged == {LAST}
        forget_rollups(db, *damaged)
    roll_up(fresh)
    with fresh.connect() as db:
        assert damaged_rollups(db, LAST) == set()
    assert days_read(fresh) == [FIRST, LAST]


def test_a_half_hour_that_cannot_be_read_makes_no_day(fresh: Engine) -> None:
    with writing(fresh).begin() as db:
        mark = mark_half_hours(db, LAST)
        assert mark is not None
        db.execute(update(rollups).where(rollups.c.start == LAST + 3 * BUCKET), {"detail": b"\xff"})
        assert read_day(db, LAST, mark) is None


def test_a_field_of_too_many_values_in_a_day_is_read_by_half_hours(
    fresh: Engine, stored: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_rollup, "MAX_VALUES", 1)
    with writing(fresh).begin() as db:
        db.execute(delete(rollup_days))
    add_up_days(fresh)

    assert days_read(fresh) == [FIRST, LAST]
    assert same_either_way(stored, by="transition", since=SINCE)
    assert same_either_way(stored, Criteria((Criterion("transition", "=", ("failed",)),)), "transition", since=SINCE)
