"""Archive: writes the recorder's batches, and reads the state that a recorder resumes from.

Knows: how a batch becomes one transaction.
Must not know: how rows are derived, how chunks become recordings, or what the console asks.

The contract holds alike on every database: a call of `commit` that returns has made its batch durable, one that
raises has changed nothing, and committing the same batch again changes nothing but revisions.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NoReturn, TypeVar

from sqlalchemy import (
    BindParameter,
    Column,
    Connection,
    Engine,
    Executable,
    Select,
    Text,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from relayproxy.conversation.message import Message, read_lines
from relayproxy.store.engine import Identity, database_location, is_in_place, opened_file, reading, writing
from relayproxy.store.errors import OvertakenError, ReplacedError, UnreadableError, store_errors
from relayproxy.store.read.filters.criteria import IMPORTED, TAG
from relayproxy.store.read.recording_reader import lines_from
from relayproxy.store.schema import tables
from relayproxy.store.schema.bigrams import bigrams
from relayproxy.store.schema.mapping import batches, columns, for_index, insert_once, names, parameters, upsert, value
from relayproxy.store.schema.rows import Batch, ConnectionRow, JournalRow, SessionLabels, SessionRow, TurnRow
from relayproxy.store.write.backend_spans import move_backend_spans
from relayproxy.store.write.chunks import Chunks
from relayproxy.store.write.live_rows import LiveRows
from relayproxy.store.write.object_deletions import note_object_deletions
from relayproxy.store.write.rollups import forget_late_calls
from relayproxy.store.write.row_writer import RowWriter
from relayproxy.store.write.writer_state import WriterState, check_names, ended

R = TypeVar("R")

_INDEXED = frozenset(
    column.name
    for index in tables.sessions.indexes
    for column in index.columns
    if isinstance(column.type, Text) and not column.primary_key
)
_CHANGING = (
    "turns", "interruptions", "messages", "gaps", "unanswered", "asked_again", "errors", "warnings", "responses",
    "interrupted_responses", "false_interruptions", "stale_chunks", "unheard_chars", "sent_chars", "response_max_ms",
    "longest_wait_ms", "strip", "response_p50_ms", "response_p95_ms", "response_n", "detail",
)  # fmt: skip
"""What changes of a session while it goes on. Few indexes have any of it."""
CLAIMS = 50
"""Sessions that claim the same id, of which more are not looked at."""
PAGE = 500
"""Ids of sessions that are read at once."""
# Made once, as that takes longer than to execute them.
_id: BindParameter[str] = bindparam("b_id")
_session: BindParameter[str] = bindparam("b_session")
_c, _t, _l = tables.connections.c, tables.turns.c, tables.labels.c
_s, _j = tables.sessions.c, tables.journals.c
_SESSION = columns(SessionRow, tables.sessions).where(_s.id == _id)
_CLAIMING = columns(SessionRow, tables.sessions).where(
    or_(_s.ended_at.is_(None), _s.ended_at >= bindparam("b_since")), _s.content_deleted_at.is_(None), ~IMPORTED
)
_CLAIMING = _CLAIMING.order_by(_s.started_at, _s.id).limit(CLAIMS)
_CLAIMING_ID, _CLAIMING_CALL = _CLAIMING.where(_s.session_id == _id), _CLAIMING.where(_s.call_sid == _id)
_OTHERS = select(_j.id).where(_j.recorder.not_in(("", bindparam("b_recorder"))))
_JOURNALS = (
    select(_j.id)
    .where(_j.id.not_in(_OTHERS))
    .union(select(_c.journal).where(_c.ended_at.is_(None), _c.journal.not_in(_OTHERS)))
)
_LIVE_CONNECTIONS = columns(ConnectionRow, tables.connections).where(
    _c.journal == bindparam("b_journal"), _c.ended_at.is_(None)
)
_LIVE_CONNECTIONS = _LIVE_CONNECTIONS.order_by(_c.number)
_CONNECTION = columns(ConnectionRow, tables.connections).where(_c.id == _id)
_SESSION_CONNECTIONS = columns(ConnectionRow, tables.connections).where(_c.session == _session)
_SESSION_CONNECTIONS = _SESSION_CONNECTIONS.order_by(_c.opened_at, _c.id)
_SESSION_TURNS = columns(TurnRow, tables.turns).where(_t.session == _session).order_by(_t.number)
_DELETE_TURNS = delete(tables.turns).where(_t.session == _session, _t.number >= bindparam("b_number"))
_DELETE_LABELS = delete(tables.labels).where(_l.session == _session, _l.name != TAG)
_MOVE_LABELS = update(tables.labels).where(_l.session == _session, _l.started_at != bindparam("b_at"))
_MOVE_LABELS = _MOVE_LABELS.values(started_at=bindparam("b_at"))


class Archive:
    """A writer of a database: the only one of a SQLite file, one of several of a server. `recorder` is who plays the
    journals that it commits. Not for use by several threads at once."""

    def __init__(self, engine: Engine, recorder: str = "") -> None:
        self._recorder = recorder
        self._engine = engine
        self._writing = writing(engine)
        self._consistent = reading(engine)
        self._file: Identity | None = None
        """The SQLite file that everything so far was read from and written to."""
        self._memory = WriterState()
        dialect = engine.dialect.name
        self._sessions = LiveRows(dialect, tables.sessions, SessionRow, _CHANGING, "revision", _INDEXED)
        self._connections = LiveRows(dialect, tables.connections, ConnectionRow, ("next_seq", "resume"))
        self._put_turns = _turn_writer(dialect)
        self._put_treatments = upsert(dialect, tables.treatments)
        self._put_journals = upsert(dialect, tables.journals)
        self._put_journal_gaps = upsert(dialect, tables.journal_gaps)
        self._add_labels = insert_once(dialect, tables.labels)
        self._chunks = Chunks(dialect)

    def commit(self, batch: Batch) -> None:
        """Writes the batch, all or nothing; durable on return. Raises `StoreError` when the database cannot;
        `OvertakenError`, when another recorder has written one of its sessions, or begun one with the VX id of one that
        is newly named; and `ReplacedError` once when the database is another one than before or gone: the next call
        takes the one that is there then."""
        with self._transaction() as db:
            if not self._memory.check(db, batch):
                self._write(db, batch)
                check_names(db, batch)
        self._memory.committed(batch)
        self._chunks.forget((*batch.finished, *batch.dropped_connections))

    def follow(self, session: str) -> None:
        """From now on `commit` raises `OvertakenError` when another writer writes this session, which another recorder
        may have begun. To be called before it is read."""
        with self._transaction() as db:
            self._memory.follow(db, session)

    def journals(self) -> tuple[JournalRow, ...]:
        """The committed position of every journal."""
        return self._all(JournalRow, columns(JournalRow, tables.journals))

    def journal_names(self) -> frozenset[str]:
        """The journals that something is still expected of, those with a position or with live connections; not those
        that another recorder plays."""
        with self._reading() as db:
            return frozenset(db.execute(_JOURNALS, {"b_recorder": self._recorder}).scalars())

    def live_connections(self, journal: str) -> tuple[ConnectionRow, ...]:
        """The journal's connections that have not ended, in the order in which they opened."""
        return self._all(ConnectionRow, _LIVE_CONNECTIONS, b_journal=journal)

    def connection(self, connection_id: str) -> ConnectionRow | None:
        """One connection, live or ended."""
        return next(iter(self._all(ConnectionRow, _CONNECTION, b_id=connection_id)), None)

    def session(self, session: str) -> SessionRow | None:
        """The session with this id of ours."""
        return next(iter(self._all(SessionRow, _SESSION, b_id=session)), None)

    def sessions(self) -> int:
        """The number of sessions."""
        with self._reading() as db:
            return int(db.execute(select(func.count()).select_from(tables.sessions)).scalar_one())

    def session_ids(self, wanted: str | None = None) -> Iterator[str]:
        """Our ids of all sessions, oldest first; with `wanted` those that have this id of ours or this VX id. No
        transaction is open between two of them, and one that comes meanwhile is met."""
        c = tables.sessions.c
        query = select(c.started_at, c.id).order_by(c.started_at, c.id).limit(PAGE)
        if wanted is not None:
            query = query.where(or_(c.id == wanted, c.session_id == wanted))
        after: tuple[int, str] = (-(2**63), "")
        while True:
            with self._reading() as db:
                found = [
                    (row.started_at, row.id) for row in db.execute(query.where(tuple_(c.started_at, c.id) > after))
                ]
            yield from (id for _, id in found)
            if len(found) < PAGE:
                return
            after = found[-1]

    def replace_session(self, session: SessionRow, turns: tuple[TurnRow, ...], labels: SessionLabels) -> bool:
        """Replaces an ended session's row, turns and labels by rebuilt ones, all or nothing. False, and
        nothing done, when the stored row is live or of another revision than `session.revision`. Raises as `commit`
        does."""
        c = tables.sessions.c
        same = select(c.id).where(c.id == session.id, c.revision == session.revision, c.ended_at.is_not(None))
        same = same.with_for_update()  # SQLite has locked everything by now
        with self._transaction() as db:
            if db.execute(same).first() is None:
                return False
            counts = ((session.id, len(turns)),)
            self._write(db, Batch(sessions=(session,), turns=turns, turn_counts=counts, labels=(labels,)))
            _tell_watchers(db)
        return True

    def add_session(self, batch: Batch) -> str | None:
        """Writes a session that was recorded elsewhere, all or nothing: its batch has all of it. Returns the session
        (our id) that has its id, or one of its connections, already, and then nothing is done. Raises as `commit`
        does."""
        c = tables.connections.c
        ids = [row.id for row in batch.connections]
        with self._transaction() as db:
            for some in batches(ids):
                there: str | None = db.execute(select(c.session).where(c.id.in_(some)).limit(1)).scalar()
                if there is not None:
                    return there
            s = tables.sessions.c
            there = db.execute(select(s.id).where(s.id.in_([row.id for row in batch.sessions]))).scalar()
            if there is None:
                self._write(db, batch)
                _tell_watchers(db)
        return there

    def sessions_by_ids(self, session_id: str | None, call_sid: str | None, since: int) -> tuple[SessionRow, ...]:
        """The first sessions (at most `CLAIMS`) with this VX id (without one, this call SID) that are live or ended at
        `since` (wall nanoseconds) or later, first first: one of them a reconnecting WebSocket may belong to. One whose
        content was deleted is not gone on with, and none that was imported."""
        query, id = (_CLAIMING_CALL, call_sid) if session_id is None else (_CLAIMING_ID, session_id)
        return self._all(SessionRow, query, b_id=for_index(id), b_since=since)

    def session_connections(self, session: str) -> tuple[ConnectionRow, ...]:
        """The session's connections, first opened first."""
        return self._all(ConnectionRow, _SESSION_CONNECTIONS, b_session=session)

    def turn_rows(self, session: str) -> tuple[TurnRow, ...]:
        """The session's turns by number."""
        return self._all(TurnRow, _SESSION_TURNS, b_session=session)

    def messages(self, connection_id: str) -> Iterator[Message]:
        """Every stored message of the connection, in order. No transaction is open between two messages. Raises
        `UnreadableError` where the recording cannot be read, and `RecordingAwayError`."""
        seq = 0
        while found := self._some(connection_id, seq):
            if found[-1].seq < seq:
                raise UnreadableError("database: a recording is damaged (its parts do not follow each other)")
            yield from found
            seq = found[-1].seq + 1

    def _some(self, connection: str, seq: int) -> list[Message]:
        lines = lines_from(self._reading, connection, seq)
        with store_errors():
            return [*read_lines(lines)]

    def _all(self, row_class: type[R], query: Select[Any], **parameters: object) -> tuple[R, ...]:
        with self._reading() as db:
            return tuple(value(row_class, row) for row in db.execute(query, parameters))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with store_errors(), self._writing.begin() as db:
                self._recognize(db)
                if not is_in_place(db):
                    self._replaced()
                yield db
        except OvertakenError:
            self._forget()
            raise
        except BaseException as problem:
            if isinstance(problem, ReplacedError):
                self._memory.forget()
            self._forget()
            # A file that was opened while it could not be written stays read-only for its connection.
            self._engine.dispose()
            raise

    def _forget(self) -> None:
        """Takes that what is stored may be otherwise than this archive has written it last."""
        self._chunks.forget()
        self._sessions.forget()
        self._connections.forget()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with store_errors(), self._consistent.connect() as db:
            self._recognize(db)
            yield db

    def _recognize(self, db: Connection) -> None:
        """The connection's file must be that of all connections before."""
        opened = opened_file(db)
        if self._file is None:
            self._file = opened
        elif opened != self._file:
            self._replaced()

    def _replaced(self) -> NoReturn:
        self._file = None
        self._memory.forget()
        raise ReplacedError(f"the database file has been deleted or replaced: {database_location(self._engine)}")

    def _write(self, db: Connection, batch: Batch) -> None:
        forget_late_calls(db, batch, time.time_ns())
        self._sessions.write(db, batch.sessions)
        self._connections.write(db, batch.connections)
        if batch.treatments:
            db.execute(self._put_treatments, parameters(batch.treatments))
        self._put_turns(db, batch.turns, [bigrams(turn.caller_text, turn.agent_text) for turn in batch.turns])
        self._delete_turns(db, batch.turn_counts)
        self._replace_labels(db, batch.labels)
        self._chunks.append(db, batch.chunks)
        for connection in batch.finished:
            self._chunks.seal(db, connection, whole=True)
        if batch.recordings:
            db.execute(insert(tables.recordings), parameters(batch.recordings))
        if batch.imports:
            db.execute(insert(tables.imports), parameters(batch.imports))
        if batch.journals:
            now = time.time_ns()
            moved = {"updated_at": now, "recorder": self._recorder}
            db.execute(self._put_journals, [{**row, **moved} for row in parameters(batch.journals)])
        if batch.journal_gaps:
            db.execute(self._put_journal_gaps, parameters(batch.journal_gaps))
        self._delete_turns(db, [(session, 0) for session in batch.dropped_sessions])
        _delete(db, tables.labels.c.session, batch.dropped_sessions)
        _delete(db, tables.treatments.c.session, batch.dropped_sessions)
        for session in batch.dropped_sessions:
            # A session has the id of its first connection, which belongs to another one by now.
            c = tables.connections.c
            other = db.execute(select(c.session).where(c.id == session, c.session != session)).scalar_one_or_none()
            move_backend_spans(db, session, other)
        _delete(db, tables.sessions.c.id, batch.dropped_sessions)
        if batch.dropped_connections:
            gone = delete(tables.recordings).where(tables.recordings.c.connection.in_(batch.dropped_connections))
            objects = db.execute(gone.returning(tables.recordings.c.object)).scalars().all()
            note_object_deletions(db, objects, time.time_ns())
        for column in (tables.chunks.c.connection, tables.connections.c.id):
            _delete(db, column, batch.dropped_connections)
        _delete(db, tables.journals.c.id, batch.dropped_journals)
        self._sessions.forget((*ended(batch.sessions), *batch.dropped_sessions))
        self._connections.forget((*ended(batch.connections), *batch.dropped_connections))

    def _replace_labels(self, db: Connection, sessions: tuple[SessionLabels, ...]) -> None:
        if not sessions:
            return
        db.execute(_DELETE_LABELS, [{"b_session": one.session} for one in sessions])
        # A session that another connection joined may have begun earlier.
        db.execute(_MOVE_LABELS, [{"b_session": one.session, "b_at": one.started_at} for one in sessions])
        rows = [
            {"name": name, "value": text, "started_at": one.started_at, "session": one.session}
            for one in sessions
            for name, text in one.labels
        ]
        if rows:
            db.execute(self._add_labels, rows)

    def _delete_turns(self, db: Connection, counts: Iterable[tuple[str, int]]) -> None:
        keys = [{"b_session": session, "b_number": number} for session, number in counts]
        if keys:
            db.execute(_DELETE_TURNS, keys)


@cache
def _turn_writer(dialect: str) -> RowWriter:
    return RowWriter.inserting(dialect, upsert(dialect, tables.turns), names(TurnRow), ("bigrams",))


def _tell_watchers(db: Connection) -> None:
    """Who watches all sessions looks at journals alone (`Queries.changes`)."""
    j = tables.journals.c
    one = select(func.min(j.id)).scalar_subquery()
    db.execute(update(tables.journals).where(j.id == one).values(updated_at=time.time_ns()))


def _delete(db: Connection, column: Column[str], keys: tuple[str, ...]) -> None:
    if keys:
        db.execute(_deleting(column), [{"b_key": key} for key in keys])


@cache
def _deleting(column: Column[str]) -> Executable:
    return delete(column.table).where(column == bindparam("b_key"))
