"""The log says when the database goes and when it is back, once each."""

import logging
from pathlib import Path

import pytest

from relayproxy.console.health.availability import Availability
from relayproxy.store.engine import open_reader
from relayproxy.store.errors import RefusedError, SlowError, StoreError
from relayproxy.store.read.queries import Queries
from tests.databases import migrated


def test_the_log_says_once_that_the_database_is_away_and_once_that_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "relayproxy.db"
    url = f"sqlite:///{file}"
    migrated(url)
    queries = Queries(open_reader(url), Availability().note)

    def asks(times: int) -> None:
        for _ in range(times):
            try:
                queries.count()
            except StoreError:
                continue

    asks(2)
    file.rename(tmp_path / "elsewhere.db")
    asks(5)
    (tmp_path / "elsewhere.db").rename(file)
    asks(3)
    assert [(one.levelno, one.message.partition(" (")[0]) for one in caplog.records] == [
        (logging.ERROR, "the database cannot be read"),
        (logging.WARNING, "the database can be read again"),
    ]
    assert f"There is no relayproxy database at {file} yet" in caplog.text


def test_a_question_that_fails_says_nothing_about_the_database(caplog: pytest.LogCaptureFixture) -> None:
    availability = Availability()
    for problem in (SlowError("too long"), RefusedError("wrong"), None):
        availability.note(problem)
    assert caplog.records == []
