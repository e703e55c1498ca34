"""A connection notices that its server has stopped, and a server that is slow is waited for."""

import gc
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.errors import ConnectionTimeout

from relayproxy.store import postgresql
from relayproxy.store.postgresql import SILENT, Server, WatchedConnection
from tests.peers.postgres import Server as Peer


@pytest.fixture
def connection(postgres: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchedConnection]:
    """A connection that is suspicious at every silence."""
    monkeypatch.setattr(postgresql, "QUIET", 0.0)
    with Server().connect(conninfo=postgres.url, autocommit=True) as connection:
        yield connection


def test_an_answer_that_takes_long_is_waited_for_while_the_server_takes_connections(
    connection: WatchedConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = 0
    ask = connection.probe

    def counted() -> None:
        nonlocal probes
        probes += 1
        ask()

    monkeypatch.setattr(connection, "probe", counted)

    assert connection.execute("SELECT 42 FROM pg_sleep(0.3)").fetchone() == (42,)
    assert probes


def test_a_question_ends_when_the_server_takes_no_connection_and_its_connection_is_closed(
    connection: WatchedConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered(**_: Any) -> None:
        raise ConnectionTimeout("connection timeout expired")

    monkeypatch.setattr(psycopg, "connect", unanswered)

    with pytest.raises(psycopg.OperationalError, match="the server does not answer"):
        connection.execute("SELECT pg_sleep(60)")
    assert connection.closed


def test_a_server_that_refuses_is_at_work(connection: WatchedConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: Any) -> None:
        raise psycopg.OperationalError("sorry, too many clients already")

    monkeypatch.setattr(psycopg, "connect", refused)

    assert connection.execute("SELECT 42 FROM pg_sleep(0.2)").fetchone() == (42,)


def test_a_server_that_did_not_answer_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, now = 0, 100.0

    def unanswered(**_: Any) -> None:
        nonlocal asked
        asked += 1
        raise ConnectionTimeout("connection timeout expired")

    monkeypatch.setattr(WatchedConnection, "connect", unanswered)
    monkeypatch.setattr("relayproxy.store.postgresql.time.monotonic", lambda: now)
    server = Server()

    with pytest.raises(ConnectionTimeout):
        server.connect(conninfo="")
    with pytest.raises(psycopg.OperationalError, match=SILENT.replace("(", r"\(")):
        server.connect(conninfo="")
    assert asked == 1
    now += postgresql.REMEMBERED
    with pytest.raises(ConnectionTimeout):
        server.connect(conninfo="")
    assert asked == 2


def test_a_connection_whose_first_question_fails_is_closed(postgres: Peer) -> None:
    url = postgres.database()
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CREATE SCHEMA before")
        db.execute("CREATE FUNCTION before.pg_backend_pid() RETURNS int LANGUAGE sql AS 'SELECT 1/0'")

    with pytest.raises(psycopg.errors.DivisionByZero):
        Server().connect(conninfo=url, options="-c search_path=before,pg_catalog")

    gc.collect()  # one that is still open is warned of
