"""Migration of a PostgreSQL database while others use it.

Knows: that migrations take turns; that who waits for a table makes all others wait behind it, so that it waits briefly,
and again later; that indexes are built beside those who write.
Must not know: Alembic, what is migrated.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine, Index, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex

from relayproxy.retry import retry
from relayproxy.store.engine import database_location
from relayproxy.store.errors import SchemaError, StoreError
from relayproxy.store.schema.tables import metadata

T = TypeVar("T")

_ADVISORY_LOCK = 0x72656C61790001
"""The advisory lock of a migration; a number that other programs hardly use."""
_OLDEST = (12,)
_UTF8 = "create one with `createdb --template=template0 --encoding=UTF8`"
LOCK_TIMEOUT = "1s"
"""How long a migration waits for a table, and all others behind it."""
PAUSES = (0.5, 1.0, 2.0, 4.0, 5.0)
"""Seconds between two attempts."""
PATIENCE = 600.0
"""Seconds after which it is given up."""
_BUSY = {"55P03": "lock timeout", "40P01": "deadlock"}
_THERE = """
SELECT relation.relname, every.indisvalid FROM pg_index every JOIN pg_class relation ON relation.oid = every.indexrelid
    WHERE relation.relnamespace = current_schema()::regnamespace
"""


class _TakenError(Exception):
    """Somebody else migrates this database."""


def take_turns(db: Connection) -> None:
    """Keeps others from migrating this database until the transaction ends, whose statements may take long from now on,
    and wait briefly for locks. For an action of `again_while_busy`. Raises `SchemaError` for a server or a database
    that cannot be used."""
    if (db.dialect.server_version_info or _OLDEST) < _OLDEST:
        raise SchemaError(f"PostgreSQL {_OLDEST[0]} or newer is expected at {database_location(db.engine)}")
    encoding = db.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise SchemaError(f"The database at {database_location(db.engine)} has the encoding {encoding}: {_UTF8}")
    # An index is built once no snapshot from before is left: so nobody waits within a transaction, and that of whoever
    # builds it has ended its query, which it has when it begins with a statement that needs none.
    if not db.execute(select(func.pg_try_advisory_xact_lock(_ADVISORY_LOCK))).scalar_one():
        raise _TakenError
    limits = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "lock_timeout": LOCK_TIMEOUT}
    for name, value in limits.items():
        db.execute(text(f"SET LOCAL {name} = '{value}'"))


def again_while_busy(engine: Engine, action: Callable[[], T]) -> T:
    """The result of an action that ends by itself when others hold what it needs; it is begun again until they do not.
    Raises `StoreError` when others than migrations hold it for too long."""
    until = time.monotonic() + PATIENCE

    def failed(problem: Exception) -> None:
        if isinstance(problem, _TakenError):
            return
        busy = _BUSY.get(getattr(getattr(problem, "orig", None), "sqlstate", None) or "")
        if busy is None:
            raise problem
        if time.monotonic() > until:
            raise StoreError(
                f"The database at {database_location(engine)} could not be migrated in {PATIENCE:g} s ({busy}): end "
                "the transactions that hold its tables (pg_stat_activity shows them), and migrate again"
            ) from None

    return retry(action, PAUSES, errors=(_TakenError, DBAPIError), failed=failed)


def build_indexes(engine: Engine) -> None:
    """Builds every index of the schema that is not there, or only half; reading and writing go on meanwhile. For an
    action of `again_while_busy`."""
    with engine.connect() as db:
        if not _missing(db):
            return
    with engine.begin() as turn, engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        take_turns(turn)
        for index, is_there in _missing(db).items():
            if is_there:
                db.execute(text(f"DROP INDEX CONCURRENTLY {index.name}"))
            definition = str(CreateIndex(index).compile(dialect=db.dialect))
            db.execute(text(definition.replace("CREATE INDEX", "CREATE INDEX CONCURRENTLY", 1)))


def _missing(db: Connection) -> dict[Index, bool]:
    """The indexes that cannot be used, and whether what is left of a building that failed is there."""
    there = {row.relname: row.indisvalid for row in db.execute(text(_THERE))}
    return {index: str(index.name) in there for index in _indexes() if not there.get(str(index.name))}


def _indexes() -> list[Index]:
    found = (index for table in metadata.sorted_tables for index in table.indexes if not index.unique)
    return sorted(found, key=lambda index: str(index.name))
