"""Folder: objects as files of a folder.

Knows: how a file is written so that it survives the machine, and is there as a whole or not at all; that nobody but
their owner may read files and folders; that a folder of a network may let its reader wait for ever.
Must not know: what objects are for.

Not obstore's own folders: they leave it to the system when a file reaches the disk, and let others read it.
"""

import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

from relayproxy.objects.place import Listed, MissingObjectError, ObjectsError, Place

READ = 10.0
"""Seconds that reading a file may take."""
_PART = ".part"


class Folder:
    """An `ObjectStore` in a folder, which is made with the first object."""

    def __init__(self, place: Place) -> None:
        folder = place.folder
        assert folder is not None
        self._place = place
        self._folder = folder

    def put(self, key: str, content: bytes) -> None:
        path = self._path(key)
        part = path.with_name(f".{secrets.token_hex(8)}{_PART}")
        with self._told():
            made = _make(path.parent)
            try:
                file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with open(file, "wb") as written:  # noqa: PTH123 (its mode)
                    written.write(content)
                    written.flush()
                    os.fsync(file)
                part.replace(path)
            except BaseException:
                with suppress(OSError):
                    part.unlink()
                raise
            for folder in (path.parent, *made):
                _flush(folder)

    def get(self, key: str) -> bytes:
        path = self._path(key)
        found = Future[bytes]()

        def read() -> None:
            try:
                found.set_result(path.read_bytes())
            except Exception as problem:
                found.set_exception(problem)

        # Which nobody can interrupt while the system waits for a server.
        threading.Thread(target=read, daemon=True).start()
        with self._told():
            try:
                return found.result(READ)
            except TimeoutError:
                raise ObjectsError(f"{self._place} does not answer: nothing was read in {READ:g} s") from None

    def written_at(self, key: str) -> int:
        with self._told():
            return self._path(key).stat().st_mtime_ns

    def delete(self, keys: Sequence[str]) -> None:
        with self._told():
            gone = set()
            for path in map(self._path, keys):
                with suppress(FileNotFoundError):
                    path.unlink()
                    gone.add(path.parent)
            for folder in gone:
                _flush(folder)

    def list(self, prefix: str) -> Iterator[Listed]:
        def fail(problem: OSError) -> None:
            if not isinstance(problem, FileNotFoundError):
                raise problem

        with self._told():
            for parent, _, names in os.walk(self._path(prefix), onerror=fail):
                for name in names:
                    if name.endswith(_PART):
                        continue
                    path = Path(parent, name)
                    with suppress(FileNotFoundError):
                        yield Listed(path.relative_to(self._folder).as_posix(), path.stat().st_mtime_ns)

    def _path(self, key: str) -> Path:
        if not key or not {"", ".", ".."}.isdisjoint(key.split("/")) or "\0" in key:
            raise ObjectsError(f"{self._place}: no object can have such a key")
        return self._folder / key

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise MissingObjectError(f"{self._place}: there is no such object") from None
        except OSError as problem:
            raise ObjectsError(f"{self._place} cannot be used: {problem.strerror or problem}") from None


def _make(folder: Path) -> list[Path]:
    """Makes the folder and those above it that are missing; the folders whose entries are new."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in missing:
        one.chmod(0o700)  # of parents mkdir does not say it
    return [one.parent for one in missing]


def _flush(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
