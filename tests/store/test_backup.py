"""Copies of a database that is written meanwhile: whole, private, and never in the place of another file."""

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from relayproxy.errors import RelayproxyError
from relayproxy.store.backup import TakenError, compacted, copy, dump_command
from relayproxy.store.engine import open_engine, open_reader, writing
from relayproxy.store.errors import StoreError
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.databases import migrated
from tests.store.write.deleting import days_ago, spoken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "relayproxy.db"
    migrated(f"sqlite:///{path}")
    return path


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def restored(file: Path) -> list[str]:
    reader = open_reader(f"sqlite:///{file}")
    try:
        found = Queries(reader)
        sessions = found.sessions().sessions
        assert all(found.messages(one.id) for one in sessions)
        return [one.id for one in sessions]
    finally:
        reader.dispose()


def test_a_copy_has_all_of_one_moment_though_others_write(path: Path, engine: Engine, tmp_path: Path) -> None:
    archive = Archive(engine)
    calls = [spoken(archive, days_ago(2)), spoken(archive, days_ago(1))]
    target, steps = tmp_path / "backup.db", []

    def told(done: int, total: int) -> None:
        steps.append((done, total))
        spoken(archive, days_ago(0.5))

    size = copy(path, target, told)

    assert size == target.stat().st_size > 100_000
    assert restored(target) == [calls[1].id, calls[0].id]
    assert steps[-1] == (size, size)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.glob("backup*")] == ["backup.db"]
    assert archive.sessions() == 2 + len(steps)


def test_a_restored_copy_is_written_on(path: Path, engine: Engine, tmp_path: Path) -> None:
    first = spoken(Archive(engine), days_ago(1))
    copy(path, tmp_path / "backup.db")
    engine.dispose()
    for file in path.parent.glob("relayproxy.db*"):
        file.unlink()
    (tmp_path / "backup.db").rename(path)

    again = open_engine(f"sqlite:///{path}")
    second = spoken(Archive(again), days_ago(0.5))
    again.dispose()

    assert restored(path) == [second.id, first.id]
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_a_file_that_is_there_is_left_alone(path: Path, engine: Engine, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    target.write_text("mine")

    with pytest.raises(TakenError, match="exists and is left alone"):
        copy(path, target)
    target.unlink()

    def told(_done: int, _total: int) -> None:
        target.write_text("mine")

    with pytest.raises(TakenError):
        copy(path, target, told)

    assert target.read_text() == "mine"
    assert [file.name for file in tmp_path.glob("backup*")] == ["backup.db"]


def test_a_copy_that_fails_leaves_nothing(path: Path, engine: Engine, tmp_path: Path) -> None:
    def told(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(path, tmp_path / "backup.db", told)
    with pytest.raises(StoreError, match="There is no database"):
        copy(tmp_path / "none.db", tmp_path / "backup.db")
    with pytest.raises(RelayproxyError):
        copy(path, tmp_path / "no folder" / "backup.db")

    assert not [*tmp_path.glob("backup*")]


def test_a_database_is_written_anew(path: Path, engine: Engine) -> None:
    archive = Archive(engine)
    for _ in range(20):
        spoken(archive, days_ago(1))
    with writing(engine).begin() as db:
        db.execute(text("DELETE FROM recordings"))
        db.execute(text("DELETE FROM turns"))

    before, after = compacted(f"sqlite:///{path}")

    assert after < before
    assert archive.sessions() == 20
    with pytest.raises(StoreError, match="VACUUM"):
        compacted("postgresql://db/relayproxy")


def test_postgresql_makes_its_own_by_this_command() -> None:
    assert dump_command("postgresql://me:secret@db:5433/calls", Path("/b ackup/x.dump")) == (
        "pg_dump -Fc -f '/b ackup/x.dump' -d postgresql://me@db:5433/calls"
    )
