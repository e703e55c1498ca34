"""Integrity of a SQLite file that is in use.

Knows: the checks that are cheap, their interval, and how rarely all of the file is read.
Must not know: what the tables are for; how damage is handled.

A writer keeps a file's pages in memory, and does not notice that another program has overwritten or cut them.
So it is opened afresh for each look: its header and its tables' definitions are read, and its size is compared with
what it should be. `PRAGMA quick_check`, which reads all of it, follows when `REST` times its last duration is over.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from urllib.parse import quote

from sqlalchemy import make_url

from relayproxy.store.engine import database_location, open_reader, sqlite_path
from relayproxy.store.errors import DamagedFileError, ReplacedError, StoreError, store_errors
from relayproxy.store.schema.revisions import state_of, words_of

EVERY = 2.0
"""Seconds between two checks."""
REST = 200
"""Pause between two full checks, in multiples of the duration of one."""

LOOKS, AGAIN = 5, 0.1
"""How often a file that seems to be cut is looked at, and the seconds between two looks."""


class Integrity:
    """Checks a SQLite file; does nothing for another database. For one thread."""

    def __init__(self, url: str) -> None:
        self._engine = open_reader(url, afresh=True)
        self._path = sqlite_path(make_url(url))
        self._seen = False
        self._size = 0
        self._next = 0.0

    def look(self) -> None:
        """Raises `DamagedFileError` when the file is damaged or has lost what was in it before, `ReplacedError` when
        another version has migrated it or another database has been written over it, and `StoreError` when that cannot
        be told now."""
        if self._path is None:
            return
        with store_errors(), self._engine.connect() as db:
            state = state_of(db)
            if state != "ready":
                if state == "missing" and self._seen:
                    raise DamagedFileError(f"The database {self._path} has been emptied")
                if self._seen and state == "foreign":
                    raise ReplacedError(f"The database {self._path} has been overwritten with another one")
                if self._seen:
                    raise ReplacedError(words_of(self._engine, state))
                return
            self._seen = True
            pages, page_size = (
                int(db.exec_driver_sql(f"PRAGMA {of}").scalar_one()) for of in ("page_count", "page_size")
            )
            # The newest pages may be in the -wal alone, but what was in the file once is not taken out of it before
            # the database has become smaller; as long as this reads, it does not. It may have been, though, and grown
            # again since the last look: of that the file itself tells.
            size, before = self._path.stat().st_size, self._size
            if size < min(before, pages * page_size) and self._is_cut():
                raise DamagedFileError(f"The database {self._path} has been cut from {before} to {size} bytes")
            self._size = size
            if time.monotonic() >= self._next:
                # The deadline of a reader is for people who wait.
                db.connection.driver_connection.set_progress_handler(None, 0)  # type: ignore[union-attr]
                began = time.monotonic()
                found = str(db.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
                now = time.monotonic()
                self._next = now + REST * (now - began)
                if found != "ok":
                    raise DamagedFileError(
                        f"The database {database_location(self._engine)} is damaged ({found.splitlines()[-1]})"
                    )

    def _is_cut(self) -> bool:
        """Whether the file is shorter than its own header says, which is as of the last checkpoint. A checkpoint writes
        the header first, and so is given time."""
        for _ in range(LOOKS):
            try:
                # Without the -wal. Not by `open`: to close it again would drop the locks this process holds on it.
                file = sqlite3.connect(f"file:{quote(str(self._path))}?immutable=1", uri=True)
                try:
                    file.execute("PRAGMA page_count").fetchone()
                finally:
                    file.close()
            except sqlite3.DatabaseError:
                time.sleep(AGAIN)
            else:
                return False
        return True


class FileWatch:
    """Checks the file periodically, in a daemon thread."""

    def __init__(self, look: Callable[[], None], every: float = EVERY) -> None:
        self._look = look
        self._every = every
        self._found: StoreError | None = None
        threading.Thread(target=self._run, name="integrity", daemon=True).start()

    def check(self) -> None:
        """Raises what has been found, a `DamagedFileError` or `ReplacedError`. Never waits."""
        if self._found is not None:
            raise self._found

    def _run(self) -> None:
        while self._found is None:
            time.sleep(self._every)
            try:
                self._look()
            except (DamagedFileError, ReplacedError) as problem:
                self._found = problem
            except StoreError:
                continue  # the writer meets it too
