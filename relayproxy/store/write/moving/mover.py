"""Mover: brings parts of recordings from the database into objects, and back.

Knows: that an object is written and read again before its row names it, and that the row loses its bytes in the same
transaction; that an object is only ever written once, under a key of its own; which calls are over for long enough.
Must not know: settings, threads of others; how deleted objects go.

Nobody waits for a place with a transaction open. Killed at any moment, it leaves an object that no row names at most,
which the sweeper finds.
"""

import hashlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, Select, and_, exists, func, or_, select, update

from relayproxy.objects.place import ObjectsError
from relayproxy.store.engine import writing
from relayproxy.store.errors import store_errors
from relayproxy.store.read.erasures import RECONNECT
from relayproxy.store.read.recording_objects import MovedPart, RecordingMissingError, fetch, moved_part
from relayproxy.store.schema.tables import connections, recording_places, recordings, sessions
from relayproxy.store.write.moving.places import KnownPlace
from relayproxy.store.write.object_deletions import note_object_deletions

AT_ONCE = 64
"""Parts that are moved in one go."""
THREADS = 8
STEP = 0.01
"""Seconds after which a transaction takes on no more; the recorder's commits wait for it."""
LEAST = 8
"""Parts that it takes on however long they take: on a machine that is busy with something else each may take long."""
REST = 2.0
"""Times its own duration that a transaction is followed by a rest."""
LONGEST_REST = 1.0
OVER = RECONNECT + 300 * 1_000_000_000
"""Nanoseconds after its end for which a session's recording stays in the database: until then Twilio may take the call
up again, and then the recorder reads it, which must not wait for a place."""
VALID = 3600.0
"""Seconds after which an object that was written is not named any more: the sweeper may be about to delete it."""
COUNTED = 100_000
"""Parts that are counted at most."""

