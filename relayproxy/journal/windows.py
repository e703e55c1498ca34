"""Window files: deflate windows of a journal's live connections, beside its segments.

Knows: names, rights and checksums of files `<connection>-<id>.window`: each has the two windows of one connection.
Must not know: what is in a window; when one is written, and which are needed.

A window is what was said, unredacted. It lies where the bytes lie that it was made of, and goes as they go.
"""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SUFFIX = ".window"
_HEAD = struct.Struct("<III")
"""Checksum of the id, the lengths and the windows; the length of each window."""
_MOST = 64 * 1024
"""Bytes of a window that are read at most."""


class Windows(NamedTuple):
    """The windows of a connection's two directions under an id that no others have; without an id when both are
    empty."""

    id: str = ""
    twilio: bytes = b""
    backend: bytes = b""


def write_windows(journal: Path, connection: int, windows: Windows) -> None:
    """Writes the file of these windows, readable by its owner alone. Raises OSError, and then leaves none."""
    lengths = struct.pack("<II", len(windows.twilio), len(windows.backend))
    content = lengths + windows.twilio + windows.backend
    path = _path(journal, connection, windows.id)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb", buffering=0) as raw:
            data = memoryview(struct.pack("<I", _checksum(windows.id, content)) + content)
            while data:
                data = data[raw.write(data) :]
    except OSError:
        path.unlink(missing_ok=True)
        raise


def read_windows(journal: Path, connection: int, id: str) -> Windows | None:
    """The windows that were written under this id; None when the file is gone, damaged or another's, or cannot be
    read."""
    try:
        with _path(journal, connection, id).open("rb") as file:
            content = file.read(_HEAD.size + 2 * _MOST)
    except OSError:
        return None
    if len(content) < _HEAD.size:
        return None
    checksum, first, second = _HEAD.unpack_from(content)
    if len(content) != _HEAD.size + first + second or _checksum(id, content[4:]) != checksum:
        return None
    middle = _HEAD.size + first
    return Windows(id, content[_HEAD.size : middle], content[middle:])


def delete_windows(journal: Path, needed: Callable[[int, str], bool] = lambda _connection, _id: False) -> None:
    """Deletes the window files that are not needed, told by connection and id. Raises OSError."""
    try:
        names = os.listdir(journal)
    except FileNotFoundError:
        return
    for name in names:
        connection, _, id = name.removesuffix(SUFFIX).partition("-")
        if name.endswith(SUFFIX) and not (connection.isdigit() and needed(int(connection), id)):
            (journal / name).unlink(missing_ok=True)


def _path(journal: Path, connection: int, id: str) -> Path:
    return journal / f"{connection}-{id}{SUFFIX}"


def _checksum(id: str, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(id.encode()))
