"""Lost folders: data folders of recorders whose machine is gone for ever, and what the database expects of them.

Knows: what names a folder in the database, which machine it was on, and what erasures wait for.
Must not know: how the calls end that were live on it.
"""

from dataclasses import dataclass

import msgspec
from sqlalchemy import Engine, delete, func, select, update

from relayproxy.store.engine import writing
from relayproxy.store.errors import store_errors
from relayproxy.store.read.erasures import given_up
from relayproxy.store.read.health.heartbeat import reports_of
from relayproxy.store.schema.tables import connections, erasures, heartbeats, journal_erasures, journals


@dataclass(frozen=True, slots=True)
class Folder:
    """The data folder of a recorder. `at` is when it told something last, wall nanoseconds; `live` of its connections
    have not ended. Host and path are empty once its last report is forgotten."""

    name: str
    host: str
    path: str
    at: int
    live: int
    ended: bool = False
    """Its recorder has stopped in an orderly way."""

    def __str__(self) -> str:
        return f"{self.host}:{self.path} ({self.name})" if self.host else self.name


def folders(engine: Engine) -> list[Folder]:
    """All that the database expects something of, the one that has told something last first. Raises StoreError."""
    c, j = connections.c, journals.c
    recorded = select(j.recorder, func.max(j.updated_at)).where(j.recorder != "").group_by(j.recorder)
    lives = select(j.recorder, func.count()).join_from(connections, journals, c.journal == j.id)
    with store_errors(), engine.connect() as db:
        live = {row[0]: int(row[1]) for row in db.execute(lives.where(c.ended_at.is_(None)).group_by(j.recorder))}
        found = {name: Folder(name, "", "", at, live.get(name, 0)) for name, at in db.execute(recorded)}
        # The oldest first: where a folder has reported from two machines, the last report counts.
        for report in reversed(reports_of(db)):
            told = report.heartbeat
            if name := told.recorder:
                at = max(report.at, found[name].at if name in found else 0)
                found[name] = Folder(name, told.host, told.data_dir, at, live.get(name, 0), told.ended)
    return sorted(found.values(), key=lambda one: -one.at)


def note_lost(engine: Engine, folder: Folder) -> int:
    """Notes on the receipts of all open erasures that this folder was not reached; how many these are. Doing it twice
    is harmless. Raises StoreError."""
    c = erasures.c
    is_open = select(c.id, c.without).where(c.done_at.is_(None), c.follows.is_(None), c.scope != "age")
    with store_errors(), writing(engine).begin() as db:
        rows = db.execute(is_open).all()
        for row in rows:
            without = msgspec.json.encode(sorted({*given_up(row.without), str(folder)})).decode()
            db.execute(update(erasures).where(c.id == row.id).values(without=without))
    return len(rows)


def forget_folder(engine: Engine, folder: Folder) -> None:
    """Forgets the folder: nothing is expected of it any more. Raises StoreError."""
    mine = select(journals.c.id).where(journals.c.recorder == folder.name)
    with store_errors(), writing(engine).begin() as db:
        db.execute(delete(journal_erasures).where(journal_erasures.c.journal.in_(mine)))
        db.execute(delete(journals).where(journals.c.recorder == folder.name))
        gone = [report.process for report in reports_of(db) if report.heartbeat.recorder == folder.name]
        db.execute(delete(heartbeats).where(heartbeats.c.process.in_(gone)))
