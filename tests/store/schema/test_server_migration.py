"""A PostgreSQL database is migrated while others use it: they go on, and wait briefly if at all."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from relayproxy.store.engine import open_engine, writing
from relayproxy.store.errors import StoreError
from relayproxy.store.schema import migrate as migrations
from relayproxy.store.schema import server_migration
from relayproxy.store.schema.migrate import migrate
from relayproxy.store.schema.rows import Batch
from relayproxy.store.schema.server_migration import build_indexes, take_turns
from relayproxy.store.write.archive import Archive
from tests.patience import PATIENCE
from tests.store.build import session
from tests.store.kinds import POSTGRESQL
from tests.store.later import become_later, become_present

pytestmark = POSTGRESQL
COLUMN = "ALTER TABLE sessions ADD COLUMN mood TEXT"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(server_migration, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(server_migration, "PAUSES", (0.02,))
    yield
    become_present(monkeypatch)


@contextmanager
def at_the_same_time(action: Callable[[], object]) -> Iterator[threading.Thread]:
    """It is done, and was done without an error, when the block is left."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as problem:
            failures.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(PATIENCE)
    assert not thread.is_alive()
    assert failures == []


def test_one_waits_for_another(engine: Engine, url: str) -> None:
    with writing(engine).begin() as db:
        take_turns(db)
        with at_the_same_time(lambda: migrate(url)) as waiting:
            waiting.join(0.3)
            assert waiting.is_alive()
            db.commit()


def test_what_waits_for_a_long_query_keeps_nobody_else_waiting(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    become_later(monkeypatch, tmp_path, COLUMN, additive=True)
    archive, tried = Archive(open_engine(url)), threading.Semaphore(0)

    def counted(db: Connection) -> None:
        tried.release()
        take_turns(db)

    monkeypatch.setattr(migrations, "take_turns", counted)
    with engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM sessions"))
        with at_the_same_time(lambda: migrate(url)) as migration:
            for number in range(5):
                assert tried.acquire(timeout=PATIENCE)
                archive.commit(Batch(sessions=(session(f"s{number}"),)))
            assert migration.is_alive()
            reader.rollback()
    with engine.connect() as db:
        assert db.execute(text("SELECT count(*), count(mood) FROM sessions")).one() == (5, 0)
    archive._engine.dispose()


def test_it_is_given_up_with_what_helps(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    become_later(monkeypatch, tmp_path, COLUMN, additive=True)
    monkeypatch.setattr(server_migration, "PATIENCE", 0.05)
    words = r"could not be migrated in 0\.05 s \(lock timeout\): end the transactions that hold its tables"
    with engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM sessions"))
        with pytest.raises(StoreError, match=words):
            migrate(url)


def valid(engine: Engine, index: str) -> bool | None:
    """Whether the index can be used; None when it is not there."""
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:index)"
    with engine.connect() as db:
        found: bool | None = db.execute(text(query), {"index": index}).scalar()
    return found


def test_an_index_that_is_not_there_is_built_while_others_write(engine: Engine, url: str) -> None:
    with writing(engine).begin() as db:
        db.execute(text("DROP INDEX ix_turns_numbers"))
    archive, other = Archive(engine), open_engine(url)
    with writing(other).begin() as db:
        # Which the index waits for.
        db.execute(text("UPDATE turns SET number = number"))
        with at_the_same_time(lambda: migrate(url)):
            while valid(engine, "ix_turns_numbers") is None:
                archive.commit(Batch(sessions=(session("a"),)))
            db.commit()
    assert valid(engine, "ix_turns_numbers") is True
    other.dispose()


def test_an_index_whose_building_failed_is_built_anew(engine: Engine, url: str) -> None:
    with writing(engine).begin() as db:
        db.execute(text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_turns_numbers'::regclass"))
    migrate(url)
    assert valid(engine, "ix_turns_numbers") is True


def test_nothing_is_built_where_all_is_there(engine: Engine) -> None:
    with writing(engine).begin() as db:
        take_turns(db)
        build_indexes(engine)
