"""Schema revisions: whether a database has this version's schema.

Knows: which revisions there are, and what it means when a database has another one or none; that a later version may
only have added to the tables, and says so in the database.
Must not know: Alembic, whose import would double the time that a process takes to start.
"""

from functools import cache
from typing import Literal

from sqlalchemy import Connection, Engine, column, inspect, select, table

from relayproxy.assets import migrations_dir
from relayproxy.store.engine import database_location, sqlite_path
from relayproxy.store.errors import SchemaError, store_errors
from relayproxy.store.schema.tables import metadata, schema_compatibility

SchemaState = Literal["ready", "missing", "older", "newer", "foreign"]

OTHER = "use another --data-dir (or --database-url)"


def schema_state(engine: Engine) -> SchemaState:
    """The state of the database's schema compared with this version's: `missing` when there is no database or no table
    in it, `newer` when a later version has changed what this one uses, `foreign` when something else has made it.
    Raises `StoreError` when the database cannot be asked."""
    path = sqlite_path(engine.url)
    if path is not None and not path.exists():
        return "missing"
    with store_errors(), engine.connect() as db:
        return state_of(db)


def not_ready_reason(engine: Engine) -> str | None:
    """The reason why this version cannot use the database as it is, in words for the operator; None when it can."""
    state = schema_state(engine)
    return None if state == "ready" else words_of(engine, state)


def check_schema(engine: Engine) -> None:
    """Raises `SchemaError` unless the database has this version's schema, or that and more."""
    reason = not_ready_reason(engine)
    if reason:
        raise SchemaError(reason)


@cache
def revisions() -> tuple[str, ...]:
    """Every known revision, the newest first: the numbers that the files of migrations begin with."""
    files = (migrations_dir() / "versions").glob("[0-9]*_*.py")
    return tuple(sorted((file.name.partition("_")[0] for file in files), reverse=True))


def heads(db: Connection) -> tuple[str, ...]:
    """The revision of a database; empty when it has none."""
    # Alembic's own way to ask writes two lines to the log each time.
    if not inspect(db).has_table("alembic_version"):
        return ()
    return tuple(db.execute(select(column("version_num")).select_from(table("alembic_version"))).scalars())


def least_revision(db: Connection) -> str | None:
    """The revision whose version can still use the database, and so can all after it; None when that is not known."""
    if not inspect(db).has_table(schema_compatibility.name):
        return None
    return db.execute(select(schema_compatibility.c.least_revision)).scalar()


def state_of(db: Connection) -> SchemaState:
    """`schema_state` of a database that is there."""
    known = heads(db)
    if known and known == revisions()[:1]:
        return "ready"
    if known and set(known) <= set(revisions()):
        return "older"
    tables = set(inspect(db).get_table_names()) - {"alembic_version"}
    if known and tables & set(metadata.tables):
        return "ready" if least_revision(db) in revisions() else "newer"
    return "foreign" if tables else "missing"


def words_of(engine: Engine, state: SchemaState) -> str:
    """The meaning of a state and its remedy, in words for the operator."""
    where = database_location(engine)
    return {
        "missing": f"There is no relayproxy database at {where} yet: run `relayproxy migrate`",
        "older": f"The database at {where} is from an earlier version of relayproxy: run `relayproxy migrate`",
        "newer": f"The database at {where} was made by a newer relayproxy: upgrade relayproxy, or {OTHER}",
        "foreign": f"The database at {where} has tables that are not relayproxy's: {OTHER}",
        "ready": f"The database at {where} is ready",
    }[state]
