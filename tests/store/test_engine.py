"""SQLite is private, PostgreSQL is not waited for for ever; readers cannot write, and a wrong URL is said at once."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from relayproxy.errors import SettingError
from relayproxy.store import engine as engines
from relayproxy.store.engine import (
    database_location,
    is_in_place,
    open_engine,
    open_reader,
    reading,
    write_back,
    writing,
)
from relayproxy.store.errors import StoreError, store_errors
from tests.store.kinds import POSTGRESQL, SQLITE


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@SQLITE
def test_the_file_and_what_sqlite_puts_beside_it_are_readable_by_the_owner_alone(tmp_path: Path, url: str) -> None:
    engine = open_engine(url)
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a TEXT)"))
    folder = tmp_path / "data"
    assert mode(folder) == 0o700
    assert {file.name: mode(file) for file in folder.iterdir()} == {
        "relayproxy.db": 0o600,
        "relayproxy.db-wal": 0o600,
        "relayproxy.db-shm": 0o600,
    }
    engine.dispose()


@SQLITE
def test_nothing_is_created_before_first_use(tmp_path: Path, url: str) -> None:
    open_engine(url).dispose()
    assert list(tmp_path.iterdir()) == []


@SQLITE
def test_a_database_that_is_not_to_be_created_is_not(tmp_path: Path, url: str) -> None:
    engine = open_engine(url, create=False)
    with pytest.raises(StoreError), store_errors(), writing(engine).begin():
        pass
    assert list(tmp_path.iterdir()) == []


@SQLITE
@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 1),
        ("busy_timeout", 5000),
        ("cache_size", -16384),
        ("auto_vacuum", 2),
    ],
)
def test_sqlite_is_set_up_for_one_writer_and_many_readers(engine: Engine, pragma: str, value: object) -> None:
    with engine.connect() as db:
        assert db.execute(text(f"PRAGMA {pragma}")).scalar_one() == value


@SQLITE
def test_a_reader_of_which_there_may_be_many_keeps_few_pages(engine: Engine, reader: Engine) -> None:
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a TEXT)"))
    with reader.connect() as db:
        assert db.execute(text("PRAGMA cache_size")).scalar() == -8192


def test_a_reader_reads_while_a_writer_writes_and_cannot_write(engine: Engine, reader: Engine) -> None:
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a TEXT)"))
    with writing(engine).begin() as db, reader.connect() as readers:
        db.execute(text("INSERT INTO t VALUES ('1')"))
        assert readers.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
        with pytest.raises(DBAPIError, match=r"readonly|read-only"):
            readers.execute(text("INSERT INTO t VALUES ('2')"))
    with reader.connect() as readers:
        assert readers.execute(text("SELECT a FROM t")).scalars().all() == ["1"]


@SQLITE
def test_a_reader_creates_nothing_and_finds_the_database_once_it_is_there(tmp_path: Path, url: str) -> None:
    reader = open_reader(url)
    with pytest.raises(StoreError, match="unable to open"), store_errors(), reader.connect():
        pass
    assert list(tmp_path.iterdir()) == []
    engine = open_engine(url)
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a TEXT)"))
    with reader.connect() as db:
        assert db.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    engine.dispose()


def one_value(url: str, value: int) -> None:
    """A database with one value, closed."""
    engine = open_engine(url)
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a INTEGER)"))
        db.execute(text("INSERT INTO t VALUES (:value)"), {"value": value})
    engine.dispose()


def read(reader: Engine) -> int:
    with store_errors(), reader.connect() as db:
        return int(db.execute(text("SELECT a FROM t")).scalar_one())


@SQLITE
def test_a_reader_opens_the_file_once(reader: Engine, engine: Engine) -> None:
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a INTEGER)"))
    uses = []
    for _ in range(3):
        with reader.connect() as db:
            uses.append(db.connection.driver_connection)
    assert len({*map(id, uses)}) == 1


@SQLITE
def test_a_reader_finds_a_file_that_was_put_in_the_place_of_another(tmp_path: Path, url: str) -> None:
    one_value(url, 1)
    reader = open_reader(url)
    assert read(reader) == 1
    for name in ("relayproxy.db-wal", "relayproxy.db-shm"):
        (tmp_path / "data" / name).unlink(missing_ok=True)
    one_value(f"sqlite:///{tmp_path}/other.db", 2)
    (tmp_path / "other.db").replace(tmp_path / "data/relayproxy.db")
    assert read(reader) == 2
    reader.dispose()


@SQLITE
def test_so_does_a_writer_that_creates_none(tmp_path: Path, url: str) -> None:
    one_value(url, 1)
    writer = open_engine(url, create=False)
    assert read(writer) == 1
    for name in ("relayproxy.db-wal", "relayproxy.db-shm"):
        (tmp_path / "data" / name).unlink(missing_ok=True)
    one_value(f"sqlite:///{tmp_path}/other.db", 2)
    (tmp_path / "other.db").replace(tmp_path / "data/relayproxy.db")
    with writing(writer).begin() as db:
        db.execute(text("UPDATE t SET a = a + 1"))
    writer.dispose()
    reader = open_reader(url)
    assert read(reader) == 3
    reader.dispose()


@SQLITE
@pytest.mark.parametrize(
    ("bytes_", "problem"), [(b"\xff" * 65536, "not a database|malformed"), (b"", "no such table|empty")]
)
def test_a_reader_notices_that_its_file_was_overwritten(tmp_path: Path, url: str, bytes_: bytes, problem: str) -> None:
    one_value(url, 1)
    reader = open_reader(url)
    assert read(reader) == 1
    (tmp_path / "data/relayproxy.db").write_bytes(bytes_)
    with pytest.raises((StoreError, DBAPIError), match=problem):
        read(reader)
    reader.dispose()


@SQLITE
def test_what_is_in_the_log_is_written_into_the_file_while_a_reader_has_it_open(tmp_path: Path, url: str) -> None:
    engine, reader = open_engine(url), open_reader(url)
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a INTEGER)"))
        db.execute(text("INSERT INTO t VALUES (7)"))
    assert read(reader) == 7
    write_back(engine)
    engine.dispose()
    (tmp_path / "copy.db").write_bytes((tmp_path / "data/relayproxy.db").read_bytes())
    copy = open_reader(f"sqlite:///{tmp_path}/copy.db")
    assert read(copy) == 7
    copy.dispose()
    reader.dispose()


@SQLITE
def test_a_reader_recovers_what_a_killed_writer_left_in_the_log(tmp_path: Path, url: str) -> None:
    engine = open_engine(url)
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a TEXT)"))
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("relayproxy.db", "relayproxy.db-wal"):
        (killed / name).write_bytes((tmp_path / "data" / name).read_bytes())
    reader = open_reader(f"sqlite:///{killed}/relayproxy.db")
    with reader.connect() as db:
        assert db.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    engine.dispose()


@SQLITE
def test_a_writer_that_made_the_database_has_its_log_before_its_first_use(tmp_path: Path, url: str) -> None:
    log = tmp_path / "data/relayproxy.db-wal"
    with open_engine(url).connect() as db:
        other = open_engine(url)
        with writing(other).begin() as too:
            too.execute(text("CREATE TABLE t (a TEXT)"))
        # The last one to close deletes the log.
        other.dispose()
        assert log.exists()
        assert is_in_place(db)


@SQLITE
def test_two_writers_take_turns(url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT", 0.05)
    second = open_engine(url)
    with writing(engine).begin():
        with pytest.raises(StoreError, match="database is locked"), store_errors(), writing(second).begin():
            pass
        with second.connect() as db:
            db.execute(text("SELECT 1"))
    with writing(second).begin():
        pass
    second.dispose()


def test_odd_characters_in_a_path_are_characters(tmp_path: Path) -> None:
    folder = tmp_path / "a b#c&mode=memory"
    engine = open_engine(f"sqlite:///{folder}/x.db")
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a TEXT)"))
    engine.dispose()
    assert (folder / "x.db").stat().st_size > 0


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:///:memory:", "nosuchdb://host/name"])
def test_a_url_that_cannot_be_used_is_a_setting_error(url: str) -> None:
    with pytest.raises(SettingError, match=r"^database_url: "):
        open_engine(url)
    with pytest.raises(SettingError, match=r"^database_url: "):
        open_reader(url)


def test_a_password_is_not_told() -> None:
    with pytest.raises(SettingError) as caught:
        open_engine("nosuchdb://me:secret@host/name")
    assert "secret" not in str(caught.value)


def test_a_failed_statement_does_not_quote_what_was_written(engine: Engine) -> None:
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a TEXT UNIQUE)"))
        db.execute(text("INSERT INTO t VALUES ('my secret')"))
    with (
        pytest.raises(StoreError, match=r"UNIQUE constraint failed|violates unique constraint") as caught,
        store_errors(),
        engine.begin() as db,
    ):
        db.execute(text("INSERT INTO t VALUES (:a)"), {"a": "my secret"})
    assert "secret" not in str(caught.value)


@POSTGRESQL
@pytest.mark.parametrize(
    ("setting", "writer", "reader"),
    [
        ("application_name", "relayproxy", "relayproxy"),
        ("lock_timeout", "5s", "5s"),
        ("idle_in_transaction_session_timeout", "1min", "1min"),
        ("statement_timeout", "1min", "30s"),
        ("synchronous_commit", "on", "on"),
        ("transaction_read_only", "off", "on"),
        ("transaction_isolation", "read committed", "repeatable read"),
    ],
)
def test_postgresql_is_set_up(url: str, setting: str, writer: str, reader: str) -> None:
    for engine, wanted in ((open_engine(url), writer), (open_reader(url), reader)):
        for _ in range(2):  # a connection from the pool is as a new one
            with engine.begin() as db:
                assert db.execute(text(f"SHOW {setting}")).scalar_one() == wanted
        engine.dispose()


@POSTGRESQL
def test_a_url_may_say_otherwise(url: str) -> None:
    engine = open_engine(f"{url}&application_name=mine")
    with engine.connect() as db:
        assert db.execute(text("SHOW application_name")).scalar_one() == "mine"
    engine.dispose()


@POSTGRESQL
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_write_postgresql_is_taken(url: str, scheme: str) -> None:
    engine = open_engine(url.replace("postgresql://", f"{scheme}://"))
    with engine.connect() as db:
        assert db.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()


def test_reads_that_belong_together_see_one_state(engine: Engine) -> None:
    with writing(engine).begin() as db:
        db.execute(text("CREATE TABLE t (a TEXT)"))
    with reading(engine).connect() as readers:
        assert readers.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
        with writing(engine).begin() as db:
            db.execute(text("INSERT INTO t VALUES ('1')"))
        assert readers.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    with reading(engine).connect() as readers:
        assert readers.execute(text("SELECT count(*) FROM t")).scalar_one() == 1


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("sqlite:////data/calls.db", "/data/calls.db"),
        (
            "postgresql://me:hunter2@db.example.com:6432/calls?sslpassword=hunter2",
            "postgresql://db.example.com:6432/calls",
        ),
        ("postgres://me:hunter2@[::1]/calls", "postgresql://[::1]/calls"),
        ("postgresql:///calls?host=a:1&host=b:2&password=hunter2", "postgresql://a:1,b:2/calls"),
    ],
)
def test_where_a_database_is_can_be_told_to_anybody(url: str, where: str) -> None:
    assert database_location(open_engine(url)) == where


@pytest.mark.parametrize(
    "url",
    ["postgresql+asyncpg://me:hunter2@db/calls", "postgresql://me:p@hunter2@db/calls", "postgresql://a:1,b:2/hunter2"],
)
def test_what_is_wrong_with_a_server_url_is_said_without_its_password(url: str) -> None:
    with pytest.raises(SettingError, match=r"^database_url: ") as caught:
        open_engine(url)
    assert "hunter2" not in str(caught.value)
