"""A migrated database of each kind, with its writer and its reader."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from relayproxy.store.archive import Archive
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.migrate import migrate
from relayproxy.store.queries import Queries
from tests.peers.postgres import Server, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests; a test that stops it starts it again."""
    with server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that is not there yet, or empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/relayproxy.db"
    server: Server = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    migrate(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def reader(url: str) -> Iterator[Engine]:
    reader = open_reader(url)
    yield reader
    reader.dispose()


@pytest.fixture
def archive(engine: Engine) -> Archive:
    return Archive(engine)


@pytest.fixture
def queries(engine: Engine, reader: Engine) -> Queries:
    return Queries(reader)
