"""Purge: what was deleted leaves the files of a SQLite database.

Knows: where deleted rows go on in the files of SQLite: in older segments of the indexes of words, in the write-ahead
log, and as free pages; that others write meanwhile, who must never wait long.
Must not know: what was deleted.

Deleted rows and free pages are overwritten at once (`PRAGMA secure_delete`). What PostgreSQL does with them is its own
affair: autovacuum makes room for new rows, and `VACUUM FULL` writes tables anew.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Engine

from relayproxy.store.engine import writing
from relayproxy.store.errors import store_errors

MERGED = 8
"""Pages of an index of words that one step writes."""
STEPS = 50
"""Steps of one `merge` at most."""
FREED = 100
"""Free pages that one step gives back to the disk."""
INDEXES = ("turns_fts", "turns_bigrams")
CHECKPOINT_PATIENCE = 30.0
"""Seconds for which readers are waited for that still look at an older state of the database."""


def purge(engine: Engine, rest: Callable[[float], bool]) -> bool:
    """Takes what was deleted out of the files, in many short steps; True when nothing is left of it. After each step
    `rest` is called with its seconds; once that gives False, it stops. Raises `StoreError`. Of a server it does
    nothing."""
    if engine.dialect.name != "sqlite":
        return True
    for step in _steps(engine):
        began = time.monotonic()
        with store_errors():
            step()
        if not rest(time.monotonic() - began):
            return False
    return _checkpoint(engine, rest)


def merge_in_steps(engine: Engine) -> None:
    """From now on the indexes of words of a SQLite database are merged by `merge` alone. Left to themselves they merge
    within whatever transaction writes, which then may hold up others for a tenth of a second."""
    if engine.dialect.name == "sqlite":
        with store_errors(), writing(engine).begin() as db:
            for name in INDEXES:
                db.exec_driver_sql(f"INSERT INTO {name}({name}, rank) VALUES ('automerge', 0)")  # noqa: S608 (ours)


def merge(engine: Engine, rest: Callable[[float], bool]) -> None:
    """Merges what of the indexes of words is in many small segments, as `merge_in_steps` expects to be done every few
    seconds. `rest` as of `purge`."""
    if engine.dialect.name != "sqlite":
        return
    for name in INDEXES:
        one = _Merge(engine, name, MERGED)
        for _ in range(STEPS):
            began = time.monotonic()
            with store_errors():
                one.step()
            if one.done or not rest(time.monotonic() - began):
                break


def _steps(engine: Engine) -> Iterator[Callable[[], None]]:
    """Merges each index of words into one segment, in which nothing stands of what was deleted; then gives free pages
    back."""
    for name in INDEXES:
        # Negative: all segments, however few of a size there are.
        whole = _Merge(engine, name, -MERGED)
        while not whole.done:
            yield whole.step
    give = _Give(engine)
    while not give.done:
        yield give.step


class _Merge:
    def __init__(self, engine: Engine, name: str, pages: int) -> None:
        self._writing = writing(engine)
        self._statement = f"INSERT INTO {name}({name}, rank) VALUES ('merge', ?)"  # noqa: S608 (a name of ours)
        self._pages = pages
        self.done = False

    def step(self) -> None:
        with self._writing.begin() as db:
            before = _changes(db)
            db.exec_driver_sql(self._statement, (self._pages,))
            self.done = _changes(db) - before < 2  # so the documentation of FTS5
        self._pages = MERGED


class _Give:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._left: int | None = None
        self.done = False

    def step(self) -> None:
        connection = self._engine.raw_connection()
        try:
            # A statement of its own that gives a row for each page, which only a script goes through.
            connection.cursor().executescript(f"PRAGMA incremental_vacuum({FREED})")
            left = connection.cursor().execute("PRAGMA freelist_count").fetchone()[0]
        finally:
            connection.close()
        # A database without auto_vacuum keeps its free pages.
        self.done = left == 0 or left == self._left
        self._left = left


def _checkpoint(engine: Engine, rest: Callable[[float], bool]) -> bool:
    """Empties the write-ahead log; False when readers are in the way for too long."""
    deadline = time.monotonic() + CHECKPOINT_PATIENCE
    while True:
        began = time.monotonic()
        with store_errors():
            connection = engine.raw_connection()
            try:
                cursor = connection.cursor()
                # Writers do not wait for this one; what is left for the other, for which they do, is little.
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                (patience,) = cursor.execute("PRAGMA busy_timeout").fetchone()
                cursor.execute("PRAGMA busy_timeout = 0")
                try:
                    busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                finally:
                    cursor.execute(f"PRAGMA busy_timeout = {patience}")
            finally:
                connection.close()
        if not busy:
            return True
        if time.monotonic() > deadline or not rest(max(0.05, time.monotonic() - began)):
            return False


def _changes(db: Any) -> int:
    return int(db.exec_driver_sql("SELECT total_changes()").scalar_one())
