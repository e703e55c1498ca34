"""The embedded database is brought up to date beside everything else."""

import logging
import os
from pathlib import Path

import pytest

from relayproxy.supervisor.migration import Migration
from tests.store.old import leave_old


async def test_what_else_there_is_to_do_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    leave_old(f"sqlite:///{tmp_path}/relayproxy.db")
    replaced: list[bool] = []

    async def replace() -> None:
        replaced.append(True)

    for _ in range(2):
        migration = Migration({**os.environ, "RELAYPROXY_DATA_DIR": str(tmp_path)}, replace)
        await migration.run()
        assert migration.tried.is_set()

    (said,) = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert "run `relayproxy rebuild` once" in said
    assert not replaced
