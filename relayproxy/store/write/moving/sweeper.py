"""Sweeper: deletes objects that no row names.

Knows: that those are noted whose rows were deleted; that others are left behind where a process was killed, or a backup
was brought back, and are found by going through all that there is at a place.
Must not know: why a row was deleted; settings.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Engine, delete, func, select

from relayproxy.objects.place import Listed, ObjectsError
from relayproxy.store.engine import writing
from relayproxy.store.errors import store_errors
from relayproxy.store.read.recording_objects import marker_key
from relayproxy.store.schema.mapping import KEYS
from relayproxy.store.schema.tables import object_deletions, recordings
from relayproxy.store.write.moving.places import KnownPlace, forget_given_up, known_places
from relayproxy.store.write.object_deletions import note_object_deletions

AT_ONCE = 500
"""Objects between two transactions."""
SAFE = 24 * 3600 * 1_000_000_000
"""Nanoseconds for which an object is left alone that no row names: it may be about to be named. Much longer than an
object that was written may wait for its row."""
_d = object_deletions.c


class Sweeper:
    """Deletes objects of the database of `engine`. `wait` as of `Mover`. Methods raise `StoreError` and `ObjectsError`;
    what was done by then stays done."""

    def __init__(self, engine: Engine, wait: Callable[[float], bool]) -> None:
        self._engine = engine
        self._writing = writing(engine)
        self._wait = wait

    def noted(self) -> int:
        """How many objects are to be deleted."""
        with store_errors(), self._engine.connect() as db:
            return int(db.execute(select(func.count()).select_from(object_deletions)).scalar_one())

    def delete_noted(self) -> int:
        """Deletes what was noted; how many objects are gone. A place that is away does not hold up the others, and is
        told of at the end; one that was given up is not waited for."""
        with store_errors(), self._engine.connect() as db:
            places = known_places(db) if db.execute(select(_d.object).limit(1)).first() else None
        if places is None:
            return 0
        while self._wait(0) and forget_given_up(self._engine, AT_ONCE):
            pass
        return _at_all(places, self._delete_noted)

    def sweep(self) -> int:
        """Goes through all objects at all places and notes those that no row names for long enough; how many. A place
        that is away is told of at the end."""
        with store_errors(), self._engine.connect() as db:
            places = known_places(db)
        return _at_all(places, self._sweep)

    def _delete_noted(self, place: KnownPlace) -> int:
        gone, required = 0, False
        mine = select(_d.object).where(_d.object.startswith(f"{place.id}/", autoescape=True))
        while self._wait(0):
            with store_errors(), self._engine.connect() as db:
                found = db.execute(mine.order_by(_d.object).limit(AT_ONCE)).scalars().all()
            if not found:
                break
            if not required:
                # Another server, or a folder that is not mounted, would say that they are gone.
                place.require()
                required = True
            place.objects.delete(found)
            with store_errors(), self._writing.begin() as db:
                db.execute(delete(object_deletions).where(_d.object.in_(found)))
            gone += len(found)
        return gone

    def _sweep(self, place: KnownPlace) -> int:
        place.require()
        marker = marker_key(place.id)
        # Written anew, it tells what time it is there.
        place.objects.put(marker, place.objects.get(marker))
        now = place.objects.written_at(marker)
        some: list[Listed] = []
        found = 0
        for one in place.objects.list(place.id):
            if one.key != marker and one.at < now - SAFE:
                some.append(one)
            if len(some) == KEYS:
                found += self._note(some)
                some = []
                if not self._wait(0):
                    return found
        return found + self._note(some)

    def _note(self, some: Sequence[Listed]) -> int:
        keys = {one.key for one in some}
        with store_errors(), self._writing.begin() as db:
            keys -= {*db.execute(select(recordings.c.object).where(recordings.c.object.in_(keys))).scalars()}
            keys -= {*db.execute(select(_d.object).where(_d.object.in_(keys))).scalars()}
            note_object_deletions(db, sorted(keys), time.time_ns())
        return len(keys)


def _at_all(places: Mapping[str, KnownPlace], step: Callable[[KnownPlace], int]) -> int:
    """The sum of what `step` returns of each place. Raises the last ObjectsError once all have had their turn."""
    total, problem = 0, None
    for place in places.values():
        try:
            total += step(place)
        except ObjectsError as found:
            problem = found
    if problem is not None:
        raise problem
    return total
