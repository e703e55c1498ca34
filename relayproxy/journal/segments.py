"""Journal segments: names and paths of journals and their files.

Knows: a journal is a folder `<journal folder>/<journal id>/` with segments `00000001.seg`, `00000002.seg`, … and a
file `lock` that the living writer holds; folders are 0700 and files 0600.
Must not know: what is in a segment.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Container
from datetime import UTC, datetime
from pathlib import Path

LOCK = "lock"
SUFFIX = ".seg"
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}-")
"""How the name of a journal begins. A folder that is a disk of its own also has what its file system keeps there."""


def segment_path(journal: Path, number: int) -> Path:
    """Path of segment `number` (from 1) of a journal."""
    return journal / f"{number:08d}{SUFFIX}"


def segment_numbers(journal: Path) -> list[int]:
    """The segments present, ascending; none when the folder is gone, or may not be looked into."""
    try:
        names = os.listdir(journal)
    except (FileNotFoundError, PermissionError):
        return []
    return sorted(int(name.removesuffix(SUFFIX)) for name in names if name.endswith(SUFFIX) and name[:8].isdigit())


def journal_paths(folder: Path, but: Container[str] = ()) -> list[Path]:
    """The journals in a journal folder, oldest first, without those whose names are in `but`; those still being created
    (a leading dot) are left out. One that may not be looked into is among them: it is nothing to do with the others."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    new = sorted(name for name in names if name not in but and _NAME.match(name))
    return [folder / name for name in new if _has_lock(folder / name)]


def _has_lock(journal: Path) -> bool:
    try:
        return (journal / LOCK).exists()
    except OSError:
        return True


def create_journal(folder: Path) -> tuple[Path, int]:
    """Makes a new journal with the lock held and returns its path and the lock's descriptor.

    It appears under its name only once it is locked, so that no reader takes it for a dead writer's. Raises OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    hidden = folder / f".{name}"
    hidden.mkdir(mode=0o700)
    lock = os.open(hidden / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / name
        hidden.rename(path)
    except BaseException:
        os.close(lock)
        raise
    return path, lock


def writer_is_alive(journal: Path) -> bool:
    """True when a process holds the journal's lock; False when none does, or when the journal is gone."""
    try:
        # As a text: this is asked of every journal many times a second.
        lock = os.open(f"{journal}/{LOCK}", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def life_shown_at(journal: Path) -> int | None:
    """Wall time in nanoseconds, by the clock of its machine, at which the journal's writer last showed life; None when
    the journal is gone."""
    try:
        return (journal / LOCK).stat().st_mtime_ns
    except FileNotFoundError:
        return None


def size_of(folder: Path) -> int:
    """Bytes in all segments of all journals of a journal folder."""
    total = 0
    for journal in journal_paths(folder):
        for number in segment_numbers(journal):
            try:
                total += segment_path(journal, number).stat().st_size
            except FileNotFoundError:
                continue
    return total
