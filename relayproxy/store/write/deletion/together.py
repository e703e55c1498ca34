"""Deletion of many sessions in one transaction, on a server, where one transaction holds up no other.

Knows: the same tables as the deletion of one session, and that a statement for many rows takes hardly longer than one
for a single row.
Must not know: which sessions are to go, and why.
"""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, bindparam, delete, select, update

from relayproxy.connection import Opening
from relayproxy.store.read.filters.criteria import PARAM
from relayproxy.store.schema.tables import (
    alerts,
    backend_span_counts,
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
from relayproxy.store.write.deletion.deletion import (
    CLEAR_CONNECTION,
    CLEAR_SESSION,
    Deletion,
    cleared,
    cleared_session,
    cleared_turn,
)
from relayproxy.store.write.deletion.journal_erasures import note_journal_erasures
from relayproxy.store.write.object_deletions import adopt_object_deletions, note_object_deletions

SESSIONS = 10
"""Whose turns are read at once."""
_CLEAR_TURN = (
    update(turns)
    .where(turns.c.session == bindparam("b_session"), turns.c.number == bindparam("b_number"))
    .values(caller_text="", agent_text="", bigrams="", detail="", packed=bindparam("b_packed"))
)
_TOUCH = update(sessions).where(sessions.c.id == bindparam("b_session")).values(revision=sessions.c.revision + 1)


def delete_together(db: Connection, deletions: Sequence[Deletion]) -> None:
    """Carries out all of these, of the same erasure or none, within one transaction of PostgreSQL. A session that is
    gone or lives is left alone."""
    for whole in (True, False):
        wanted = {one.session: one for one in deletions if one.whole is whole}
        for one in wanted.values():
            one.done = True
        rows = _ended(db, sorted(wanted))
        if not rows:
            continue
        ids = [row.id for row in rows]
        noted, spans = _delete_parts(db, ids, deletions[0].erasure, whole=whole)
        for row in rows:
            one = wanted[row.id]
            one.deleted = True
            one.messages, one.notes, one.spans = row.messages, noted[row.id], spans[row.id]
        if whole:
            for column in (treatments.c.session, imports.c.session, connections.c.session, sessions.c.id):
                _delete(db, column, ids)
            db.execute(update(alerts).where(alerts.c.example.in_(ids)).values(example=None))
        else:
            keys = [{"b_session": row.id} for row in rows]
            db.execute(_TOUCH, keys)
            db.execute(CLEAR_SESSION, [key | cleared_session(row) for key, row in zip(keys, rows, strict=True)])


def _ended(db: Connection, ids: Sequence[str]) -> Sequence[Any]:
    """Of those that have ended what is needed; nobody else changes them until the transaction ends."""
    c = sessions.c
    query = select(c.id, c.messages, c.handoff, c.handoff_reason, c.detail, c.packed)
    return db.execute(query.where(c.id.in_(ids), c.ended_at.is_not(None)).order_by(c.id).with_for_update()).all()


def _delete_parts(
    db: Connection, ids: Sequence[str], erasure: str | None, *, whole: bool
) -> tuple[Counter[str], Counter[str]]:
    """Deletes all that was said in these sessions but their own rows; the notes and spans of each that went."""
    c = connections.c
    found = db.execute(select(c.id, c.journal, c.number, c.opening).where(c.session.in_(ids))).all()
    owners = [row.id for row in found]
    if owners:
        gone = delete(recordings).where(recordings.c.connection.in_(owners)).returning(recordings.c.object)
        note_object_deletions(db, db.execute(gone).scalars().all(), time.time_ns(), erasure)
        _delete(db, chunks.c.connection, owners)
        note_journal_erasures(db, [(row.journal, row.number) for row in found], erasure)
        if erasure is not None:
            adopt_object_deletions(db, owners, erasure)
    if whole:
        _delete(db, turns.c.session, ids)
        _delete(db, labels.c.session, ids)
    else:
        _clear_turns(db, ids)
        db.execute(delete(labels).where(labels.c.session.in_(ids), labels.c.name.startswith(PARAM, autoescape=True)))
        if found:
            cleared_openings = [{"b_connection": row.id, "b_opening": cleared(row.opening, Opening)} for row in found]
            db.execute(CLEAR_CONNECTION, cleared_openings)
    noted, spans = (
        Counter(db.execute(delete(column.table).where(column.in_(ids)).returning(column)).scalars())
        for column in (notes.c.session, backend_spans.c.session)
    )
    _delete(db, backend_span_counts.c.session, ids)
    return noted, spans


def _clear_turns(db: Connection, ids: Sequence[str]) -> None:
    c = turns.c
    for at in range(0, len(ids), SESSIONS):
        # Neither in order nor limited: all turns there are would be gone through for the first of them.
        query = select(c.session, c.number, c.detail, c.packed).where(c.session.in_(ids[at : at + SESSIONS]))
        rows = [
            {"b_session": row.session, "b_number": row.number, "b_packed": cleared_turn(row)}
            for row in db.execute(query).all()
        ]
        if rows:
            db.execute(_CLEAR_TURN, rows)


def _delete(db: Connection, column: Column[str], keys: Sequence[str]) -> None:
    db.execute(delete(column.table).where(column.in_(keys)))