Wait = Callable[[float], bool]
_r, _s = recordings.c, sessions.c
_KEY = (_r.connection, _r.part)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Parts of calls that are over for long enough and still in the database: how many, counted up to a little more
    than `COUNTED`, and since when the first of them (wall nanoseconds)."""

    parts: int
    since: int | None


@dataclass(frozen=True, slots=True)
class Brought:
    """Parts that came back into the database; `last` is the key to go on after, None when there are no more. `missing`
    says of each that its place no longer has as it was written, or whose place was given up; their rows stay as they
    are."""

    parts: int
    last: str | None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    connection: str
    part: int

    def is_row(self) -> ColumnElement[bool]:
        return and_(_r.connection == self.connection, _r.part == self.part)


@dataclass(frozen=True, slots=True)
class _Written:
    part: _Part
    key: str
    sha256: str


class Mover:
    """Moves parts of recordings in the database of `engine`. `wait` waits so many seconds between two transactions, and
    gives False when there is to be an end. Methods raise `StoreError` and `ObjectsError`; what was done by then stays
    done. Not for several threads at once."""

    def __init__(self, engine: Engine, wait: Wait) -> None:
        self._engine = engine
        self._writing = writing(engine)
        self._wait = wait

    def waiting(self) -> Waiting:
        """What is still in the database of calls that are over."""
        with self._read() as db:
            some = _over(or_(_r.sealed_at.is_(None), _is_old()), _r.sealed_at).limit(COUNTED + 1).subquery()
            return Waiting(*db.execute(select(func.count(), func.min(some.c.sealed_at)).select_from(some)).one())

    def move_out(self, target: KnownPlace) -> int:
        """Moves some parts of calls that are over to the place; how many were moved. 0: there are none. Raises
        `ObjectsError` when the place was given up."""
        with self._read() as db:
            if not db.execute(select(_is_known(target.id))).scalar_one():
                raise ObjectsError(f"{target.place} was given up as lost")
            # What an earlier version sealed has no time, and is older than all others.
            rows = db.execute(_over(_r.sealed_at.is_(None), *_KEY).limit(AT_ONCE)).all()
            rows = rows or db.execute(_over(_is_old(), *_KEY).order_by(_r.sealed_at).limit(AT_ONCE)).all()
            found = [_Part(*row) for row in rows]
        if found:
            target.require()  # a folder may have been unmounted
        began = time.monotonic()
        written, problems = self._each(found, lambda part: self._write_object(target, part))
        done = 0
        # In one order, so that two that move the same do not each wait for the other.
        written.sort(key=lambda one: (one.part.connection, one.part.part))
        for some in self._in_steps(written):
            now = time.monotonic()
            with self._write() as db:
                for one in some():
                    done += self._name(db, one, timely=now - began < VALID)
        if problems:
            raise problems[0]
        return done

    def count_elsewhere(self, target: KnownPlace | None) -> int:
        """How many parts lie in objects, and not at `target`."""
        with self._read() as db:
            return int(db.execute(select(func.count()).where(_elsewhere(target))).scalar_one())

    def bring_back(self, target: KnownPlace | None, after: str = "") -> Brought:
        """Brings some parts back into the database that lie in objects, and not at `target`, by the order of their
        keys those after `after`. What they leave behind is deleted by the sweeper."""
        with self._read() as db:
            query = select(_r.connection, _r.part, _r.first_seq, _r.n, _r.object, _r.sha256)
            query = query.where(_elsewhere(target), _r.object > after).order_by(_r.object).limit(AT_ONCE)
            rows = db.execute(query).all()
            parts: list[tuple[_Part, MovedPart]] = []
            missing: list[str] = []
            for row in rows:
                try:
                    parts.append((_Part(row.connection, row.part), moved_part(db, row)))
                except RecordingMissingError as problem:  # its place was given up
                    missing.append(str(problem))

        def fetched(part: _Part, moved: MovedPart) -> tuple[_Part, str, bytes] | None:
            try:
                return part, moved.key, fetch(moved)
            except RecordingMissingError as problem:
                missing.append(str(problem))
                return None

        found, problems = self._each(parts, lambda one: fetched(*one))
        found.sort(key=lambda one: (one[0].connection, one[0].part))
        done = 0
        for some in self._in_steps(found):
            with self._write() as db:
                for part, key, content in some():
                    same = update(recordings).where(part.is_row(), _r.object == key)
                    back = same.values(lines=content, object=None, sha256=None)
                    if db.execute(back).rowcount:
                        note_object_deletions(db, [key], time.time_ns())
                        done += 1
        if problems:
            raise problems[0]
        return Brought(done, rows[-1].object if rows else None, tuple(missing))

    def _write_object(self, target: KnownPlace, part: _Part) -> _Written | None:
        with self._read() as db:
            found = db.execute(select(_r.lines).where(part.is_row(), _r.object.is_(None))).scalar_one_or_none()
        if found is None:
            return None  # it has been deleted
        key = f"{target.id}/{part.connection[:2]}/{part.connection}.{part.part}.{secrets.token_hex(8)}.jsonl.gz"
        target.objects.put(key, found)
        if target.objects.get(key) != found:
            raise ObjectsError(f"{target.place} gives something else than what was written to it")
        return _Written(part, key, hashlib.sha256(found).hexdigest())

    @staticmethod
    def _name(db: Connection, one: _Written, *, timely: bool) -> int:
        same = update(recordings).where(one.part.is_row(), _r.object.is_(None), _is_known(one.key.partition("/")[0]))
        if timely and db.execute(same.values(lines=b"", object=one.key, sha256=one.sha256)).rowcount:
            return 1
        note_object_deletions(db, [one.key], time.time_ns())
        return 0

    def _each(self, items: Sequence[Any], work: Callable[[Any], Any]) -> tuple[list[Any], list[Exception]]:
        """The results of work on each, several at once, without those that are None; and what went wrong."""
        waiting, done = deque(items), list[Any]()
        problems: list[Exception] = []

        def run() -> None:
            with suppress(IndexError):  # there are no more
                while not problems and self._wait(0):
                    item = waiting.popleft()
                    try:
                        if (result := work(item)) is not None:
                            done.append(result)
                    except Exception as problem:
                        problems.append(problem)

        # Not those of a pool, for which a process would wait that ends.
        threads = [threading.Thread(target=run, daemon=True) for _ in range(min(THREADS, len(items)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done, problems

    @staticmethod
    def _in_steps(items: list[Any]) -> Iterator[Callable[[], Iterator[Any]]]:
        """Gives all items, as many at once as a transaction may take on."""
        waiting = iter(items)
        left = len(items)

        def some() -> Iterator[Any]:
            nonlocal left
            until = time.monotonic() + STEP
            for taken, item in enumerate(waiting, 1):
                left -= 1
                yield item
                if taken >= LEAST and time.monotonic() >= until:
                    return

        while left:
            yield some

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with store_errors(), self._engine.connect() as db:
            yield db

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with store_errors(), self._writing.begin() as db:
            began = time.monotonic()
            yield db
        self._wait(min((time.monotonic() - began) * REST, LONGEST_REST))


def _over(sealed: ColumnElement[bool], *columns: Column[Any]) -> Select[Any]:
    """Parts in the database of sessions that are over for long enough; `sealed` is a condition that finds few others
    by the time at which they became parts."""
    return (
        select(*columns)
        .join(connections, connections.c.id == _r.connection)
        .join(sessions, _s.id == connections.c.session)
        .where(_r.object.is_(None), sealed, _s.ended_at < time.time_ns() - OVER)
    )


def _is_known(place: str) -> ColumnElement[bool]:
    """Who gives a place up forgets it, and what lies there is missing."""
    return exists().where(recording_places.c.id == place)


def _is_old() -> ColumnElement[bool]:
    return _r.sealed_at < time.time_ns() - OVER


def _elsewhere(target: KnownPlace | None) -> ColumnElement[bool]:
    there = _r.object.is_not(None)
    return there if target is None else and_(there, ~_r.object.startswith(f"{target.id}/", autoescape=True))
