"""A migrated database of each kind, with its writer and its reader."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from relayproxy.store.archive import Archive
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.migrate import migrate
from relayproxy.store.queries import Queries


@pytest.fixture(params=["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    assert request.param == "sqlite"
    return f"sqlite:///{tmp_path}/data/relayproxy.db"


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
