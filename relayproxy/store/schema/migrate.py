"""Migration: brings a database to this version's schema.

Knows: Alembic, set up in code and imported only when there is something to migrate, since that takes as long as all the
rest; that two migrations at once must take turns; which versions can use what it leaves; the remedy when one fails.
Must not know: what the tables are for.
"""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, column, delete, insert, make_url, table
from sqlalchemy.exc import DBAPIError

from relayproxy.assets import migrations_dir
from relayproxy.store.engine import open_engine, sqlite_path, writing
from relayproxy.store.errors import DamagedFileError, SchemaError, StoreError, store_errors
from relayproxy.store.quarantine import quarantine_path
from relayproxy.store.schema.needs_rebuild import DERIVES, any_session
from relayproxy.store.schema.revisions import OTHER, heads, revisions, state_of, words_of
from relayproxy.store.schema.server_migration import again_while_busy, build_indexes, take_turns
from relayproxy.store.schema.tables import schema_compatibility

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

_FULL_TEXT = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%USING fts5%'"
_LOOK = "see to it that it and its folder can be read and written"
_ROOM = "make room on that disk"
_REMEDIES = {
    sqlite3.SQLITE_FULL: _ROOM,
    sqlite3.SQLITE_BUSY: "another program holds it; end that one",
    sqlite3.SQLITE_IOERR: "see to it that the disk is well and has room",
    sqlite3.SQLITE_PERM: _LOOK,
    sqlite3.SQLITE_READONLY: _LOOK,
    sqlite3.SQLITE_CANTOPEN: _LOOK,
}


class DamagedDatabaseError(DamagedFileError):
    """The same, with a remedy. `what` says so without one."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}. Move it away (with its -wal and -shm) and a new one is made, or bring back a copy")
        self.what = what


def migrate(url: str, *, thorough: bool = False) -> bool:
    """Brings the database to this version's schema, creating it when needed; all or nothing on every database that
    can roll back DDL. Safe when run by several processes at once. Raises `StoreError` with what is wrong and what to
    do; `SchemaError` when the database comes from a later version or is something else's; `DamagedDatabaseError`.

    `thorough` reads all of a SQLite file first, to find any damage.

    True when it has sessions now whose new columns are empty until they are rebuilt."""
    engine = open_engine(url)
    try:
        with store_errors(), _explained(sqlite_path(engine.url)), _alone(engine):
            if engine.dialect.name == "sqlite":
                return _migrated(engine, thorough)
            needs_rebuild = again_while_busy(engine, lambda: _migrated(engine, thorough))
            again_while_busy(engine, lambda: build_indexes(engine))
            return needs_rebuild
    finally:
        engine.dispose()


def _migrated(engine: Engine, thorough: bool) -> bool:
    with writing(engine).begin() as db:
        if db.dialect.name == "postgresql":
            take_turns(db)
        if thorough and db.dialect.name == "sqlite":
            _look_through(db)
        state = state_of(db)
        if state in ("newer", "foreign"):
            raise SchemaError(words_of(engine, state))
        if state == "ready":
            return False
        pending = _pending(db)
        _upgrade(db)
        # A new database has had no revision, and no sessions.
        return bool(DERIVES.intersection(pending)) and any_session(db)


def _look_through(db: Connection) -> None:
    found = str(db.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    if found != "ok":
        raise DamagedDatabaseError(f"The database {sqlite_path(db.engine.url)} is damaged ({found.splitlines()[-1]})")
    for name in db.exec_driver_sql(_FULL_TEXT).scalars().all():
        # Which are not looked through by it.
        db.execute(insert(table(name, column(name))), {name: "integrity-check"})


def set_aside(url: str) -> Path:
    """Moves a SQLite file, with its -wal and -shm, to `<name>.corrupt-<UTC time>` next to it, and gives that path.
    Nobody may be writing to it. Raises `StoreError`."""
    path = sqlite_path(make_url(url))
    assert path is not None
    aside = quarantine_path(path)
    with store_errors(), _explained(path):
        if aside.exists():
            raise FileExistsError(errno.EEXIST, "one was moved aside in this very second", str(aside))
        # The file itself last: SQLite deletes the -wal of a file that is not there.
        for suffix in ("-wal", "-shm", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
    return aside


def _upgrade(db: Connection) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config()
    config.attributes["connection"] = db
    command.upgrade(config, "head")
    db.execute(delete(schema_compatibility))
    db.execute(insert(schema_compatibility), {"least_revision": _least(ScriptDirectory.from_config(config))})


def _least(scripts: "ScriptDirectory") -> str:
    """The newest revision that has not only added to what was there: an earlier version does not know the tables."""
    changes = (one.revision for one in scripts.walk_revisions() if not getattr(one.module, "additive", False))
    return next(changes)


def alembic_config() -> "Config":
    """Alembic's configuration; the caller adds `attributes["connection"]`."""
    from alembic.config import Config

    config = Config()
    # A ConfigParser reads it, to which % is special.
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    return config


def _pending(db: Connection) -> tuple[str, ...]:
    """The revisions that are still to come."""
    present, known = heads(db), revisions()
    return known[: known.index(present[0])] if present else known


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    path = sqlite_path(engine.url)
    if path is None:
        yield
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_name(path.name + ".migrating"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def _explained(path: Path | None) -> Iterator[None]:
    """Adds the SQLite file's name and a remedy to errors of SQLite and the file system."""
    try:
        yield
    except DBAPIError as problem:
        cause = problem.orig
        if path is None or not isinstance(cause, sqlite3.Error):
            raise
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest says where exactly
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise DamagedDatabaseError(f"The database {path} is damaged ({cause})") from None
        raise StoreError(f"The database {path} cannot be used ({cause}): {_REMEDIES.get(code, OTHER)}") from None
    except DamagedDatabaseError:
        raise
    except DamagedFileError as problem:
        raise DamagedDatabaseError(str(problem)) from None
    except OSError as problem:
        remedy = _ROOM if problem.errno in (errno.ENOSPC, errno.EDQUOT) else _LOOK
        raise StoreError(f"The database {path} cannot be used ({problem.strerror or problem}): {remedy}") from None
