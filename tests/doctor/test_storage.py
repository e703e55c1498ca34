"""Database, disk and files: what is told of each, and that nothing is made or changed by looking."""

import os
import sqlite3
from pathlib import Path

import pytest

from relayproxy.doctor.check import Result
from relayproxy.doctor.clock import Clocks
from relayproxy.doctor.storage import database, disk, files
from relayproxy.settings.alerts import Webhook
from relayproxy.settings.model import Settings
from relayproxy.settings.receiver import Receiver
from tests.databases import migrated
from tests.peers.postgres import Server


def told(results: list[Result]) -> list[tuple[str, str]]:
    return [(one.name, one.state) for one in results]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder as `serve` leaves it, with a database and a journal."""
    migrated(f"sqlite:///{tmp_path}/data/relayproxy.db")
    journal = tmp_path / "data/journal/20260101T000000-aaaaaaaa"
    journal.mkdir(mode=0o700, parents=True)
    segment = journal / "00000001.seg"
    segment.write_bytes(b"x" * 1000)
    segment.chmod(0o600)
    (tmp_path / "data/journal").chmod(0o700)
    return Settings(data_dir=tmp_path / "data")


def test_a_database_in_order(settings: Settings) -> None:
    found = [*database(settings, Clocks())]

    assert told(found) == [("database", "ok"), ("writing", "ok")]
    assert f"at {settings.data_dir}/relayproxy.db: " in found[0].text


def test_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    (one,) = database(Settings(data_dir=tmp_path / "data"), Clocks())
    assert (one.state, (tmp_path / "data").exists()) == ("ok", False)
    assert "`serve` makes it" in one.text

    (one,) = database(Settings(database_url=f"sqlite:///{tmp_path}/other.db"), Clocks())
    assert one.state == "failed"
    assert "run `relayproxy migrate`" in one.action


def test_a_database_of_another_version(settings: Settings) -> None:
    def version(number: str) -> list[Result]:
        with sqlite3.connect(settings.data_dir / "relayproxy.db") as db:
            db.execute("UPDATE alembic_version SET version_num = ?", (number,))
            db.execute("UPDATE schema_compatibility SET least_revision = ?", (number,))
        db.close()
        return [*database(settings, Clocks())]

    (older,) = version("0001")
    assert (older.state, older.action) == ("warning", "`serve` brings it up to date itself")
    (newer,) = version("9999")
    assert newer.state == "failed"
    assert "upgrade relayproxy" in newer.action


def test_a_database_that_is_damaged(settings: Settings) -> None:
    (settings.data_dir / "relayproxy.db").write_bytes(b"nothing" * 1000)

    (one,) = database(settings, Clocks())

    assert one.state == "failed"
    assert "not a database" in one.text


def test_postgresql(postgres: Server, tmp_path: Path) -> None:
    url, clocks = postgres.migrated(), Clocks()
    found = [*database(Settings(database_url=url), clocks)]
    postgres.give_back(url)

    assert told(found) == [("database", "ok"), ("writing", "ok")]
    assert found[0].text.startswith("PostgreSQL ")
    assert [(one.name, one.state) for one in clocks.results()] == [("database", "ok")]
    empty = postgres.database()
    (one,) = database(Settings(database_url=empty), Clocks())
    assert (one.state, "run `relayproxy migrate`" in one.action) == ("failed", True)
    (one,) = database(Settings(database_url=f"postgresql://u:canary@/db?host={tmp_path}"), Clocks())
    assert one.state == "failed"
    assert "canary" not in repr(one)


def test_disks(settings: Settings, tmp_path: Path) -> None:
    found = {one.name: one for one in disk(settings)}
    assert {*found} == {"data folder", "journal", "quota"}
    assert found["quota"].text == "the journal has 1000 B and may take 2.0 GiB, which fits"

    elsewhere = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path}/other/calls.db"})
    assert {one.name: one.state for one in disk(elsewhere)}["database"] == found["data folder"].state

    there = os.statvfs(tmp_path)
    more = settings.model_copy(update={"journal_quota": 2 * there.f_blocks * there.f_frsize})
    quota = {one.name: one for one in disk(more)}["quota"]
    assert quota.state == "warning"
    assert "set journal_quota lower" in quota.action


@pytest.mark.parametrize(("free", "state"), [(50, "ok"), (5, "warning"), (1, "failed")])
def test_a_disk_that_is_nearly_full(settings: Settings, free: int, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(settings.data_dir)

    def statvfs(_: object) -> os.statvfs_result:
        return os.statvfs_result((1024, 1024, 100, free, free, 10, 5, 5, real.f_flag, real.f_namemax))

    monkeypatch.setattr(os, "statvfs", statvfs)
    found = {one.name: one for one in disk(settings)}

    assert found["data folder"].state == state
    assert found["data folder"].text.endswith(f"{free}.0 KiB of 100.0 KiB free ({free}%)")


def test_files_that_are_nobody_elses(settings: Settings) -> None:
    assert told([*files(settings, None)]) == [("data folder", "ok"), ("journal", "ok")]


def test_files_that_others_can_read(settings: Settings, tmp_path: Path) -> None:
    settings.data_dir.chmod(0o755)
    assert told([*files(settings, None)]) == [("data folder", "ok"), ("journal", "ok")]
    (settings.data_dir / "relayproxy.db").chmod(0o644)

    found = {one.name: one for one in files(settings, None)}

    assert found["data folder"].state == "warning"
    assert found["data folder"].text == f"{settings.data_dir}: 1 file can be read by others, such as relayproxy.db"
    assert found["data folder"].action.startswith(f"chmod -R go= {settings.data_dir}")
    assert found["journal"].state == "ok"


def test_files_of_secrets(settings: Settings, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("token", "receiver", "hook", "relayproxy.toml")]
    for path in paths:
        path.write_text("canary")
        path.chmod(0o640)
    given = {
        "auth_tokens": f"WK1=file:{paths[0]}",
        "receiver": Receiver(listen="127.0.0.1:4318", token=f"file:{paths[1]}"),
        "webhooks": {"ops": Webhook(url=f"file:{paths[2]}", format="slack")},
    }
    settings = settings.model_copy(update=given)

    assert told([*files(settings, paths[3])])[2:] == [("secrets", "ok")]
    for path in paths:
        path.chmod(0o644)
    found = [*files(settings, paths[3])][2:]
    assert told(found) == [(path.name, "warning") for path in paths]
    assert "canary" not in repr(found)


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (one, _) = files(Settings(data_dir=tmp_path / "file/data"), None)

    assert one.state == "failed"
    assert one.text == f"{tmp_path}/file/data cannot be made within {tmp_path}/file"
    assert told([*files(Settings(data_dir=tmp_path / "new/data"), None)]) == [("data folder", "ok"), ("journal", "ok")]
    assert not (tmp_path / "new").exists()
