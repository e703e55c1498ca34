"""What can go wrong with a database, as errors for people.

Knows: how to say a driver's complaint in one line without the values that were being written.
Must not know: tables.
"""

import gzip
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError

from relayproxy.errors import RelayproxyError


class StoreError(RelayproxyError):
    """The database did not do what it was asked: unreachable, locked, full, read-only, damaged. Nothing was
    written by the call that raised it; the same call may succeed later."""


class AwayError(StoreError):
    """The database is locked or cannot be reached: the same call may soon succeed."""


class SchemaError(StoreError):
    """The database's schema is not the one that this version reads and writes."""


class ReplacedError(StoreError):
    """The database file is no longer the one that was written so far: nothing that is known of its rows holds."""


class DamagedError(StoreError):
    """Recorded messages cannot be read. Trying again will not help."""


class NotReady(StoreError):
    """There is nothing to read yet: no database, or not with this version's schema. The message says what to do."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns what SQLAlchemy, the driver and the file system raise into `StoreError`.

    Only the first line of the driver's own message is kept: the rest can quote rows, and content never
    appears in logs.
    """
    try:
        yield
    except DBAPIError as problem:
        raise _kind(problem.orig)(f"database: {_first_line(problem.orig or problem)}") from None
    except StatementError:
        # A value that no database would take is a mistake of ours, and trying again would not help.
        raise
    except (SQLAlchemyError, sqlite3.Error) as problem:
        raise _kind(problem)(f"database: {_first_line(problem)}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error, msgspec.DecodeError) as problem:
        raise DamagedError(f"database: a recording is damaged ({type(problem).__name__})") from None
    except OSError as problem:
        raise StoreError(f"database: {problem.strerror or problem}") from None


def _kind(problem: BaseException | None) -> type[StoreError]:
    if not isinstance(problem, sqlite3.Error):
        # Other drivers say `OperationalError` when the server is away.
        return AwayError if type(problem).__name__ == "OperationalError" else StoreError
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return AwayError
    return DamagedError if code == sqlite3.SQLITE_CORRUPT else StoreError


def _first_line(problem: BaseException) -> str:
    return str(problem).partition("\n")[0] or type(problem).__name__
