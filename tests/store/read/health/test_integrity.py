"""A SQLite file that somebody else damages while it is in use."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from relayproxy.store.engine import open_engine, open_reader, writing
from relayproxy.store.errors import DamagedFileError, ReplacedError, StoreError
from relayproxy.store.quarantine import moved_aside
from relayproxy.store.read.health.integrity import FileWatch, Integrity
from relayproxy.store.schema.migrate import DamagedDatabaseError, migrate, set_aside
from tests.databases import migrated
from tests.patience import PATIENCE

PAGE = 4096


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "relayproxy.db"


@pytest.fixture
def url(file: Path) -> str:
    found = f"sqlite:///{file}"
    migrated(found)
    return found


@pytest.fixture
def writer(url: str) -> Iterator[Engine]:
    """Whoever records, with the file open and its pages in memory."""
    engine = open_engine(url)
    with writing(engine).begin() as db:
        db.execute(text("UPDATE sessions SET revision = revision"))
    yield engine
    engine.dispose()


def overwrite_the_header(file: Path) -> None:
    with file.open("r+b") as same:
        same.write(b"this is no database. " * 300)


def overwrite_the_middle(file: Path) -> None:
    with file.open("r+b") as same:
        same.seek(file.stat().st_size // PAGE // 3 * PAGE)
        same.write(b"\xff" * PAGE * 10)


def cut(file: Path) -> None:
    with file.open("r+b") as same:
        same.truncate(file.stat().st_size // PAGE // 2 * PAGE)


def empty(file: Path) -> None:
    with file.open("r+b") as same:
        same.truncate(0)


@pytest.mark.parametrize("harm", [overwrite_the_header, overwrite_the_middle, cut, empty])
@pytest.mark.usefixtures("writer")
def test_what_happens_to_the_file_of_a_running_recorder_is_found(
    harm: Callable[[Path], None], file: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.store.read.health.integrity.REST", 0)
    integrity = Integrity(url)
    integrity.look()
    harm(file)
    with pytest.raises(DamagedFileError):
        integrity.look()


@pytest.mark.usefixtures("writer")
def test_a_file_that_is_cut_is_found_without_reading_all_of_it(file: Path, url: str) -> None:
    integrity = Integrity(url)
    integrity.look()
    integrity._next = float("inf")
    with file.open("r+b") as same:
        same.truncate(file.stat().st_size - PAGE)
    with pytest.raises(DamagedFileError):
        integrity.look()


def test_a_database_that_gave_pages_back_and_grew_again_is_not_cut(writer: Engine, file: Path, url: str) -> None:
    def write(*statements: str) -> None:
        for statement in statements:
            with writing(writer).begin() as db:
                db.execute(text(statement))

    def checkpoint(before: str = "") -> None:
        connection = writer.raw_connection()
        connection.cursor().executescript(f"{before}; PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    integrity = Integrity(url)
    write("CREATE TABLE more (what)", "INSERT INTO more VALUES (zeroblob(400000))")
    checkpoint()
    integrity.look()
    integrity._next = float("inf")
    large = file.stat().st_size

    write("DELETE FROM more")
    checkpoint("PRAGMA incremental_vacuum")
    write("INSERT INTO more VALUES (zeroblob(300000))")
    assert file.stat().st_size < large - 300_000, "what has grown since is in the -wal alone"
    integrity.look()

    with file.open("r+b") as same:
        same.truncate(file.stat().st_size - PAGE)
    with pytest.raises(DamagedFileError):
        integrity.look()


def test_a_database_that_another_version_has_migrated_is_told_as_that(writer: Engine, url: str) -> None:
    integrity = Integrity(url)
    integrity.look()
    with writing(writer).begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        db.execute(text("UPDATE schema_compatibility SET least_revision = '9999'"))
    with pytest.raises(ReplacedError, match="was made by a newer relayproxy: upgrade relayproxy"):
        integrity.look()
    with writing(writer).begin() as db:
        db.execute(text("DROP TABLE sessions"))
        db.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(ReplacedError, match="has been overwritten with another one"):
        integrity.look()


def test_what_is_not_made_yet_is_not_damaged(file: Path) -> None:
    integrity = Integrity(f"sqlite:///{file}")
    with pytest.raises(StoreError, match="unable to open") as problem:
        integrity.look()
    assert not isinstance(problem.value, DamagedFileError | ReplacedError)
    file.touch()
    integrity.look()


def test_the_log_of_an_emptied_file_is_kept(writer: Engine, file: Path, url: str) -> None:
    log = file.with_name("relayproxy.db-wal")
    with writing(writer).begin() as db:
        db.execute(text("CREATE TABLE more (what)"))
    kept = log.read_bytes()
    empty(file)
    for opened in (open_reader(url), open_engine(url)):
        with pytest.raises(DamagedFileError, match="is empty, and its write-ahead log is not"), opened.connect():
            pass
    with pytest.raises(DamagedFileError, match="bring back a copy"):
        migrate(url)
    assert log.read_bytes() == kept
    moved = set_aside(url)
    [told] = moved_aside(url)
    assert (told.path, told.bytes >= len(kept)) == (moved, True)
    assert moved.with_name(moved.name + "-wal").read_bytes() == kept


def test_only_what_was_moved_aside_counts_as_that(file: Path, url: str) -> None:
    for name in ("corrupt-", "corrupt-later", "corrupt-20261128T100000Z-wal", "bak"):
        file.with_name(f"relayproxy.db.{name}").touch()
    for day in (27, 28):
        file.with_name(f"relayproxy.db.corrupt-202611{day}T100000Z").write_bytes(b"abc")
    assert [(one.path.name[-16:], one.bytes) for one in moved_aside(url)] == [
        ("20261128T100000Z", 3),
        ("20261127T100000Z", 3),
    ]
    assert moved_aside("postgresql://localhost/relayproxy") == ()


def test_an_index_of_words_that_is_damaged_is_found_when_all_is_looked_through(writer: Engine, url: str) -> None:
    with writing(writer).begin() as db:
        db.execute(text("UPDATE turns_fts_data SET block = x'ffffffffffff'"))
    with pytest.raises(DamagedDatabaseError):
        migrate(url, thorough=True)


def test_looking_goes_on_until_damage_is_found() -> None:
    looks = iter([None, StoreError("database: locked"), None, DamagedFileError("it is damaged")])
    over = threading.Event()

    def look() -> None:
        found = next(looks)
        if isinstance(found, DamagedFileError):
            over.set()
        if found is not None:
            raise found

    watch = FileWatch(look, every=0.001)
    assert over.wait(PATIENCE)
    with pytest.raises(DamagedFileError, match="it is damaged"):
        while True:
            watch.check()
