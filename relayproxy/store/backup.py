"""Backup: a consistent copy of a SQLite database while it is written; of another one, the command that makes it.

Knows: SQLite's backup interface; that a copy may be half made, and must not look like a whole one.
Must not know: tables; who asks.
"""

import os
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url

from relayproxy.store.engine import sqlite_path
from relayproxy.store.errors import DamagedFileError, StoreError, store_errors

PAGES = 500
"""Pages of one step."""
Progress = Callable[[int, int], None]
"""Takes the bytes that are copied, and those there are."""


class TakenError(StoreError):
    """There is a file of that name, which is left alone."""


def copy(source: Path, target: Path, told: Progress = lambda _done, _total: None) -> int:
    """Copies the database at `source` as it is at one moment to a new file `target`, readable by its owner alone, and
    reads the copy through; its bytes. Writers and readers go on meanwhile. Raises `TakenError`, and `StoreError` when
    either file cannot be read or written; then there is no `target`."""
    if target.exists() or target.is_symlink():
        raise _taken(target)
    part = target.with_name(target.name + ".part")
    if not source.exists():
        raise StoreError(f"There is no database at {source}")
    try:
        _create(part)
        with store_errors():
            _copy(source, part, told)
            _flush(part)
            _rename(part, target)
            return target.stat().st_size
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def sqlite_file(url: str) -> Path | None:
    """The database file of this URL; None when it is not SQLite."""
    return sqlite_path(make_url(url))


def dump_command(url: str, target: Path) -> str:
    """The shell command that makes a backup of the PostgreSQL database at `url`; without its password."""
    parsed = make_url(url)._replace(drivername="postgresql", password=None)
    location = shlex.quote(parsed.render_as_string(hide_password=False))
    return f"pg_dump -Fc -f {shlex.quote(str(target))} -d {location}"


def elsewhere(file: Path) -> tuple[int, tuple[str, ...]]:
    """How many parts of recordings a copy names that are not in it, and the buckets and folders that have them. Raises
    `StoreError`."""
    with store_errors(), closing(_open(file, "ro")) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'recording_places'").fetchone():
            return 0, ()  # of an earlier version
        parts = db.execute("SELECT count(*) FROM recordings WHERE object IS NOT NULL").fetchone()[0]
        return parts, tuple(root for (root,) in db.execute("SELECT root FROM recording_places ORDER BY root"))


def compacted(url: str) -> tuple[int, int]:
    """Writes the SQLite database anew, so that nothing in it is free, and free room goes back to the disk from then on;
    its bytes before and after. Writers wait meanwhile. Raises `StoreError`."""
    path = sqlite_file(url)
    if path is None:
        raise StoreError("The database is not SQLite; PostgreSQL has `VACUUM (FULL, ANALYZE)` for it")
    with store_errors(), closing(_open(path, "rw")) as db:
        pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return pages * size, path.stat().st_size


def _create(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as problem:
        raise StoreError(f"{part.parent}: a folder to write in is expected ({problem.strerror})") from None


def _copy(source: Path, part: Path, told: Progress) -> None:
    with closing(_open(source, "ro")) as db, closing(_open(part, "rw")) as copied:
        # One moment for all steps: else each commit meanwhile would make them begin again.
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        size = db.execute("PRAGMA page_size").fetchone()[0]
        db.backup(copied, pages=PAGES, progress=lambda _, left, total: told((total - left) * size, total * size))
        db.rollback()
        # A file by itself, without a log beside it.
        copied.execute("PRAGMA journal_mode=DELETE")
        found = str(copied.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if found != "ok":
            raise DamagedFileError(f"The copy is damaged ({found.splitlines()[-1]}), and so the database may be")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None)


def _rename(part: Path, target: Path) -> None:
    """Fails where somebody has made a file of that name meanwhile."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise _taken(target) from None
    except OSError:
        # There are file systems without hard links.
        if target.exists():
            raise _taken(target) from None
        part.rename(target)


def _taken(target: Path) -> TakenError:
    return TakenError(f"{target} exists and is left alone: give another name")


def _flush(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
