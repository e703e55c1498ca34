"""A console that asks who somebody is, on a database of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.door import Client, console_on, settings_in
from tests.databases import migrated


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    migrated(settings_in(tmp_path / "data").database)
    return tmp_path / "data"


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    async with console_on(settings_in(folder)) as client:
        yield client
