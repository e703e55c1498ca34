"""A migrated database of each kind, with its writer and its reader."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.archive import Archive
from tests.databases import kept_engine, migrated
from tests.peers.postgres import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that is not there yet, or empty; a migrated one for tests that ask for an engine."""
    ready = "engine" in request.fixturenames
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/data/relayproxy.db"
        if ready:
            migrated(url)
        yield url
    else:
        server: Server = request.getfixturevalue("postgres")
        url = server.migrated() if ready else server.database()
        yield url
        if ready:
            server.give_back(url)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lasting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database for all tests of a module that only read it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('lasting')}/relayproxy.db"
        migrated(url)
        yield url
    else:
        server: Server = request.getfixturevalue("postgres")
        url = server.migrated()
        yield url
        server.give_back(url)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    if url.startswith("postgresql"):
        yield kept_engine(url, open_engine)
    else:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def reader(url: str) -> Iterator[Engine]:
    if url.startswith("postgresql"):
        yield kept_engine(url, open_reader)
    else:
        reader = open_reader(url)
        yield reader
        reader.dispose()


@pytest.fixture
def archive(engine: Engine) -> Archive:
    return Archive(engine)


@pytest.fixture
def queries(engine: Engine, reader: Engine) -> Queries:
    return Queries(reader)
