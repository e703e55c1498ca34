"""Half hours and days that are over are added up by themselves."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update

from relayproxy.recorder.background import rolling_up
from relayproxy.recorder.background.rolling_up import RollupThread
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.day_rollup import DAY, day_of
from relayproxy.store.schema.rollup import BUCKET
from relayproxy.store.schema.tables import rollup_days, rollups, sessions
from tests.faults.harness import until
from tests.recorder.stage import Stage
from tests.store.rolling import BEGAN, call, record, roll_up, rolled_up_starts, same_either_way


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close()


def test_calls_are_rolled_up_beside_recording_and_again_when_they_change(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling_up, "LOOK", 0.05)
    record(stage.archive, *(call(f"s{number}", number) for number in range(40)))
    thread = RollupThread(stage.url)
    try:
        until(lambda: len(rolled_up_starts(stage.engine)) >= 46)
        record(stage.archive, call("late", 7.5))
        until(lambda: 7 in rolled_up_starts(stage.engine))
    finally:
        thread.close()
    assert same_either_way(Queries(stage.engine))


def test_a_half_hour_that_cannot_be_added_up_keeps_no_other_back(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    record(stage.archive, *(call(f"s{number}", number) for number in range(40)))
    with stage.engine.begin() as db:
        db.execute(update(sessions).where(sessions.c.id == "s30").values(turns=-1))
    thread = RollupThread(stage.url)
    try:
        until(lambda: len(rolled_up_starts(stage.engine)) >= 45)
        until(lambda: "are not added up (error)" in caplog.text)
    finally:
        thread.close()
    assert 30 not in rolled_up_starts(stage.engine)
    assert same_either_way(Queries(stage.engine))


def test_days_are_added_up_of_their_half_hours(stage: Stage) -> None:
    day = day_of(BEGAN) - DAY
    record(stage.archive, call("a", (day - BEGAN) / BUCKET))
    roll_up(stage.engine)
    there = select(rollup_days.c.route).where(rollup_days.c.start == day)
    with stage.engine.begin() as db:
        before = set(db.execute(there).scalars())
        db.execute(delete(rollup_days))
    thread = RollupThread(stage.url)
    try:

        def added_up() -> bool:
            with stage.engine.connect() as db:
                return bool(set(db.execute(there).scalars()) == before)

        until(added_up)
    finally:
        thread.close()


def test_what_is_damaged_is_rolled_up_again(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    record(stage.archive, *(call(f"s{number}", number) for number in range(40)))
    roll_up(stage.engine)
    r = rollups.c
    damaged = r.route == "", r.start == BEGAN + 7 * BUCKET
    sound = select(r.detail).where(*damaged)
    with stage.engine.begin() as db:
        before = db.execute(sound).scalar_one()
        db.execute(update(rollups).where(*damaged), {"detail": before[:-1]})
    thread = RollupThread(stage.url)
    try:

        def made_anew() -> bool:
            with stage.engine.connect() as db:
                return bool(db.execute(sound).scalar() == before)

        until(made_anew)
    finally:
        thread.close()
    assert [record.message for record in caplog.records] == [
        "numbers of many calls were damaged, and are added up again (half hours: 1)"
    ]


def test_a_failure_is_told_once_and_that_it_is_over(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rolling_up, "LOOK", 0.05)
    record(stage.archive, call("a", 5))
    with stage.engine.begin() as db:
        db.execute(text("ALTER TABLE rollups RENAME TO away"))
    thread = RollupThread(stage.url)
    try:
        until(lambda: "are not added up" in caplog.text)
        with stage.engine.begin() as db:
            db.execute(text("ALTER TABLE away RENAME TO rollups"))
        until(lambda: rolled_up_starts(stage.engine))
        until(lambda: "calls are added up again" in caplog.text)
    finally:
        thread.close()
    assert [record.levelno for record in caplog.records if "added up" in record.message] == [
        logging.ERROR,
        logging.WARNING,
    ]
