"""What a database complains of is told apart: what soon passes, what does not, and nothing of what was written."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from relayproxy.store import engine as engines
from relayproxy.store.engine import open_engine, open_reader, writing
from relayproxy.store.errors import (
    AwayError,
    NotReady,
    RefusedError,
    SlowError,
    StoreError,
    UnreadableError,
    store_errors,
)
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.patience import PATIENCE
from tests.peers.postgres import Server, server
from tests.store.build import chunk, said, session
from tests.store.kinds import POSTGRESQL, SQLITE

FIRST = Batch(sessions=(session("a"),), chunks=(chunk("a", said(0, 3)),))


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


def complaint(engine: Engine, sqlstate: str) -> StoreError:
    """What is made of an error of this kind."""
    block = f"DO $$ BEGIN RAISE EXCEPTION 'it went wrong' USING ERRCODE = '{sqlstate}'; END $$"
    with pytest.raises(StoreError) as caught, store_errors(), engine.begin() as db:
        db.execute(text(block))
    return caught.value


@POSTGRESQL
@pytest.mark.parametrize("sqlstate", ["08006", "25006", "40001", "40P01", "53300", "55P03", "57014", "57P01", "57P03"])
def test_what_passes_is_worth_another_attempt(engine: Engine, sqlstate: str) -> None:
    assert isinstance(complaint(engine, sqlstate), AwayError)


@POSTGRESQL
def test_what_took_too_long_to_write_is_worth_another_attempt_and_what_took_too_long_to_find_is_not(url: str) -> None:
    engine = open_engine(url)
    kinds = {}
    for statement in ("SELECT pg_sleep(60)", "INSERT INTO t SELECT pg_sleep(60)::text"):
        with pytest.raises(StoreError) as caught, store_errors(), engine.begin() as db:
            db.execute(text("CREATE TEMPORARY TABLE t (a TEXT) ON COMMIT DROP"))
            db.execute(text("SET LOCAL statement_timeout = '20ms'"))
            db.execute(text(statement))
        kinds[statement[:6]] = type(caught.value)
    assert kinds == {"SELECT": SlowError, "INSERT": AwayError}
    engine.dispose()


@POSTGRESQL
@pytest.mark.parametrize("sqlstate", ["42501", "53100", "58030", "23505"])
def test_what_does_not_pass_by_itself_is_no_outage(engine: Engine, sqlstate: str) -> None:
    assert type(complaint(engine, sqlstate)) is StoreError


@POSTGRESQL
@pytest.mark.parametrize("sqlstate", ["22003", "22021", "22P02", "42601", "42703", "42883"])
def test_what_the_database_does_not_take_is_a_mistake_of_ours(engine: Engine, sqlstate: str) -> None:
    assert isinstance(complaint(engine, sqlstate), RefusedError)


def test_a_statement_that_is_wrong_is_a_mistake_of_ours_on_any_database(engine: Engine) -> None:
    for wrong in ("SELECT nothing FROM sessions", "SELEKT 1"):
        with pytest.raises(RefusedError), store_errors(), engine.begin() as db:
            db.execute(text(wrong))


@POSTGRESQL
def test_a_value_that_the_driver_does_not_take_is_a_mistake_of_ours(engine: Engine) -> None:
    with pytest.raises(RefusedError, match="NUL"), store_errors(), engine.begin() as db:
        db.execute(text("SELECT CAST(:said AS text)"), {"said": "a\0secret"})


@POSTGRESQL
def test_a_damaged_table_is_said(engine: Engine) -> None:
    assert isinstance(complaint(engine, "XX001"), UnreadableError)


@POSTGRESQL
def test_a_value_that_does_not_fit_is_not_quoted(engine: Engine) -> None:
    with pytest.raises(StoreError) as caught, store_errors(), engine.begin() as db:
        db.execute(text("SELECT CAST(:said AS integer)"), {"said": "my secret"})
    assert "secret" not in str(caught.value)
    assert "InvalidTextRepresentation" in str(caught.value)


def test_no_free_connection_passes() -> None:
    with pytest.raises(AwayError), store_errors():
        raise NoConnectionFree("QueuePool limit reached")


def test_a_server_that_is_not_there_is_away(tmp_path_factory: pytest.TempPathFactory) -> None:
    with (
        opened("postgresql://me:hunter2@/calls?host=/nowhere") as engine,
        pytest.raises(AwayError, match="No such file or directory") as caught,
        store_errors(),
        engine.connect(),
    ):
        pass
    assert "hunter2" not in str(caught.value)


def test_all_servers_that_were_tried_are_said() -> None:
    url = "postgresql://me:hunter2@/calls?host=/nowhere&host=/elsewhere"
    with (
        opened(url) as engine,
        pytest.raises(AwayError, match="/elsewhere") as caught,
        store_errors(),
        engine.connect(),
    ):
        pass
    assert "/nowhere" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_database_that_is_not_there_will_not_be_there_soon(postgres: Server) -> None:
    url = postgres.url.replace("/postgres?", "/nosuch?")
    with opened(url) as engine, pytest.raises(StoreError, match="does not exist") as caught, store_errors():
        engine.connect()
    assert not isinstance(caught.value, AwayError)


@POSTGRESQL
def test_somebody_elses_lock_is_not_waited_for_for_ever(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "LOCK_TIMEOUT", "50ms")
    with opened(url) as own:
        archive = Archive(own)
        with writing(engine).begin() as db:
            db.execute(text("LOCK TABLE sessions IN EXCLUSIVE MODE"))
            with pytest.raises(AwayError, match="lock timeout"):
                archive.commit(FIRST)
        archive.commit(FIRST)
        assert list(archive.messages("a")) == said(0, 3)


@POSTGRESQL
def test_a_query_of_a_reader_that_takes_too_long_ends(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "READ_TIMEOUT", "50ms")
    reader = open_reader(url)
    with pytest.raises(SlowError, match="ask for less"), store_errors(), reader.connect() as db:
        db.execute(text("SELECT pg_sleep(10)"))
    reader.dispose()


@SQLITE
def test_a_read_of_sqlite_that_takes_too_long_ends(engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "READ_SECONDS", 0.05)
    reader = open_reader(url)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(SlowError, match="ask for less"), store_errors(), reader.connect() as db:
        db.execute(text(endless))
    with reader.connect() as db:
        assert db.execute(text("SELECT 1")).scalar_one() == 1
    reader.dispose()


@POSTGRESQL
def test_a_transaction_that_was_left_open_lets_others_go_on(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "IDLE_TIMEOUT", "50ms")
    archive = Archive(engine)
    with opened(url) as stalled, pytest.raises(AwayError), store_errors(), writing(stalled).begin() as db:
        db.execute(text("LOCK TABLE sessions IN EXCLUSIVE MODE"))
        archive.commit(FIRST)
        db.execute(text("SELECT 1"))
    assert list(archive.messages("a")) == said(0, 3)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_writer_and_reader_go_on_once_the_server_is_back(mode: str) -> None:
    with server() as postgres:
        url = postgres.migrated()
        with opened(url) as engine:
            archive, reader = Archive(engine), open_reader(url)
            queries = Queries(reader)
            archive.commit(FIRST)
            assert queries.count() == 1
            postgres.stop(mode)
            with pytest.raises(AwayError):
                archive.commit(FIRST)
            with pytest.raises(StoreError) as caught:
                queries.count()
            assert not isinstance(caught.value, NotReady)
            postgres.start()
            archive.commit(Batch(sessions=(session("b"),)))
            assert queries.count() == 2
            assert list(archive.messages("a")) == said(0, 3)
            reader.dispose()


@POSTGRESQL
def test_a_connection_that_is_cut_in_the_middle_of_a_commit_leaves_nothing(
    engine: Engine, url: str, postgres: Server
) -> None:
    archive = Archive(engine)
    with opened(url) as other, writing(other).begin() as db:
        db.execute(text("LOCK TABLE journals IN EXCLUSIVE MODE"))
        failures: list[Exception] = []

        def commit() -> None:
            try:
                archive.commit(FIRST)
            except StoreError as problem:
                failures.append(problem)

        db.execute(text("LOCK TABLE chunks IN EXCLUSIVE MODE"))
        waiting = threading.Thread(target=commit)
        waiting.start()
        cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        while not db.execute(cut).all():
            db.execute(text("SELECT pg_stat_clear_snapshot()"))
        waiting.join(PATIENCE)
    assert [type(problem) for problem in failures] == [AwayError]
    assert archive.session("a") is None
    archive.commit(FIRST)
    assert list(archive.messages("a")) == said(0, 3)


def test_what_a_server_says_is_part_of_a_sentence() -> None:
    """As libpq tells of a server that was killed."""
    said = "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally.\n"
    with (
        pytest.raises(AwayError, match=r"unexpectedly This probably means the server terminated abnormally$"),
        store_errors(),
    ):
        raise DBAPIError("SELECT 1", None, psycopg.OperationalError(said))


def test_sqlite_pays_nothing_for_postgresql() -> None:
    code = (
        "import sys; from relayproxy.store.engine import open_engine; "
        "open_engine('sqlite:////nowhere/x.db'); sys.exit('psycopg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
