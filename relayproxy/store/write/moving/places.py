"""Places of recordings: buckets and folders that this database's rows may name.

Knows: that each has an id, the first part of the keys of all its objects, so that several databases can share a bucket
and none takes the others' objects for its own; that it is marked, so that another server or an empty folder that
answers in its stead is noticed.
Must not know: what is moved there.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select, update

from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import ObjectStore, Place
from relayproxy.store.engine import writing
from relayproxy.store.errors import store_errors
from relayproxy.store.read.recording_objects import marker_key, require_marker
from relayproxy.store.schema.mapping import insert_once
from relayproxy.store.schema.tables import recording_places

_MARK = (
    b"Recordings of relayproxy lie in this folder. Its database names each of them: what is deleted here by hand is "
    b"missing there.\n"
)
_p = recording_places.c


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """A place that the database knows, and its id there."""

    id: str
    place: Place

    @property
    def objects(self) -> ObjectStore:
        """What holds its objects. Raises `ObjectsError`."""
        return open_objects(self.place)

    def require(self) -> None:
        """Raises `ObjectsError` unless the place answers and is the one that recordings were moved to."""
        require_marker(self.place, self.id)


def known_places(db: Connection) -> dict[str, KnownPlace]:
    """All places by id."""
    rows = db.execute(select(_p.id, _p.root, _p.endpoint, _p.path_style))
    return {row.id: KnownPlace(row.id, Place(row.root, row.endpoint, row.path_style)) for row in rows}


def use_place(engine: Engine, place: Place) -> KnownPlace:
    """The place, made known and marked when it is not yet; it answers, and may be written to. How it is reached is as
    said here from now on. Raises `ObjectsError` and `StoreError`."""
    found = _known(engine, place)
    if found is None:
        made = KnownPlace(secrets.token_hex(8), place)
        made.objects.put(marker_key(made.id), _MARK)
        row = {"id": made.id, "root": place.root, "endpoint": place.endpoint, "path_style": place.path_style}
        with store_errors(), writing(engine).begin() as db:
            db.execute(insert_once(db.dialect.name, recording_places), [row])
        found = _known(engine, place)
        assert found is not None
        if found.id != made.id:  # another recorder was first
            made.objects.delete(marker_key(made.id))
    if found.place != place:
        with store_errors(), writing(engine).begin() as db:
            reached = {"endpoint": place.endpoint, "path_style": place.path_style}
            db.execute(update(recording_places).where(_p.id == found.id).values(reached))
        found = KnownPlace(found.id, place)
    found.require()
    return found


def _known(engine: Engine, place: Place) -> KnownPlace | None:
    with store_errors(), engine.connect() as db:
        return next((one for one in known_places(db).values() if one.place.root == place.root), None)
