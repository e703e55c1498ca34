"""The way to the database.

Knows: how SQLite is opened so that one process writes while others read, and that nobody else may read the file.
Must not know: tables.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from relayproxy.errors import SettingError

BUSY_TIMEOUT = 5.0
"""Seconds to wait for another process's transaction before the database counts as unavailable."""
CACHE_KIB = 64 * 1024
_OPENED = "relayproxy_opened"

Identity = tuple[int, int]
"""Device and inode of a file."""


def open_engine(url: str) -> Engine:
    """An engine that reads and writes; nothing is opened before its first use.

    A SQLite file and its folder are created when missing, readable by their owner alone. Raises `SettingError`
    for a URL that cannot be used.
    """
    parsed = _parse(url)
    path = sqlite_path(parsed)
    if path is None:
        return _open(parsed, pool_pre_ping=True)
    engine = _open(parsed, creator=lambda: _connect_sqlite(path))
    event.listen(engine, "begin", _begin)
    event.listen(engine, "connect", lambda _, record: record.info.update({_OPENED: _identity(path)}))
    return engine


def open_reader(url: str) -> Engine:
    """An engine that cannot write and never creates anything; a missing SQLite file is an error of the query.

    SQLite is opened afresh for each use, so that a database that appears, or is replaced, later is found.
    Raises `SettingError` for a URL that cannot be used.
    """
    parsed = _parse(url)
    path = sqlite_path(parsed)
    if path is None:
        return _open(parsed, pool_pre_ping=True, execution_options={"postgresql_readonly": True})
    engine = _open(parsed, creator=lambda: _connect_sqlite(path, read_only=True), poolclass=NullPool)
    event.listen(engine, "begin", _begin)
    return engine


def writing(engine: Engine) -> Engine:
    """The same engine for transactions that write from their first statement: waits for other writers at the start
    instead of failing in the middle."""
    return engine.execution_options(relayproxy_writing=True)


def opened_file(db: Connection) -> Identity | None:
    """The file behind a connection of `open_engine`, as it was when it was opened; None when it is not SQLite."""
    found: Identity | None = db.info.get(_OPENED)
    return found


def present_file(db: Connection) -> Identity | None:
    """The file that has the database's name now; None when there is none."""
    path = sqlite_path(db.engine.url)
    try:
        return None if path is None else _identity(path)
    except FileNotFoundError:
        return None


def sqlite_path(url: URL) -> Path | None:
    """The database file, or None when the database is not SQLite."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _parse(url: str) -> URL:
    expected = "a SQLAlchemy URL such as sqlite:////var/lib/relayproxy/relayproxy.db is expected"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingError(f"database_url: {expected}") from None
    if parsed.get_backend_name() == "sqlite" and (parsed.database or "").partition("?")[0] in ("", ":memory:"):
        raise SettingError(f"database_url: {parsed}: a file that several processes can open is expected")
    return parsed


def _open(url: URL, **options: object) -> Engine:
    try:
        return create_engine(url, hide_parameters=True, **options)
    except (NoSuchModuleError, ModuleNotFoundError, ArgumentError) as problem:
        raise SettingError(f"database_url: {url.render_as_string()}: {problem}") from None


def _begin(connection: Connection) -> None:
    # sqlite3 would begin by itself, but only at the first INSERT and not for DDL.
    immediate = connection.get_execution_options().get("relayproxy_writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _connect_sqlite(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    if not read_only:
        _create_private(path)
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        if not read_only:
            if path.stat().st_size == 0:
                # Can hardly be changed once there is a table.
                connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def _identity(path: Path) -> Identity:
    found = path.stat()
    return found.st_dev, found.st_ino


def _create_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        # Never opens an existing file: closing it again would drop the locks this process holds on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
