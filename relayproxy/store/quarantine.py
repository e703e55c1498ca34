"""Quarantine: SQLite files that were moved aside because they were damaged.

Knows: their names, which hold the time of moving.
Must not know: what is damaged; when files are moved.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from relayproxy.store.engine import sqlite_path

_MARK = ".corrupt-"
_TIME = "%Y%m%dT%H%M%SZ"
_PARTS = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class MovedDatabase:
    """A file that was moved aside at `at` (wall nanoseconds), and its bytes with those of its -wal and -shm."""

    path: Path
    at: int
    bytes: int


def quarantine_path(path: Path) -> Path:
    """The path to move a damaged database file to now."""
    return path.with_name(f"{path.name}{_MARK}{datetime.now(UTC):{_TIME}}")


def moved_aside(url: str) -> tuple[MovedDatabase, ...]:
    """Moved files beside the SQLite file of this URL, the newest first; empty for another database, and where the
    folder cannot be read."""
    path = sqlite_path(make_url(url))
    if path is None:
        return ()
    return tuple(sorted(_found(path), key=lambda one: one.at, reverse=True))


def _found(path: Path) -> Iterator[MovedDatabase]:
    with suppress(OSError):
        for one in path.parent.iterdir():
            name, mark, time = one.name.partition(_MARK)
            if name != path.name or not mark:
                continue
            with suppress(ValueError):  # of a -wal, a -shm and whatever else people name so
                at = datetime.strptime(time, _TIME).replace(tzinfo=UTC)
                yield MovedDatabase(one, int(at.timestamp()) * 1_000_000_000, sum(map(_size, _parts(one))))


def _parts(path: Path) -> Iterator[Path]:
    return (path.with_name(path.name + suffix) for suffix in _PARTS)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
