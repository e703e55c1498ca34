"""Annotations: tags and notes of sessions.

Knows: where they are kept, how many a session may have, and that a session may be gone by the time of writing.
Must not know: who may write; HTML, HTTP.

Tags are labels named `tag`, so that lists are narrowed by them as by any other label. A note is never changed, only
taken away.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, delete, func, insert, select

from relayproxy.store.read.filters.criteria import TAG
from relayproxy.store.read.queries import Queries
from relayproxy.store.read.treatments import treatments_of
from relayproxy.store.schema.mapping import insert_once
from relayproxy.store.schema.rows import ImportRow, Treatment
from relayproxy.store.schema.tables import labels, notes, sessions
from relayproxy.store.write.annotation_writer import AnnotationWriter

MAX_TAGS = 30
"""Of one session."""
MAX_NOTES = 200
"""Of one session."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note on a session. `at` is wall nanoseconds."""

    id: int
    at: int
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Annotations:
    """The tags and notes of one session, and the languages that were heard in it (which are labels too)."""

    tags: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    """As they were written, first first."""
    languages: tuple[str, ...] = ()


class AnnotationLimitError(Exception):
    """The session has as many tags or notes as it may have."""


def read_annotations(queries: Queries, session: str) -> Annotations:
    """The annotations of the session (our id)."""
    c, n = labels.c, notes.c
    named = select(c.name, c.value).where(c.session == session, c.name.in_((TAG, "lang"))).order_by(c.value)
    written = select(n.id, n.at, n.author, n.text).where(n.session == session).order_by(n.id)
    with queries.reading() as db:
        found = [(row.name, row.value) for row in db.execute(named)]
        noted = tuple(Note(row.id, row.at, row.author, row.text) for row in db.execute(written.limit(MAX_NOTES)))
    return Annotations(
        tags=tuple(value for name, value in found if name == TAG),
        notes=noted,
        languages=tuple(value for name, value in found if name == "lang"),
    )


@dataclass(frozen=True, slots=True)
class Marks:
    """What is shown of one session of a list: its tags, the number of notes, and the newest of these; whether it was
    imported, and what sets it apart from ordinary calls."""

    tags: tuple[str, ...] = ()
    notes: int = 0
    note: str = ""
    imported: ImportRow | None = None
    """Set of one that came as a file."""
    treatment: Treatment | None = None
    """What sets it apart from ordinary calls."""


def read_marks(queries: Queries, ids: Sequence[str]) -> dict[str, Marks]:
    """Marks of these sessions by id (ours); sessions without any are left out."""
    c, n = labels.c, notes.c
    tagged = select(c.session, c.value).where(c.session.in_(ids), c.name == TAG).order_by(c.session, c.value)
    noted = select(n.session, func.count(), func.max(n.id)).where(n.session.in_(ids)).group_by(n.session)
    tags: dict[str, list[str]] = {}
    with queries.reading() as db:
        for session, tag in db.execute(tagged):
            tags.setdefault(session, []).append(tag)
        counted = {session: (count, newest) for session, count, newest in db.execute(noted)}
        newest = [id for _, id in counted.values()]
        texts = {row.id: row.text for row in db.execute(select(n.id, n.text).where(n.id.in_(newest)))}
    imported = queries.imports(ids)
    treated = treatments_of(queries, ids)
    return {
        session: Marks(
            tuple(tags.get(session, ())),
            counted[session][0] if session in counted else 0,
            texts.get(counted[session][1], "") if session in counted else "",
            imported.get(session),
            treated[session].kind if session in treated else None,
        )
        for session in {*tags, *counted, *imported, *treated}
    }


def read_tags(queries: Queries, limit: int = 200) -> tuple[str, ...]:
    """Tags that any session has, by alphabet. Looks each up in the index, so that it takes as long as there are tags,
    however many sessions have them."""
    c = labels.c
    each = select(func.min(c.value).label("value")).where(c.name == TAG).cte("each", recursive=True)
    following = select(func.min(c.value)).where(c.name == TAG, c.value > each.c.value).scalar_subquery()
    each = each.union_all(select(following).where(each.c.value.is_not(None)))
    with queries.reading() as db:
        found = db.execute(select(each.c.value).limit(limit + 1)).scalars()
        return tuple(value for value in found if value is not None)[:limit]


def additions(queries: Queries) -> str:
    """A token that changes whenever any console adds or removes tags or notes."""
    c, n = labels.c, notes.c
    noted = select(func.count(), func.max(n.id), func.sum(n.at % 1_000_000_007))
    tagged = select(c.value, func.count(), func.sum(c.started_at % 1_000_000_007)).where(c.name == TAG)
    with queries.reading() as db:
        rows = [*db.execute(noted), *db.execute(tagged.group_by(c.value).order_by(c.value))]
    return sha256(repr([tuple(row) for row in rows]).encode()).hexdigest()


def add_tag(writer: AnnotationWriter, session: str, tag: str) -> bool:
    """Gives the session (our id) the tag, once. False when there is no such session. Raises `AnnotationLimitError`."""
    c = labels.c
    with writer.writing() as db:
        started_at = _started_at(db, session)
        if started_at is None:
            return False
        there = set(db.execute(select(c.value).where(c.session == session, c.name == TAG)).scalars())
        if tag not in there:
            if len(there) >= MAX_TAGS:
                raise AnnotationLimitError(f"A session has at most {MAX_TAGS} tags.")
            row = {"name": TAG, "value": tag, "started_at": started_at, "session": session}
            db.execute(insert_once(db.dialect.name, labels), [row])
    return True


def remove_tag(writer: AnnotationWriter, session: str, tag: str) -> bool:
    """Takes the tag from the session; False when it had it not."""
    c = labels.c
    with writer.writing() as db:
        gone = db.execute(delete(labels).where(c.session == session, c.name == TAG, c.value == tag))
        return bool(gone.rowcount)


def add_note(writer: AnnotationWriter, session: str, author: str, text: str) -> Note | None:
    """Adds a note to the session (our id); None when there is no such session. Raises `AnnotationLimitError`."""
    at = time.time_ns()
    with writer.writing() as db:
        if _started_at(db, session) is None:
            return None
        count = db.execute(select(func.count()).select_from(notes).where(notes.c.session == session)).scalar_one()
        if count >= MAX_NOTES:
            raise AnnotationLimitError(f"A session has at most {MAX_NOTES} notes.")
        row = {"session": session, "at": at, "author": author, "text": text}
        made = db.execute(insert(notes).values(row).returning(notes.c.id)).scalar_one()
    return Note(int(made), at, author, text)


def find_note(queries: Queries, session: str, note: int) -> Note | None:
    """That note of the session."""
    n = notes.c
    with queries.reading() as db:
        row = db.execute(select(n.id, n.at, n.author, n.text).where(n.id == note, n.session == session)).first()
        return None if row is None else Note(row.id, row.at, row.author, row.text)


def delete_note(writer: AnnotationWriter, session: str, note: int) -> bool:
    """Takes a note away for good; False when there is no such note of the session."""
    n = notes.c
    with writer.writing() as db:
        return bool(db.execute(delete(notes).where(n.id == note, n.session == session)).rowcount)


def _started_at(db: Connection, session: str) -> int | None:
    found: int | None = db.execute(select(sessions.c.started_at).where(sessions.c.id == session)).scalar_one_or_none()
    return found
