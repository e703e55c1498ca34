"""Migrated databases for tests that are not about migrating: made once in a process, then copied.

Knows: that a copy of a file costs nothing, and migrating a database a fifth of a second.
Must not know: what is in the tables.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import make_url

from relayproxy.store.engine import sqlite_path
from relayproxy.store.schema.migrate import migrate


def migrated(url: str) -> None:
    """Makes the SQLite database of this URL as `migrate` does, folder and permissions too. It must not exist yet."""
    path = sqlite_path(make_url(url))
    assert path is not None
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 (its mode)
        file.write(_content())


@cache
def _content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "migrated.db")
        migrate(f"sqlite:///{path}")
        return path.read_bytes()
