"""Deletion of sessions: of what was said in them, or of everything, in small pieces.

Knows: every table that holds something of a session, and in which order it goes, so that a deletion that was
interrupted goes on when it is begun again, and nobody derives again what is half gone.
Must not know: which sessions are to go, and why.

Recordings go first, and the session's revision changes with the first piece: a rebuild that had read it before does
not write it back, and one that reads it afterwards cannot.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Table, delete, select, update

from relayproxy.connection import Opening
from relayproxy.conversation.content import as_code, without_content
from relayproxy.conversation.model import Conversation, Handoff, Turn
from relayproxy.store.read.criteria import PARAM
from relayproxy.store.schema.tables import (
    chunks,
    connections,
    labels,
    notes,
    recordings,
    sessions,
    turns,
)
from relayproxy.store.write.journal_erasures import note_journal_erasures

TURNS = 10
"""Turns of one piece."""
CHUNKS = 50
Enough = Callable[[], bool]
"""True once the transaction has taken its time; asked after each piece."""


class Deletion:
    """Deletion of one session (our id) that has ended: of its content, else (`whole`) of everything."""

    def __init__(self, session: str, *, whole: bool) -> None:
        self.session = session
        self.whole = whole
        self.done = False
        self.deleted = False
        """It is done, and there was something to delete."""
        self.messages = self.notes = 0
        """The numbers of those that are gone with it, known once it is `done`."""
        self._begun = False
        self._turn = 0
        """Turns before this one have no words any more."""

    def work(self, db: Connection, enough: Enough) -> None:
        """Deletes piece by piece, within a transaction that writes, until it is `done` or enough. A session that is
        gone or lives is done at once."""
        c = sessions.c
        here = select(c.id).where(c.id == self.session, c.ended_at.is_not(None)).with_for_update()
        if db.execute(here).first() is None:
            self.done = True
            return
        if not self._begun:
            db.execute(update(sessions).where(c.id == self.session).values(revision=c.revision + 1))
            self._begun = True
        while self._piece(db):
            if enough():
                return
        self._last(db)
        self.done = self.deleted = True

    def _piece(self, db: Connection) -> bool:
        """Deletes one piece; False when only what `_last` deletes is left."""
        mine = select(connections.c.id).where(connections.c.session == self.session)
        return (
            _delete_some(db, recordings, recordings.c.part, mine, 1)
            or _delete_some(db, chunks, chunks.c.first_seq, mine, CHUNKS)
            or (self._delete_turns(db) if self.whole else self._clear_turns(db))
        )

    def _delete_turns(self, db: Connection) -> bool:
        some = select(turns.c.id).where(turns.c.session == self.session).limit(TURNS)
        return db.execute(delete(turns).where(turns.c.id.in_(some))).rowcount > 0

    def _clear_turns(self, db: Connection) -> bool:
        c = turns.c
        query = select(c.id, c.number, c.detail).where(c.session == self.session, c.number >= self._turn)
        found = db.execute(query.order_by(c.number).limit(TURNS)).all()
        for id, number, detail in found:
            cleared = {"caller_text": "", "agent_text": "", "bigrams": "", "detail": _cleared(detail, Turn)}
            db.execute(update(turns).where(c.id == id).values(cleared))
            self._turn = number + 1
        return bool(found)

    def _last(self, db: Connection) -> None:
        """All that does not grow with the length of the call, in one piece."""
        c = connections.c
        query = select(sessions.c.messages).where(sessions.c.id == self.session)
        self.messages = db.execute(query).scalar_one()
        rows = db.execute(select(c.id, c.journal, c.number, c.opening).where(c.session == self.session)).all()
        note_journal_erasures(db, [(row.journal, row.number) for row in rows])
        self.notes = db.execute(delete(notes).where(notes.c.session == self.session)).rowcount
        if self.whole:
            for column in (labels.c.session, c.session, sessions.c.id):
                _delete(db, column, self.session)
            return
        _delete(db, labels.c.session, self.session, labels.c.name.startswith(PARAM, autoescape=True))
        for row in rows:
            db.execute(update(connections).where(c.id == row.id).values(opening=_cleared(row.opening, Opening)))
        db.execute(update(sessions).where(sessions.c.id == self.session).values(self._without_content(db)))

    def _without_content(self, db: Connection) -> dict[str, Any]:
        c = sessions.c
        row = db.execute(select(c.handoff, c.handoff_reason, c.detail).where(c.id == self.session)).one()
        return {
            "content_deleted_at": time.time_ns(),
            "from_number": None,
            "to_number": None,
            "custom_parameters": "{}",
            "handoff": None if row.handoff is None else _cleared(row.handoff, Handoff),
            "handoff_reason": None if row.handoff_reason is None else as_code(row.handoff_reason) or "",
            "end_reason": None,
            "detail": _cleared(row.detail, Conversation),
        }


def _delete_some(db: Connection, table: Table, part: Column[Any], owners: Any, limit: int) -> bool:
    """Deletes some rows of connections, by their key; False when there are none."""
    owner = table.c.connection
    found = db.execute(select(owner, part).where(owner.in_(owners)).limit(limit)).all()
    for connection, number in found:
        db.execute(delete(table).where(owner == connection, part == number))
    return bool(found)


def _delete(db: Connection, column: Column[str], session: str, *also: Any) -> None:
    db.execute(delete(column.table).where(column == session, *also))


def _cleared(stored: str, kind: type[msgspec.Struct]) -> str:
    """The JSON of a value without its content; what cannot be read is not kept."""
    try:
        return msgspec.json.encode(without_content(msgspec.json.decode(stored, type=kind))).decode()
    except msgspec.DecodeError:
        return "{}"
