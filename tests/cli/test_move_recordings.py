"""Moving recordings from the command line: out, back, to another place, and on after what went wrong."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from relayproxy.cli.main import main
from relayproxy.store.engine import open_engine
from relayproxy.store.read.health.heartbeat import Heartbeat, HeartbeatWriter, RecordingsHeartbeat
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.moving.places import give_up_place, place_states
from tests.databases import migrated
from tests.store.build import said
from tests.store.moving import age, over

pytestmark = pytest.mark.in_database

Move = Callable[..., Result]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/relayproxy.db"
    migrated(url)
    engine = open_engine(url)
    for id in ("a", "b", "c"):
        over(Archive(engine), id, 3)
    age(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def move(tmp_path: Path) -> Move:
    def run(to: Path | None) -> Result:
        there = [] if to is None else ["--recordings", str(to)]
        return CliRunner().invoke(main, ["move-recordings", "--data-dir", str(tmp_path), *there])

    return run


def objects(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.gz"))


def all_there(engine: Engine) -> bool:
    return all(list(Archive(engine).messages(id)) == said(0, 3) for id in ("a", "b", "c"))


def test_recordings_go_where_the_settings_say_wherever_they_are(engine: Engine, move: Move, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for to, told, there in (
        (one, f"3 parts of recordings moved to {one.as_uri()}, 0 objects deleted", (3, 0)),
        (one, f"0 parts of recordings moved to {one.as_uri()}, 0 objects deleted", (3, 0)),
        (other, f"3 parts of recordings moved to {other.as_uri()}, 3 objects deleted", (0, 3)),
        (None, "3 parts of recordings moved to the database, 3 objects deleted", (0, 0)),
        (None, "0 parts of recordings moved to the database, 0 objects deleted", (0, 0)),
    ):
        result = move(to)
        assert result.exit_code == 0, result.output
        assert told in result.output
        assert (len(objects(one)), len(objects(other))) == there
        assert all_there(engine)


def test_a_place_that_is_away_is_told_of_and_the_next_time_it_goes_on(
    engine: Engine, move: Move, tmp_path: Path
) -> None:
    assert move(tmp_path / "one").exit_code == 0
    (tmp_path / "one").rename(tmp_path / "away")
    away = move(None)
    assert away.exit_code == 2
    assert "cannot be fetched" in away.output
    (tmp_path / "away").rename(tmp_path / "one")
    assert "3 parts of recordings moved to the database" in move(None).output
    assert all_there(engine)


def test_what_is_gone_is_named_and_holds_up_nothing_else(engine: Engine, move: Move, tmp_path: Path) -> None:
    move(tmp_path / "one")
    gone = next((tmp_path / "one").rglob("*.gz"))
    gone.unlink()
    result = move(None)
    assert result.exit_code == 1
    assert "2 parts of recordings moved to the database" in result.output
    assert f"{gone.name}, and is not there any more" in result.output
    assert "1 object is gone or damaged, and left as they are" in result.output


def test_a_place_that_was_given_up_holds_up_no_other(engine: Engine, move: Move, tmp_path: Path) -> None:
    move(tmp_path / "lost")
    (state,) = place_states(engine)
    give_up_place(engine, state.known)
    over(Archive(engine), "d", 3)
    age(engine)
    assert move(tmp_path / "one").exit_code == 1
    assert len(objects(tmp_path / "one")) == 1

    result = move(None)

    assert "1 part of a recording moved to the database, 1 object deleted" in result.output
    assert result.output.count(f"lies in {state.known.id}/") == 3
    assert "3 objects are gone or damaged" in result.output
    assert list(Archive(engine).messages("d")) == said(0, 3)


@pytest.mark.parametrize("ended", [False, True])
def test_a_recorder_with_other_settings_would_move_them_back(
    engine: Engine, move: Move, tmp_path: Path, ended: bool
) -> None:
    told = RecordingsHeartbeat((tmp_path / "one").as_uri())
    beat = Heartbeat("1", "there", 1, time.time_ns(), "/data", ended=ended, recordings=told)
    writer = HeartbeatWriter(open_engine(str(engine.url)))
    writer.write("recorder:there:1-1", beat)
    writer.close()

    assert move(tmp_path / "one").exit_code == 0
    back = move(None)
    assert back.exit_code == (0 if ended else 2)
    assert ended or "the recorder on there works with recordings=file://" in back.output


def test_calls_that_live_stay(engine: Engine, move: Move, tmp_path: Path) -> None:
    with engine.begin() as db:
        db.execute(text("UPDATE sessions SET ended_at = NULL WHERE id = 'a'"))
    assert "2 parts of recordings moved" in move(tmp_path / "one").output
