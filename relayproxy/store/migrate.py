"""Bringing a database to this version's schema, and telling whether it is there.

Knows: Alembic, set up in code; that two migrations at once must take turns.
Must not know: what the tables are for.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, column, inspect, select, table

from relayproxy.assets import migrations_dir
from relayproxy.store.engine import open_engine, sqlite_path, writing
from relayproxy.store.errors import SchemaError, store_errors

SchemaState = Literal["ready", "missing", "older", "newer"]


def migrate(url: str) -> None:
    """Brings the database to this version's schema, creating it when needed; all or nothing on every database that
    can roll back DDL. Safe when run by several processes at once. Raises `StoreError`; `SchemaError` when the
    database comes from a later version."""
    engine = open_engine(url)
    try:
        with store_errors(), _alone(engine), writing(engine).begin() as db:
            if _state(_heads(db)) == "newer":
                raise SchemaError(_words(engine, "newer"))
            config = alembic_config()
            config.attributes["connection"] = db
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def schema_state(engine: Engine) -> SchemaState:
    """How the database's schema stands to this version's: `missing` when there is no database or no table in it,
    `newer` when a later version has been there. Raises `StoreError` when the database cannot be asked."""
    path = sqlite_path(engine.url)
    if path is not None and not path.exists():
        return "missing"
    with store_errors(), engine.connect() as db:
        return _state(_heads(db))


def not_ready_reason(engine: Engine) -> str | None:
    """Why this version cannot use the database as it is, in words for the person who runs it; None when it can."""
    state = schema_state(engine)
    return None if state == "ready" else _words(engine, state)


def check_schema(engine: Engine) -> None:
    """Raises `SchemaError` unless the database has exactly this version's schema."""
    reason = not_ready_reason(engine)
    if reason:
        raise SchemaError(reason)


def alembic_config() -> Config:
    """Alembic's configuration; whoever runs a command adds `attributes["connection"]`."""
    config = Config()
    # A ConfigParser reads it, to which % is special.
    config.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    return config


@cache
def _revisions() -> tuple[str, ...]:
    """Every known revision, the newest first."""
    scripts = ScriptDirectory.from_config(alembic_config())
    return tuple(script.revision for script in scripts.walk_revisions())


def _heads(db: Connection) -> tuple[str, ...]:
    # Alembic's own way to ask writes two lines to the log each time.
    if not inspect(db).has_table("alembic_version"):
        return ()
    return tuple(db.execute(select(column("version_num")).select_from(table("alembic_version"))).scalars())


def _state(heads: tuple[str, ...]) -> SchemaState:
    if not heads:
        return "missing"
    if heads == _revisions()[:1]:
        return "ready"
    return "older" if set(heads) <= set(_revisions()) else "newer"


def _words(engine: Engine, state: SchemaState) -> str:
    where = sqlite_path(engine.url) or engine.url.render_as_string()
    return {
        "missing": f"There is no relayproxy database at {where} yet: run `relayproxy migrate`",
        "older": f"The database at {where} is from an earlier version of relayproxy: run `relayproxy migrate`",
        "newer": f"The database at {where} is from a later version of relayproxy: use that version or another database",
        "ready": f"The database at {where} is ready",
    }[state]


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
