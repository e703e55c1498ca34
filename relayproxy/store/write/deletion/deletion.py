"""Deletion of sessions: of what was said in them, or of everything, in small pieces.

Knows: every table that holds something of a session, and in which order it goes, so that a deletion that was
interrupted goes on when it is begun again, and nobody derives again what is half gone.
Must not know: which sessions are to go, and why.

Recordings go first, and the session's revision changes with the first piece: a rebuild that had read it before does
not write it back, and one that reads it afterwards cannot.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, select, update

from relayproxy.connection import Opening
from relayproxy.conversation.content import as_code, without_content
from relayproxy.conversation.model import Conversation, Handoff, StoredTurn, Turn
from relayproxy.store.read.filters.criteria import PARAM
from relayproxy.store.schema.packing import detail_of, pack
from relayproxy.store.schema.tables import (
    alerts,
    backend_spans,
    chunks,
    connections,
    imports,
    labels,
    notes,
    recordings,
    sessions,
    treatments,
    turns,
)
from relayproxy.store.write.backend_spans import delete_backend_spans
from relayproxy.store.write.deletion.journal_erasures import note_journal_erasures
from relayproxy.store.write.object_deletions import adopt_object_deletions, note_object_deletions
from relayproxy.store.write.rollups import forget_rollups

TURNS = 10
"""Turns of one piece."""
CHUNKS = 50
SPANS = 100
Enough = Callable[[], bool]
"""True once the transaction has taken its time; asked after each piece."""
Piece = Callable[[Connection], object]

# Made once: to make a statement takes longer than to execute it.
_MINE = sessions.c.id == bindparam("b_session")
_ENDED = select(
    *(sessions.c[name] for name in ("started_at", "messages", "handoff", "handoff_reason", "detail", "packed"))
).where(_MINE, sessions.c.ended_at.is_not(None))
_LOCKED = _ENDED.with_for_update()
_TOUCH = update(sessions).where(_MINE).values(revision=sessions.c.revision + 1)
_CONNECTIONS = select(connections.c.id, connections.c.journal, connections.c.number, connections.c.opening).where(
    connections.c.session == bindparam("b_session")
)
_PARTS, _CHUNKS = (
    select(table.c.connection, key).where(table.c.connection.in_(bindparam("b_connections", expanding=True)))
    for table, key in ((recordings, recordings.c.part), (chunks, chunks.c.first_seq))
)
_DELETE_PART = (
    delete(recordings)
    .where(recordings.c.connection == bindparam("b_connection"), recordings.c.part == bindparam("b_key"))
    .returning(recordings.c.object)
)
_DELETE_CHUNK = delete(chunks).where(
    chunks.c.connection == bindparam("b_connection"), chunks.c.first_seq == bindparam("b_key")
)
_TURNS = select(turns.c.id).where(turns.c.session == bindparam("b_session"))
_DETAILS = select(turns.c.id, turns.c.detail, turns.c.packed).where(
    turns.c.id.in_(bindparam("b_turns", expanding=True))
)
_CLEAR_TURN = (
    update(turns)
    .where(turns.c.id == bindparam("b_turn"))
    .values(caller_text="", agent_text="", bigrams="", detail="", packed=bindparam("b_packed"))
)
_DELETE_TURN = delete(turns).where(turns.c.id == bindparam("b_turn"))
_SPANS = select(backend_spans.c.trace_id, backend_spans.c.span_id).where(
    backend_spans.c.session == bindparam("b_session")
)
_DELETE_SPAN = delete(backend_spans).where(
    backend_spans.c.trace_id == bindparam("b_trace"), backend_spans.c.span_id == bindparam("b_span")
)
_DELETE_NOTES = delete(notes).where(notes.c.session == bindparam("b_session"))
_DELETE_PARAMETERS = delete(labels).where(
    labels.c.session == bindparam("b_session"), labels.c.name.startswith(PARAM, autoescape=True)
)
CLEAR_CONNECTION = (
    update(connections).where(connections.c.id == bindparam("b_connection")).values(opening=bindparam("b_opening"))
)
CLEAR_SESSION = (
    update(sessions)
    .where(_MINE)
    .values(
        content_deleted_at=bindparam("b_at"),
        from_number=None,
        to_number=None,
        custom_parameters="{}",
        handoff=bindparam("b_handoff"),
        handoff_reason=bindparam("b_reason"),
        end_reason=None,
        detail="",
        packed=bindparam("b_packed"),
    )
)
_DELETE_WHOLE = (
    *(
        delete(column.table).where(column == bindparam("b_session"))
        for column in (
            labels.c.session,
            treatments.c.session,
            connections.c.session,
            imports.c.session,
            sessions.c.id,
        )
    ),
    update(alerts).where(alerts.c.example == bindparam("b_session")).values(example=None),
)


class Deletion:
    """Deletion of one session (our id) that has ended: of its content, else (`whole`) of everything. `erasure` waits
    until journals hold nothing of it."""

    def __init__(self, session: str, *, whole: bool, erasure: str | None = None) -> None:
        self.session = session
        self.whole = whole
        self.erasure = erasure
        self.done = False
        self.deleted = False
        """It is done, and there was something to delete."""
        self.messages = self.notes = self.spans = 0
        """The numbers of those that are gone with it, known once it is `done`."""
        self._key = {"b_session": session}
        self._connections: Sequence[Any] = ()
        self._pieces: list[Piece] | None = None
        """What is still to be done before the last step, the next one at the end."""

    def work(self, db: Connection, enough: Enough) -> None:
        """Deletes piece by piece, within a transaction that writes, until it is `done` or enough. A session that is
        gone or lives is done at once. After a transaction that failed it is of no use."""
        row = db.execute(_LOCKED, self._key).first()
        if row is None:
            self.done = True
            return
        if self._pieces is None:
            if self.whole:
                forget_rollups(db, row.started_at)
            self._pieces = self._begin(db)
        while self._pieces:
            self._pieces.pop()(db)
            if enough():
                return
        self._last(db, row)
        self.done = self.deleted = True

    def _begin(self, db: Connection) -> list[Piece]:
        db.execute(_TOUCH, self._key)
        self._connections = db.execute(_CONNECTIONS, self._key).all()
        owners = {"b_connections": [row.id for row in self._connections]}
        pieces: list[Piece] = []
        ids = db.execute(_TURNS, self._key).scalars().all()
        step = _delete_turns if self.whole else _clear_turns
        pieces += [partial(step, ids=ids[at : at + TURNS]) for at in range(0, len(ids), TURNS)]
        found = [{"b_connection": owner, "b_key": key} for owner, key in db.execute(_CHUNKS, owners)]
        pieces += [partial(_delete_chunks, rows=found[at : at + CHUNKS]) for at in range(0, len(found), CHUNKS)]
        for owner, part in db.execute(_PARTS, owners):
            pieces.append(partial(self._delete_part, row={"b_connection": owner, "b_key": part}))
        spans = [{"b_trace": trace, "b_span": span} for trace, span in db.execute(_SPANS, self._key)]
        for at in range(0, len(spans), SPANS):
            pieces.append(partial(self._delete_spans, rows=spans[at : at + SPANS]))
        return pieces

    def _delete_part(self, db: Connection, row: dict[str, Any]) -> None:
        # What it says as it goes: it may have been moved since it was looked for.
        objects = db.execute(_DELETE_PART, row).scalars().all()
        note_object_deletions(db, objects, time.time_ns(), self.erasure)

    def _delete_spans(self, db: Connection, rows: list[dict[str, Any]]) -> None:
        db.execute(_DELETE_SPAN, rows)
        self.spans += len(rows)

    def _last(self, db: Connection, row: Any) -> None:
        """All that does not grow with the length of the call, in one piece."""
        self.messages = row.messages
        note_journal_erasures(db, [(one.journal, one.number) for one in self._connections], self.erasure)
        if self.erasure is not None and self._connections:
            adopt_object_deletions(db, [one.id for one in self._connections], self.erasure)
        self.notes = db.execute(_DELETE_NOTES, self._key).rowcount
        self.spans += delete_backend_spans(db, self.session)  # those that came meanwhile
        if self.whole:
            forget_rollups(db, row.started_at)  # which may have been made anew since it began
            for statement in _DELETE_WHOLE:
                db.execute(statement, self._key)
            return
        db.execute(_DELETE_PARAMETERS, self._key)
        if self._connections:
            openings = [
                {"b_connection": one.id, "b_opening": cleared(one.opening, Opening)} for one in self._connections
            ]
            db.execute(CLEAR_CONNECTION, openings)
        db.execute(CLEAR_SESSION, self._key | cleared_session(row))


def cleared_session(row: Any) -> dict[str, Any]:
    """What `CLEAR_SESSION` sets in a session's row, but for its id."""
    return {
        "b_at": time.time_ns(),
        "b_handoff": None if row.handoff is None else cleared(row.handoff, Handoff),
        # Lists tell by the reason that there was a handoff.
        "b_reason": None if row.handoff_reason is None else as_code(row.handoff_reason) or "",
        "b_packed": pack(cleared(detail_of(row.detail, row.packed), Conversation)),
    }


def _delete_chunks(db: Connection, rows: list[dict[str, Any]]) -> None:
    db.execute(_DELETE_CHUNK, rows)


def _delete_turns(db: Connection, ids: Sequence[int]) -> None:
    db.execute(_DELETE_TURN, [{"b_turn": id} for id in ids])


def _clear_turns(db: Connection, ids: Sequence[int]) -> None:
    found = db.execute(_DETAILS, {"b_turns": list(ids)}).all()
    db.execute(_CLEAR_TURN, [{"b_turn": row.id, "b_packed": cleared_turn(row)} for row in found])


def cleared(stored: str, kind: type[msgspec.Struct]) -> str:
    """The JSON of a value without its content; what cannot be read is not kept."""
    try:
        return msgspec.json.encode(without_content(msgspec.json.decode(stored, type=kind))).decode()
    except msgspec.DecodeError:
        return "{}"


def cleared_turn(row: Any) -> bytes:
    """The packed detail of a turn's row without its content; what cannot be read is not kept."""
    try:
        turn = without_content(msgspec.json.decode(detail_of(row.detail, row.packed), type=Turn))
    except msgspec.DecodeError:
        return pack("{}")
    return pack(msgspec.json.encode(StoredTurn.of(turn)).decode())
