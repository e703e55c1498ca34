"""Database engines: connections for reading and writing, on SQLite and PostgreSQL.

Knows: how SQLite is opened so that one process writes while others read, and that nobody else may read the file; how
long PostgreSQL is waited for; that a read sees one state of the database, however many queries it takes.
Must not know: tables.
"""

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError, SQLAlchemyError

from relayproxy.errors import SettingError
from relayproxy.store.errors import DamagedFileError

BUSY_TIMEOUT = 5.0
"""Seconds to wait for another process's transaction before the database counts as unavailable."""
CACHE_KIB = 16 * 1024
"""Pages of SQLite that the connection of a writer keeps in memory. With 64 MiB a recorder takes as much processor time
and 50 MiB more, with 8 MiB a third more time, for 1,000 calls at a time in a file of 660 MiB."""
READER_CACHE_KIB = 8 * 1024
"""The same of each reader, of which there are as many as queries at once. With 64 MiB, eight scans at once of a file of
300 MB take 540 MiB, of which malloc keeps 200 MiB for its threads; with 8 MiB, 74 MiB, and 9 MiB are kept."""
_OPENED = "relayproxy_opened"

POSTGRESQL = "postgresql+psycopg"
_CONNECT = {
    "application_name": "relayproxy",
    "connect_timeout": "3",
    # A server whose machine is gone says nothing: without these one would wait for hours.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
"""libpq's parameters; a URL may say otherwise."""
LOCK_TIMEOUT, IDLE_TIMEOUT, READ_TIMEOUT, WRITE_TIMEOUT = "5s", "60s", "30s", "60s"
"""How long PostgreSQL waits for a lock of another session, for the next statement of a transaction, and for a
statement of a reader and of a writer to end."""
READ_SECONDS = 20.0
"""As the last of them, for SQLite."""
LOOK_AT_THE_CLOCK = 20_000
"""Steps of SQLite's machine, a fraction of a millisecond."""
KEPT_OPEN, MOST_OPEN = 5, 15
"""Connections to PostgreSQL that an engine keeps, and those that it has at most."""
POOL_TIMEOUT = 5.0
"""Seconds to wait for a connection that others of this engine use."""

Identity = tuple[int, int]
"""Device and inode of a file."""
_Files = tuple[Identity | None, Identity | None]
"""A SQLite file and its write-ahead log."""


def open_engine(url: str, *, create: bool = True) -> Engine:
    """An engine that reads and writes; nothing is opened before its first use.

    A SQLite file and its folder are created when missing, readable by their owner alone. Without `create` a missing one
    is an error of the use, and one that was put in the place of another is found by the next use, as each opens it: a
    writer that is kept would delete the write-ahead log of the new file when it closes the old one. Raises
    `SettingError` for a URL that cannot be used.
    """
    parsed = _parse(url)
    path = sqlite_path(parsed)
    if path is None:
        return _open_server(parsed, WRITE_TIMEOUT)
    options = {} if create else {"poolclass": NullPool}
    engine = _open(parsed, creator=lambda: _connect_sqlite(path, create=create), **options)
    _note_files(engine, path)
    return engine


def open_reader(url: str, *, afresh: bool = False) -> Engine:
    """An engine that cannot write and never creates anything; a missing SQLite file is an error of the query.

    SQLite is opened again once another file is in its place, so that a database that appears, or is replaced, later is
    found; between uses nothing is kept of it but the definitions of its tables, to read which takes longer than most
    uses, and with `afresh` not even these. A use ends with an error after `READ_SECONDS`, since who asked may be gone
    by then.
    Raises `SettingError` for a URL that cannot be used.
    """
    parsed = _parse(url)
    path = sqlite_path(parsed)
    if path is None:
        return reading(_open_server(parsed, READ_TIMEOUT))
    options = {"poolclass": NullPool} if afresh else {"pool_size": KEPT_OPEN, "max_overflow": -1}
    engine = _open(parsed, creator=lambda: _connect_sqlite(path, read_only=True), **options)
    _note_files(engine, path)
    event.listen(engine, "checkout", lambda _connection, record, _: _refuse_replaced(record.info[_OPENED], path))
    event.listen(engine, "checkout", _set_deadline)
    if not afresh:
        event.listen(engine, "checkin", _shrink)
    return engine


def write_back(engine: Engine) -> None:
    """Has SQLite write into the file what its log holds, as far as no reader is in the way. A last writer does at its
    end, but not while readers have the file open; and who copies the file once all is stopped may copy it alone."""
    if engine.dialect.name == "sqlite":
        with suppress(SQLAlchemyError), closing(engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")


def writing(engine: Engine) -> Engine:
    """The same engine for transactions that write from their first statement: waits for other writers at the start
    instead of failing in the middle."""
    return engine.execution_options(relayproxy_writing=True)


def reading(engine: Engine) -> Engine:
    """The same engine for reads of several queries that belong together: they see one state of the database."""
    if engine.dialect.name == "sqlite":
        return engine  # every transaction does
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def database_location(engine: Engine) -> str:
    """The database's location for messages: the URL without anything that may be a secret."""
    url = engine.url
    path = sqlite_path(url)
    if path is not None:
        return str(path)
    hosts = url.query.get("host", ())
    host = url.host or ",".join([hosts] if isinstance(hosts, str) else hosts)
    shown = f"[{host}]" if url.host and ":" in host else host
    return f"{url.get_backend_name()}://{shown}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def opened_file(db: Connection) -> Identity | None:
    """The file behind a connection of `open_engine`, as it was when it was opened; None when it is not SQLite."""
    found: tuple[Identity | None, ...] | None = db.info.get(_OPENED)
    return found[0] if found else None


def is_in_place(db: Connection) -> bool:
    """False when a connection of `open_engine` writes to a file that has been deleted or replaced, or to a write-ahead
    log that has: open files can be written for ever after their names are gone."""
    path = sqlite_path(db.engine.url)
    return path is None or _in_place(db.info[_OPENED], path)


def sqlite_path(url: URL) -> Path | None:
    """The database file, or None when the database is not SQLite."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _parse(url: str) -> URL:
    expected = (
        "a SQLAlchemy URL such as sqlite:////var/lib/relayproxy/relayproxy.db or "
        "postgresql://user:password@host/relayproxy is expected"
    )
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter of a port that is none
        raise SettingError(f"database_url: {expected}") from None
    if "@" in (parsed.host or ""):
        raise SettingError("database_url: an @ in user name or password is expected as %40")
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername=POSTGRESQL)
    if parsed.get_backend_name() == "sqlite" and (parsed.database or "").partition("?")[0] in ("", ":memory:"):
        raise SettingError(f"database_url: {parsed}: a file that several processes can open is expected")
    return parsed


def _open_server(url: URL, statement_timeout: str) -> Engine:
    if url.drivername != POSTGRESQL:
        raise SettingError(f"database_url: SQLite or PostgreSQL is expected, and this is {url.drivername}")
    engine = _open(
        url,
        pool_pre_ping=True,
        pool_size=KEPT_OPEN,
        max_overflow=MOST_OPEN - KEPT_OPEN,
        pool_timeout=POOL_TIMEOUT,
        connect_args={name: value for name, value in _CONNECT.items() if name not in url.query},
    )
    limits = {
        "lock_timeout": LOCK_TIMEOUT,
        "idle_in_transaction_session_timeout": IDLE_TIMEOUT,
        "statement_timeout": statement_timeout,
    }
    # For one transaction each: behind PgBouncer the next one may have another session of the server.
    settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in limits.items())

    from relayproxy.store.postgresql import Server  # its driver is not needed where the database is SQLite

    server = Server()
    event.listen(engine, "do_connect", lambda _dialect, _record, _args, parameters: server.connect(**parameters))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(f"SELECT {settings}").close())
    return engine


def _open(url: URL, **options: object) -> Engine:
    try:
        return create_engine(url, hide_parameters=True, **options)
    except (NoSuchModuleError, ModuleNotFoundError, ArgumentError) as problem:
        raise SettingError(f"database_url: {url.drivername}: {problem}") from None


def _begin(connection: Connection) -> None:
    # sqlite3 would begin by itself, but only at the first INSERT and not for DDL.
    immediate = connection.get_execution_options().get("relayproxy_writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _readable(text: bytes) -> str:
    """A text of SQLite, whatever its bytes are: by itself it refuses every row of an answer with a damaged byte in one,
    and quotes the text."""
    return text.decode(errors="replace")


def _connect_sqlite(path: Path, *, read_only: bool = False, create: bool = False) -> sqlite3.Connection:
    if create:
        _create_private(path)
    _refuse_emptied(path)
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.text_factory = _readable
    try:
        if not read_only:
            if path.stat().st_size == 0:
                # Can hardly be changed once there is a table.
                connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            # What is deleted is overwritten, in pages that are free then, too.
            connection.execute("PRAGMA secure_delete=ON")
        connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB if read_only else CACHE_KIB}")
        if not read_only:
            # Who has made a file one with a log opens the log, and keeps others from deleting it, at the first read
            # alone; the log that is noted of a connection has to be the one that it writes to.
            connection.execute("PRAGMA schema_version").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _note_files(engine: Engine, path: Path) -> None:
    event.listen(engine, "begin", _begin)
    event.listen(engine, "connect", lambda _, record: record.info.update({_OPENED: _files(path)}))


def _refuse_replaced(opened: _Files, path: Path) -> None:
    """Has a connection to a file that is not in its place opened again, before its next use."""
    if not _in_place(opened, path):
        raise DisconnectionError
    _refuse_emptied(path)


def _set_deadline(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
    deadline = time.monotonic() + READ_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, LOOK_AT_THE_CLOCK)


def _shrink(connection: sqlite3.Connection | None, _record: object) -> None:
    """Has a connection that nobody uses give up the pages that it has read: they may be cut or overwritten."""
    if connection is not None:
        connection.execute("PRAGMA shrink_memory")


def _refuse_emptied(path: Path) -> None:
    """SQLite would delete the write-ahead log of an empty file, and with it what could still be recovered."""
    with suppress(FileNotFoundError):
        if path.stat().st_size == 0 and path.with_name(path.name + "-wal").stat().st_size:
            raise DamagedFileError(f"The database {path} is empty, and its write-ahead log is not")


def _in_place(opened: _Files, path: Path) -> bool:
    (file, log), (file_now, log_now) = opened, _files(path)
    # SQLite makes the log when it first needs it.
    return file == file_now and log in (None, log_now)


def _files(path: Path) -> _Files:
    return _identity(path), _identity(path.with_name(path.name + "-wal"))


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _create_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        # Never opens an existing file: closing it again would drop the locks this process holds on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
