"""Databases for tests that are not about migrating: migrated once in a process, then copied; and what SQLAlchemy has
compiled for one of them, and connections to a server, kept for the next.

Knows: that a copy of a file costs nothing, and migrating a database a fifth of a second; that every engine has a cache
of its own for what it has compiled, and that compiling takes more time than what tests then have it do; that a server
starts a process for each connection, which learns of every table anew.
Must not know: what is in the tables.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.util import LRUCache

from relayproxy.store.engine import sqlite_path
from relayproxy.store.schema.migrate import migrate
from relayproxy.store.schema.packing import detail_of


def migrated(url: str) -> None:
    """Makes the SQLite database of this URL as `migrate` does, folder and permissions too. It must not exist yet."""
    path = sqlite_path(make_url(url))
    assert path is not None
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Whoever waits for it finds it whole.
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 (its mode)
        file.write(_content())
    path.hardlink_to(new)
    new.unlink()


@cache
def _content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "migrated.db")
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


def details_in(path: Path) -> bytes:
    """The details of sessions and turns in a SQLite file: what is in them its bytes do not show."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = [row for table in ("sessions", "turns") for row in db.execute(f"SELECT detail, packed FROM {table}")]
    return "\n".join(detail_of(*row) for row in rows).encode()


def content_of(folder: Path) -> bytes:
    """All that lies in the database's files of a data folder, with the details of sessions and turns; recordings are
    compressed."""
    files = b"".join(path.read_bytes() for path in folder.glob("relayproxy.db*"))
    return files + details_in(folder / "relayproxy.db")


KEPT = 4
"""Engines whose connections are kept at a time."""
_kept: dict[tuple[str, Callable[[str], Engine]], Engine] = {}
staying: set[int] = set()
"""Processes of a server that are there for the connections of kept engines."""


def kept_engine(url: str, opened: Callable[[str], Engine]) -> Engine:
    """An engine on a server's database that a test uses alone; the next one on the same database gets it, too."""
    key = (url, opened)
    engine = _kept.pop(key, None)
    if engine is None:
        engine = opened(url)
        event.listen(engine, "connect", lambda connection, _: staying.add(connection.info.backend_pid))
    _kept[key] = engine  # as the last one
    while len(_kept) > KEPT:
        _kept.pop(next(iter(_kept))).dispose()
    return engine


def dispose_kept_engines() -> None:
    """Closes the connections that were kept."""
    while _kept:
        _kept.popitem()[1].dispose()


class _Compiled:
    """Statements that engines of this process have compiled. Their key begins with the engine's own dialect; those of
    two databases of one kind differ in nothing."""

    def __init__(self) -> None:
        self._kept: LRUCache[Any, Any] = LRUCache(2000)

    def get(self, key: tuple[Any, ...]) -> Any:
        return self._kept.get((key[0].name, *key[1:]))

    def __setitem__(self, key: tuple[Any, ...], statement: Any) -> None:
        self._kept[(key[0].name, *key[1:])] = statement


def share_compiled_statements() -> None:
    """From now on no engine of this process compiles what another has compiled."""
    kept = _Compiled()

    def use(connection: Connection) -> None:
        connection.execution_options(compiled_cache=kept)

    event.listen(Engine, "engine_connect", use)
