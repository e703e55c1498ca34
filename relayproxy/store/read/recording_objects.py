"""Recording objects: parts of recordings that lie in a bucket or a folder, and are named by their rows.

Knows: how a row names an object and its place; that an object never changes, so that what was fetched may be kept in
memory; how a place is recognised as the one that this database's recordings were moved to.
Must not know: what lines are; who moves parts there.

Objects are fetched whole: a part has at most eight megabytes of lines, mostly some kilobytes when packed, and packed
lines are read from their beginning.
"""

import hashlib
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import MissingObjectError, ObjectsError, Place
from relayproxy.store.errors import StoreError, UnreadableError
from relayproxy.store.schema.tables import recording_places

CACHED = 16 * 1024 * 1024
"""Bytes of objects that a process keeps in memory, of those that it fetched last."""
MARKER = "relayproxy"
"""The name of the object that tells a place of recordings from an empty folder or another server's bucket."""


MARK = b"Recordings of relayproxy"
"""How that object begins."""


class RecordingAwayError(StoreError):
    """The recording lies at a place that does not answer, or does not give it. The same call may succeed later."""


class RecordingMissingError(UnreadableError):
    """The place of the recording answers, and the recording is not there as it was written."""


@dataclass(frozen=True, slots=True)
class MovedPart:
    """A part of a recording that lies in an object: `key` at `place`, whose bytes have the hash `sha256`. The first of
    its `count` lines is message `first_seq` of the connection."""

    connection: str
    first_seq: int
    count: int
    place: Place
    key: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.place.root}/{self.key}"


def moved_part(db: Connection, row: Any) -> MovedPart:
    """The part that a row of `recordings` names. Raises `RecordingMissingError` where the place is not known."""
    p = recording_places.c
    place = db.execute(
        select(p.root, p.endpoint, p.path_style).where(p.id == str(row.object).partition("/")[0])
    ).first()
    if place is None:
        raise RecordingMissingError(f"the recording lies in {row.object}, and the place of that is not known here")
    return MovedPart(row.connection, row.first_seq, row.n, Place(*place), row.object, row.sha256)


def fetch(part: MovedPart) -> bytes:
    """The bytes of a part, as they were in its row. To be called without a transaction open: it may take twenty
    seconds. Raises `RecordingAwayError` and `RecordingMissingError`."""
    found = _cache.get(part)
    if found is not None:
        return found
    try:
        store = open_objects(part.place)
        try:
            found = store.get(part.key)
        except MissingObjectError:
            found = None
        is_written = found is not None and hashlib.sha256(found).hexdigest() == part.sha256
        if not is_written:
            require_marker(part.place, part.key.partition("/")[0])
    except ObjectsError as problem:
        raise RecordingAwayError(f"the recording lies in {part}, and cannot be fetched: {problem}") from None
    if found is None:
        raise RecordingMissingError(f"the recording should lie in {part}, and is not there any more")
    if not is_written:
        raise RecordingMissingError(f"the recording in {part} is not what was written there: its hash is another one")
    _cache.put(part, found)
    return found


def marker_key(id: str) -> str:
    """The key of the marker of a place with that id."""
    return f"{id}/{MARKER}"


def require_marker(place: Place, id: str) -> None:
    """Raises `ObjectsError` unless the place is the one that it was when recordings were first moved there."""
    with suppress(MissingObjectError):
        if open_objects(place).get(marker_key(id)).startswith(MARK):
            return
    raise ObjectsError(
        f"{place} answers and is not the place that recordings were moved to ({marker_key(id)} is not there): "
        "see that the folder is mounted, and that it is the right server"
    )


class _Cache:
    """Bytes of the parts that were asked for last. May be used by several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[MovedPart, bytes] = OrderedDict()
        self._size = 0

    def get(self, part: MovedPart) -> bytes | None:
        with self._lock:
            if part in self._kept:
                self._kept.move_to_end(part)
            return self._kept.get(part)

    def put(self, part: MovedPart, content: bytes) -> None:
        if len(content) > CACHED:
            return
        with self._lock:
            self._size += len(content) - len(self._kept.pop(part, b""))
            self._kept[part] = content
            while self._size > CACHED:
                self._size -= len(self._kept.popitem(last=False)[1])


_cache = _Cache()
