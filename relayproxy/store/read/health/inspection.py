"""Inspection of a database: what it is, and whether it could be written. Nothing is.

Knows: how each kind of database tells its version, size and clock.
Must not know: what follows from it.
"""

import time
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, false, insert, literal, select, text

from relayproxy.store.engine import database_location, open_engine, open_reader, sqlite_path, writing
from relayproxy.store.errors import StoreError, store_errors
from relayproxy.store.schema import tables
from relayproxy.store.schema.revisions import SchemaState, heads, revisions, state_of, words_of

_FACTS = "SELECT current_setting('server_version'), pg_database_size(current_database()), pg_is_in_recovery()"
_ENCODING = "SHOW server_encoding"


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A database as it is. `unwritable` says why it could not be written now; None where it could, or was not tried."""

    where: str
    kind: str
    """With its version."""
    state: SchemaState
    words: str
    """What the state means, and what to do."""
    revision: str
    expected: str
    size: int = 0
    standby: bool = False
    encoding: str = "UTF8"
    unwritable: str | None = None
    ahead: float | None = None
    """Seconds by which its clock is ahead of this machine's, where it has one of its own."""


def inspect_database(url: str) -> DatabaseFacts:
    """The facts. Raises `StoreError` when the database does not answer or is damaged. A missing SQLite file is a state;
    none is made."""
    reader = open_reader(url)
    try:
        path = sqlite_path(reader.url)
        if path is not None and not path.exists():
            return DatabaseFacts(
                database_location(reader), "SQLite", "missing", words_of(reader, "missing"), "", revisions()[0]
            )
        with store_errors(), reader.connect() as db:
            state = state_of(db)
            found = DatabaseFacts(
                database_location(reader),
                _kind(db),
                state,
                words_of(reader, state),
                ", ".join(heads(db)),
                revisions()[0],
                size=_size(reader, db),
                standby=path is None and bool(db.execute(text(_FACTS)).one()[2]),
                encoding="UTF8" if path is not None else str(db.execute(text(_ENCODING)).scalar_one()),
                ahead=_ahead(db) if path is None else None,
            )
    finally:
        reader.dispose()
    return _with_writing(found, url) if state == "ready" else found


def _with_writing(found: DatabaseFacts, url: str) -> DatabaseFacts:
    engine = open_engine(url, create=False)
    try:
        with store_errors(), writing(engine).connect() as db, db.begin() as transaction:
            # Takes the locks and is judged as any write is; and inserts no row.
            columns = ("process", "at", "detail")
            none = select(literal(""), literal(0), literal("")).where(false())
            db.execute(insert(tables.heartbeats).from_select(columns, none))
            transaction.rollback()
    except StoreError as problem:
        return replace(found, unwritable=str(problem))
    finally:
        engine.dispose()
    return found


def _kind(db: Connection) -> str:
    if db.dialect.name == "sqlite":
        return f"SQLite {db.execute(text('SELECT sqlite_version()')).scalar_one()}"
    return f"PostgreSQL {str(db.execute(text(_FACTS)).one()[0]).split()[0]}"


def _size(engine: Engine, db: Connection) -> int:
    path = sqlite_path(engine.url)
    if path is None:
        return int(db.execute(text(_FACTS)).one()[1])
    files = (path.with_name(path.name + suffix) for suffix in ("", "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _ahead(db: Connection) -> float:
    before = time.time()
    theirs = float(db.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())
    return theirs - (before + time.time()) / 2
