"""Backups from the command line."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from relayproxy.cli.main import main
from relayproxy.store.engine import open_engine
from relayproxy.store.write.archive import Archive
from tests.databases import migrated
from tests.store.moving import Objects, over


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_a_backup_is_made_once_and_said(tmp_path: Path) -> None:
    migrated(f"sqlite:///{tmp_path}/data/relayproxy.db")
    file = str(tmp_path / "copy.db")

    made = run("backup", file, "--data-dir", str(tmp_path / "data"))
    again = run("backup", file, "--data-dir", str(tmp_path / "data"))

    assert made.exit_code == 0, made.output
    assert "copy.db: 0." in made.output
    assert "MiB, read through and in order" in made.output
    assert again.exit_code == 2
    assert "copy.db exists and is left alone: give another name" in again.output


@pytest.mark.in_database
def test_what_lies_elsewhere_is_said(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/data/relayproxy.db")
    migrated(f"sqlite:///{tmp_path}/data/relayproxy.db")
    over(Archive(engine), "a", 3)
    Objects(engine, tmp_path / "objects").move()
    engine.dispose()

    made = run("backup", str(tmp_path / "copy.db"), "--data-dir", str(tmp_path / "data"))

    assert f"Not in it: 1 part of a recording, in file://{tmp_path}/objects: keep what is deleted there" in made.output


def test_a_place_where_no_file_can_be_made_is_named(tmp_path: Path) -> None:
    migrated(f"sqlite:///{tmp_path}/data/relayproxy.db")

    nowhere = run("backup", str(tmp_path / "none" / "copy.db"), "--data-dir", str(tmp_path / "data"))
    nameless = run("backup", "", "--data-dir", str(tmp_path / "data"))

    assert f"{tmp_path}/none: a folder to write in is expected (No such file or directory)" in nowhere.output
    assert "exists and is left alone: give another name" in nameless.output
    assert (nowhere.exit_code, nameless.exit_code) == (2, 2)


def test_for_postgresql_the_command_is_said_without_the_password() -> None:
    told = run("backup", "calls.dump", "--database-url", "postgresql://me:secret@db/calls")

    assert told.exit_code == 2
    assert "pg_dump -Fc -f calls.dump -d postgresql://me@db/calls" in told.output
    assert "secret" not in told.output


def test_a_database_is_compacted(tmp_path: Path) -> None:
    told = run("migrate", "--compact", "--data-dir", str(tmp_path))

    assert told.exit_code == 0, told.output
    assert "is up to date\nit was 0." in told.output
