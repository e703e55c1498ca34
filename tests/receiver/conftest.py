"""A migrated SQLite database, with its writer and its reader: what the receiver asks of either kind is tested in the
store."""

from pathlib import Path

import pytest

from tests.databases import migrated
from tests.store.conftest import archive, engine, queries, reader

__all__ = ["archive", "engine", "queries", "reader", "url"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/data/relayproxy.db"
    migrated(url)
    return url
