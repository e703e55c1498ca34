"""Inspection: what a database is, on SQLite and PostgreSQL, and that looking changes nothing."""

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from relayproxy.store.engine import sqlite_path, writing
from relayproxy.store.errors import DamagedFileError, StoreError
from relayproxy.store.read.health.inspection import inspect_database
from relayproxy.store.schema.revisions import revisions


def test_a_database_in_order(url: str, engine: Engine) -> None:
    found = inspect_database(url)

    assert (found.state, found.revision, found.expected) == ("ready", revisions()[0], revisions()[0])
    assert found.kind.startswith("SQLite 3." if engine.dialect.name == "sqlite" else "PostgreSQL ")
    assert (found.unwritable, found.standby, found.encoding) == (None, False, "UTF8")
    assert found.size > 0
    if engine.dialect.name == "sqlite":
        assert found.ahead is None
    else:
        assert abs(found.ahead or 0) < 60
    with engine.connect() as db:
        assert db.execute(text("SELECT count(*) FROM vitals")).scalar_one() == 0


def test_a_database_that_is_not_there_is_not_made(url: str) -> None:
    found = inspect_database(url)

    assert (found.state, found.revision, found.unwritable) == ("missing", "", None)
    path = sqlite_path(make_url(url))
    assert path is None or not path.parent.exists()


def test_of_another_version(url: str, engine: Engine) -> None:
    with engine.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert inspect_database(url).state == "older"
    with engine.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        db.execute(text("UPDATE schema_compatibility SET least_revision = '9999'"))
    newer = inspect_database(url)
    assert (newer.state, newer.revision) == ("newer", "9999")
    assert "upgrade relayproxy" in newer.words


def test_somebody_who_holds_it_is_waited_for_and_told(
    url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.store.engine.BUSY_TIMEOUT", 0.05)
    monkeypatch.setattr("relayproxy.store.engine.LOCK_TIMEOUT", "50ms")
    with writing(engine).begin() as db:
        if db.dialect.name == "postgresql":
            db.execute(text("LOCK TABLE vitals"))
        found = inspect_database(url)

    assert found.state == "ready"
    assert "lock" in (found.unwritable or "")
    assert inspect_database(url).unwritable is None


def test_a_database_that_may_only_be_read(url: str, engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        with engine.connect() as db:
            name = db.execute(text("SELECT current_database()")).scalar_one()
            db.execute(text("COMMIT"))
            db.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
            db.execute(text("COMMIT"))
        engine.dispose()
        assert "read-only transaction" in (inspect_database(url).unwritable or "")
        return
    path = sqlite_path(engine.url)
    assert path is not None
    engine.dispose()
    path.chmod(0o400)
    if os.geteuid():
        assert inspect_database(url).unwritable


def test_a_file_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"nothing" * 1000)

    with pytest.raises(DamagedFileError):
        inspect_database(f"sqlite:///{tmp_path}/a.db")


def test_a_foreign_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (a)")
    db.close()
    before = path.read_bytes()

    assert inspect_database(f"sqlite:///{path}").state == "foreign"
    assert (path.read_bytes(), [one.name for one in tmp_path.iterdir()]) == (before, ["a.db"])


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        inspect_database(f"postgresql://user:canary@/db?host={tmp_path}")
