"""Object deletions: objects that no row names any more, noted when their rows go.

Knows: their table; that an erasure waits until its objects are gone.
Must not know: how an object is deleted.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, or_, update

from relayproxy.store.schema.mapping import insert_once
from relayproxy.store.schema.tables import object_deletions


def note_object_deletions(db: Connection, objects: Iterable[str | None], now: int, erasure: str | None = None) -> None:
    """Notes these objects, in the transaction in which their rows go; and the erasure that waits for it."""
    rows = [{"object": one, "at": now, "erasure": erasure} for one in objects if one is not None]
    if rows:
        db.execute(insert_once(db.dialect.name, object_deletions), rows)


def adopt_object_deletions(db: Connection, connections: Iterable[str], erasure: str) -> None:
    """Has the erasure wait for what was noted before of these connections, by retention say."""
    # The part of a key behind its last slash begins with the connection.
    mine = or_(*(object_deletions.c.object.contains(f"/{one}.", autoescape=True) for one in connections))
    db.execute(update(object_deletions).where(object_deletions.c.erasure.is_(None), mine).values(erasure=erasure))
