"""Database errors, in words for people.

Knows: how to say a driver's complaint in one line without the values that were being written.
Must not know: tables.
"""

import gzip
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import msgspec
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from relayproxy.errors import RelayproxyError

_AWAY = {
    "25006": "read-only transaction: a standby, until it is promoted",
    "25P03": "idle in transaction",
    "40001": "serialization failure",
    "40P01": "deadlock",
    "53300": "too many connections",
    "55P03": "lock timeout",
    "57014": "statement timeout",
    "57P01": "admin shutdown",
    "57P02": "crash shutdown",
    "57P03": "cannot connect now",
    "57P05": "idle session timeout",
}
"""PostgreSQL's SQLSTATEs of transient errors; so is all of class 08, connections."""
_DAMAGED = ("XX001", "XX002")
_FORBIDDEN = "42501"
"""Of class 42, statements that are wrong, the one that the database's administrator has to resolve."""
_TOO_LONG = "database: looking for it took too long; ask for less: a shorter time (since:24h), or longer words"
_REFUSED = ("authentication failed", "does not exist", "no pg_hba.conf entry", "not permitted to log in")
"""PostgreSQL's messages to a client that it will never admit; other failures to connect may pass."""


class StoreError(RelayproxyError):
    """The database did not do what it was asked: unreachable, locked, full, read-only, damaged. Nothing was
    written by the call that raised it; the same call may succeed later."""


class AwayError(StoreError):
    """The database is locked or cannot be reached: the same call may soon succeed."""


class RefusedError(StoreError):
    """The database does not take the statement, or a value in it: a mistake of ours, and trying again will not help."""


class SlowError(StoreError):
    """The query took longer than one may."""


class SchemaError(StoreError):
    """The database's schema is not the one that this version reads and writes."""


class ReplacedError(StoreError):
    """The database is no longer the one that was written so far: nothing that is known of its rows holds."""


class OvertakenError(StoreError):
    """Another recorder was first. It has written `sessions` since this one read or wrote them: they are to be read
    again. And it has begun others with the VX ids of the sessions `named_alike`, which may belong to them."""

    def __init__(self, sessions: Iterable[str] = (), named_alike: Iterable[str] = ()) -> None:
        self.sessions, self.named_alike = tuple(sessions), tuple(named_alike)
        number = len(self.sessions) + len(self.named_alike)
        super().__init__(f"another recorder has written {number} of the same sessions")


class UnreadableError(StoreError):
    """Recorded messages cannot be read. Trying again will not help."""


class DamagedFileError(UnreadableError):
    """The SQLite file itself is damaged, or is none."""


class NotReady(StoreError):
    """There is nothing to read yet: no database, or not with this version's schema. The message says what to do."""


@contextmanager
def store_errors() -> Iterator[None]:
    """Translates exceptions of SQLAlchemy, the driver and the file system into `StoreError`.

    Only the first line of the driver's own message is kept: the rest can quote rows, and content never
    appears in logs.
    """
    try:
        yield
    except DBAPIError as problem:
        if _took_too_long(problem.orig) and not _writes(problem.statement):
            raise SlowError(_TOO_LONG) from None
        raise _kind(problem.orig)(f"database: {_first_line(problem.orig or problem)}") from None
    except StatementError:
        # A value that no database would take is a mistake of ours, and trying again would not help.
        raise
    except (SQLAlchemyError, sqlite3.Error) as problem:
        raise _kind(problem)(f"database: {_first_line(problem)}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error, msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise UnreadableError(f"database: a recording is damaged ({type(problem).__name__})") from None
    except OSError as problem:
        raise StoreError(f"database: {problem.strerror or problem}") from None


def _took_too_long(problem: BaseException | None) -> bool:
    if isinstance(problem, sqlite3.Error):
        return getattr(problem, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_INTERRUPT
    return _state(problem) == "57014" and "statement timeout" in str(problem)


def _writes(statement: str | None) -> bool:
    return (statement or "").lstrip().startswith(("INSERT", "UPDATE", "DELETE"))


def _kind(problem: BaseException | None) -> type[StoreError]:
    if isinstance(problem, sqlite3.Error):
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return AwayError
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return DamagedFileError
        wrong = isinstance(problem, sqlite3.ProgrammingError | sqlite3.DataError) or code == sqlite3.SQLITE_ERROR
        return RefusedError if wrong else StoreError
    state = _state(problem)
    if _is_refused(problem, state):
        return RefusedError
    if state is None:
        # No answer of a server: there is no connection, or there is none any more.
        lost = _no_answer(problem) or isinstance(problem, NoConnectionFree)
        return AwayError if lost and not any(word in str(problem) for word in _REFUSED) else StoreError
    if state in _AWAY or state.startswith("08"):
        return AwayError
    return UnreadableError if state in _DAMAGED else StoreError


def _is_refused(problem: BaseException | None, state: str | None) -> bool:
    if state is None:
        # The driver itself did not take it.
        return any(kind.__name__ in ("DataError", "ProgrammingError") for kind in type(problem).__mro__)
    return state != _FORBIDDEN and state.startswith(("22", "42"))


def _state(problem: BaseException | None) -> str | None:
    """PostgreSQL's SQLSTATE. The driver is not imported for it: with SQLite it is not needed."""
    found: str | None = getattr(problem, "sqlstate", None)
    return found


def _first_line(problem: BaseException) -> str:
    state = _state(problem)
    if state is not None and state.startswith("22"):
        # Data exceptions quote the value.
        return f"{type(problem).__name__} ({state})"
    text = str(problem)
    if state is None and _no_answer(problem):
        # There are no rows to quote, and with several hosts the first line says nothing.
        text = " ".join(text.split())
    # As part of a sentence.
    return text.partition("\n")[0].rstrip(".") or type(problem).__name__


def _no_answer(problem: BaseException | None) -> bool:
    names = [kind.__name__ for kind in type(problem).__mro__]
    return "OperationalError" in names and not isinstance(problem, sqlite3.Error)
