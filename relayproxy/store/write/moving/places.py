"""Places of recordings: buckets and folders that this database's rows may name.

Knows: that each has an id, the first part of the keys of all its objects, so that several databases can share a bucket
and none takes the others' objects for its own; that it is marked, so that another server or an empty folder that
answers in its stead is noticed.
Must not know: what is moved there.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, Engine, delete, func, select, update

from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import ObjectStore, Place
from relayproxy.plural import plural
from relayproxy.store.engine import writing
from relayproxy.store.errors import store_errors
from relayproxy.store.read.erasures import given_up
from relayproxy.store.read.recording_objects import MARK, marker_key, require_marker
from relayproxy.store.schema.mapping import insert_once
from relayproxy.store.schema.tables import erasures, object_deletions, recording_places, recordings

_MARK = MARK + b" lie in this folder. Its database names each of them: what is deleted here by hand is missing there.\n"
ID_LENGTH = 16
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
    said here from now on; where it does not answer there, it stays as it was. Raises `ObjectsError` and
    `StoreError`."""
    found = _known(engine, place)
    if found is None:
        made = KnownPlace(secrets.token_hex(ID_LENGTH // 2), place)
        made.objects.put(marker_key(made.id), _MARK)
        row = {"id": made.id, "root": place.root, "endpoint": place.endpoint, "path_style": place.path_style}
        with store_errors(), writing(engine).begin() as db:
            db.execute(insert_once(db.dialect.name, recording_places), [row])
        found = _known(engine, place)
        assert found is not None
        if found.id != made.id:  # another recorder was first
            made.objects.delete([marker_key(made.id)])
    said = KnownPlace(found.id, place)
    said.require()
    if said != found:
        with store_errors(), writing(engine).begin() as db:
            reached = {"endpoint": place.endpoint, "path_style": place.path_style}
            db.execute(update(recording_places).where(_p.id == found.id).values(reached))
    return said


@dataclass(frozen=True, slots=True)
class PlaceState:
    """A place, how many parts of recordings lie there, and how many objects are to be deleted there."""

    known: KnownPlace
    parts: int
    deletions: int

    def __str__(self) -> str:
        parts = plural(self.parts, "part of a recording", "parts of recordings")
        return f"{self.known.place.root}: {parts}, {plural(self.deletions, 'object')} to be deleted"


def place_states(engine: Engine) -> list[PlaceState]:
    """All places. Raises `StoreError`."""
    with store_errors(), engine.connect() as db:
        return [
            PlaceState(
                one,
                *(
                    int(db.execute(select(func.count()).where(_is_of(one, column))).scalar_one())
                    for column in (recordings.c.object, object_deletions.c.object)
                ),
            )
            for one in known_places(db).values()
        ]


def give_up_place(engine: Engine, known: KnownPlace) -> int:
    """Forgets a place that is lost for good: nothing is deleted there any more, and what lies there is missing. The
    number of open erasures that go on without it, and whose receipts say so. Raises `StoreError`."""
    with store_errors(), writing(engine).begin() as db:
        waiting = _forget_deletions(db, _is_of(known, object_deletions.c.object), known.place.root)
        db.execute(delete(recording_places).where(_p.id == known.id))
    return waiting


def forget_given_up(engine: Engine, limit: int) -> bool:
    """Forgets so many objects that are to be deleted at places that were given up, as nothing is known of them but
    their ids; receipts of erasures that waited for them say these. Whether there may be more. Raises `StoreError`."""
    c = object_deletions.c.object
    with store_errors(), engine.connect() as db:
        # In one statement: a place may become known beside it. Ids are of one length.
        unknown = func.substr(c, 1, ID_LENGTH).not_in(select(_p.id))
        found = db.execute(select(c).where(unknown).limit(limit)).scalars().all()
    if found:
        with store_errors(), writing(engine).begin() as db:
            for id in {one.partition("/")[0] for one in found}:
                there = [one for one in found if one.startswith(f"{id}/")]
                _forget_deletions(db, c.in_(there), id)
    return len(found) == limit


def _forget_deletions(db: Connection, these: ColumnElement[bool], place: str) -> int:
    """Forgets these objects that are to be deleted; the number of erasures that waited for them, whose receipts say
    that the place was not reached."""
    c = erasures.c
    waiting = select(object_deletions.c.erasure).where(these, object_deletions.c.erasure.is_not(None))
    rows = db.execute(select(c.id, c.without).where(c.id.in_(waiting))).all()
    for row in rows:
        without = {*given_up(row.without), place}
        told = msgspec.json.encode(sorted(without)).decode()
        db.execute(update(erasures).where(c.id == row.id).values(without=told))
    db.execute(delete(object_deletions).where(these))
    return len(rows)


def _is_of(known: KnownPlace, object: Column[Any]) -> ColumnElement[bool]:
    return object.startswith(f"{known.id}/", autoescape=True)


def _known(engine: Engine, place: Place) -> KnownPlace | None:
    with store_errors(), engine.connect() as db:
        return next((one for one in known_places(db).values() if one.place.root == place.root), None)
