"""Calls that are over, and a folder that their recordings are moved to."""

import os
from pathlib import Path

from sqlalchemy import Engine, text

from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import Place
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.moving import mover as moving
from relayproxy.store.write.moving.mover import Mover
from relayproxy.store.write.moving.places import KnownPlace, use_place
from relayproxy.store.write.moving.sweeper import Sweeper
from tests.store.build import chunk, connection, said, session

LONG_AGO = 1_600_000_000_000_000_000


def over(archive: Archive, id: str, messages: int, ended_at: int | None = LONG_AGO) -> None:
    """Stores a call that has ended, or one whose session goes on although its socket has ended."""
    archive.commit(
        Batch(
            sessions=(session(id, started_at=LONG_AGO, ended_at=ended_at, messages=messages),),
            connections=(connection(id, ended_at=LONG_AGO, next_seq=messages),),
            chunks=tuple(chunk(id, said(first, min(3, messages - first))) for first in range(0, messages, 3)),
        )
    )
    archive.commit(Batch(finished=(id,)))


class Objects:
    """A folder, the mover and the sweeper of a database. What became a part just now is as old as its call."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.place = Place(folder.as_uri())
        self.mover = Mover(engine, lambda _seconds: True)
        self.sweeper = Sweeper(engine, lambda _seconds: True)

    @property
    def known(self) -> KnownPlace:
        return use_place(self.engine, self.place)

    def move(self) -> int:
        """Moves everything that may be moved; how many parts."""
        age(self.engine)
        moved = 0
        while some := self.mover.move_out(self.known):
            moved += some
        return moved

    def bring_back(self) -> None:
        last: str | None = ""
        while last is not None:
            last = self.mover.bring_back(None, last).last

    def delete_noted(self) -> int:
        return self.sweeper.delete_noted()

    def names(self) -> list[str]:
        """The keys of all objects but the marker."""
        found = open_objects(self.place).list(self.known.id)
        return sorted(one.key for one in found if one.key.count("/") > 1)

    def hide(self) -> None:
        """From now on the folder is away: something else stands in its place."""
        self.folder.rename(self.folder.with_name("away"))
        self.folder.write_text("")

    def show(self) -> None:
        self.folder.unlink()
        self.folder.with_name("away").rename(self.folder)

    def older(self, key: str, seconds: float) -> None:
        path = self.folder / key
        when = path.stat().st_mtime - seconds
        os.utime(path, (when, when))


def age(engine: Engine) -> None:
    """Every part became one long ago."""
    with engine.begin() as db:
        db.execute(text(f"UPDATE recordings SET sealed_at = sealed_at - {2 * moving.OVER} WHERE object IS NULL"))
