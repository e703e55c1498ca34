"""Queries of the console.

Knows: how sessions, connections, turns and messages are found by their ids, and when there is nothing to read yet.
Must not know: HTML, JSON, who asks; the order of lists.

Every method may be called from any thread, raises `NotReady` while there is no database with this version's
schema, and `StoreError` when the database does not answer. Nothing is ever written.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import BindParameter, Connection, Engine, bindparam, func, select

from relayproxy.conversation.message import Message, read_lines
from relayproxy.store.errors import NotReady, StoreError, store_errors
from relayproxy.store.read.erasures import marked
from relayproxy.store.read.filters.criteria import SHADOW, Criteria, Sort
from relayproxy.store.read.filters.search import Hit, hits
from relayproxy.store.read.list_by_time import cursor_by_time, places_by_time, read_cursor_by_time
from relayproxy.store.read.recording_reader import NotFetchedError, RecordingReader
from relayproxy.store.read.sorted_list import read_sorted_cursor, sorted_cursor, sorted_places
from relayproxy.store.schema import tables
from relayproxy.store.schema.mapping import columns, value
from relayproxy.store.schema.packing import detail_of
from relayproxy.store.schema.revisions import not_ready_reason
from relayproxy.store.schema.rows import ConnectionRow, ImportRow, SessionRow, TurnRow

ALL_SESSIONS = Criteria()
_journals, _erasures = tables.journals.c, tables.erasures.c
_CHANGES = select(
    func.count(),
    # Not the newest: clocks of several machines differ.
    func.sum(_journals.updated_at % 1_000_000_007),
    func.sum(_journals.segment),
    func.sum(_journals.offset),
    select(func.max(tables.sessions.c.started_at)).scalar_subquery(),
    select(func.max(_erasures.at)).where(_erasures.done_at.is_(None)).scalar_subquery(),
).select_from(tables.journals)
_BRIEF = columns(SessionRow, tables.sessions, blank="detail")
# Made once, as that takes longer than to execute them.
_id: BindParameter[str] = bindparam("b_id")
_ids: BindParameter[Sequence[str]] = bindparam("b_ids", expanding=True)
_s, _c, _t = tables.sessions.c, tables.connections.c, tables.turns.c
_SESSION = columns(SessionRow, tables.sessions).where(_s.id == _id)
_REVISION = select(_s.revision).where(_s.id == _id)
_REVISIONS = select(_s.id, _s.revision).where(_s.id.in_(_ids))
_IS_THERE = select(_s.id).where(_s.id == _id)
_CLAIMED = select(_s.id).where(_s.session_id == _id, ~SHADOW).order_by(_s.started_at, _s.id).limit(1)
_SHOWN = _BRIEF.where(_s.id.in_(_ids))
_CONNECTIONS = columns(ConnectionRow, tables.connections).where(_c.session == _id).order_by(_c.opened_at, _c.id)
_TURNS = columns(TurnRow, tables.turns).where(_t.session == _id, _t.number >= bindparam("b_first")).order_by(_t.number)
_IMPORTS = columns(ImportRow, tables.imports).where(tables.imports.c.session.in_(_ids))


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Some sessions, and the cursor of the next page; None when there are no more."""

    sessions: tuple[SessionRow, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session with its connections (first opened first) and the turns that were asked for (by number)."""

    session: SessionRow
    connections: tuple[ConnectionRow, ...]
    turns: tuple[TurnRow, ...]
    imported: ImportRow | None = None
    """Set of one that came as a file."""


@dataclass(frozen=True, slots=True)
class PlacedMessage:
    """A message and the connection it came over."""

    connection: str
    index: int
    """Position of that connection in the session, from 0; with `message.seq` the cursor of `messages`."""
    opened_at: int
    """Wall nanoseconds that `message.t` counts from."""
    message: Message


class Queries:
    """Reads for pages, on an engine of `open_reader`. `note` is called after each read of the database, in the
    reading thread, with the error, or None when it worked."""

    def __init__(self, engine: Engine, note: Callable[[StoreError | None], None] = lambda _problem: None) -> None:
        self._engine = engine
        self._note = note
        self._ready = False

    def not_ready(self) -> str | None:
        """The reason why nothing can be read yet, in words for the operator; None when it can.
        Raises `StoreError` when the database cannot be asked."""
        return not_ready_reason(self._engine)

    def empty(self) -> bool:
        """True while no session has been recorded."""
        with self.reading() as db:
            return db.execute(select(tables.sessions.c.id).limit(1)).first() is None

    def count(self) -> int:
        """The number of sessions, live ones included."""
        with self.reading() as db:
            return int(db.execute(select(func.count()).select_from(tables.sessions)).scalar_one())

    def sessions(
        self, limit: int = 50, before: str | None = None, criteria: Criteria = ALL_SESSIONS, sort: Sort | None = None
    ) -> SessionPage:
        """Live sessions first, the newest first among live and among ended ones; with `sort` in that order, equal
        ones by their beginning, and last those that have no such number. Rows without their `detail`.

        `before` is the cursor of the page before in the same order; anything else raises ValueError, and so does a
        field in `criteria` or `sort` that is none. A session that ends while someone pages from the live ones to the
        ended ones is met again there.
        """
        if sort is not None:
            return self._sorted(limit, before, criteria, sort)
        after = read_cursor_by_time(before) if before else None
        with self.reading() as db:
            places = places_by_time(db, criteria, after, limit + 1)
            rows = _rows(db, [place.id for place in places[:limit]])
        more = len(places) > limit > 0
        return SessionPage(rows, cursor_by_time(places[limit - 1]) if more else None)

    def _sorted(self, limit: int, before: str | None, criteria: Criteria, sort: Sort) -> SessionPage:
        after = read_sorted_cursor(before, sort) if before else None
        with self.reading() as db:
            places = sorted_places(db, criteria, sort, after, limit + 1)
            rows = _rows(db, [place.id for place in places[:limit]])
        more = len(places) > limit > 0
        return SessionPage(rows, sorted_cursor(sort, places[limit - 1]) if more else None)

    def hits(self, criteria: Criteria, sessions: Sequence[str]) -> dict[str, tuple[Hit, ...]]:
        """By session (our ids) the first turns in which the words of `criteria` were said."""
        with self.reading() as db:
            return hits(db, criteria.words, sessions)

    def session(self, id: str, first: int = 0, limit: int | None = None) -> SessionView | None:
        """The session with this id: ours, else Twilio's VX id (of several the first that said so), with its turns from
        number `first` on, at most `limit`."""
        with self.reading() as db:
            key = _find(db, id)
            row = db.execute(_SESSION, {"b_id": key}).first()
            if row is None:
                return None
            turns = _turns(db, str(key), first, limit)
            imports = _imports(db, [str(key)])
            return SessionView(value(SessionRow, row), _connections(db, str(key)), turns, imports.get(str(key)))

    def imports(self, ids: Sequence[str]) -> dict[str, ImportRow]:
        """Of the sessions with these ids of ours those that came as files."""
        with self.reading() as db:
            return _imports(db, ids)

    def turns(self, session: str, first: int = 0, limit: int | None = None) -> tuple[TurnRow, ...]:
        """The session's (our id) turns from number `first` on, at most `limit`."""
        with self.reading() as db:
            return _turns(db, session, first, limit)

    def turn_details(self, session: str, first: int = 0) -> list[str]:
        """The JSON of the session's (our id) turns from number `first` on, without what is beside it in their rows."""
        c = tables.turns.c
        query = select(c.detail, c.packed).where(c.session == session, c.number >= first).order_by(c.number)
        with self.reading() as db:
            return [detail_of(*row) for row in db.execute(query)]

    def sessions_of_call(self, call_sid: str, limit: int = 50) -> tuple[SessionRow, ...]:
        """The first sessions of a call, first first; rows without their `detail`."""
        c = tables.sessions.c
        with self.reading() as db:
            query = _BRIEF.where(c.call_sid == call_sid, ~SHADOW).order_by(c.started_at, c.id).limit(limit)
            return tuple(value(SessionRow, row) for row in db.execute(query))

    def sessions_with_id(self, session_id: str, limit: int = 20) -> tuple[SessionRow, ...]:
        """The first sessions that claim this VX id, first first; rows without their `detail`."""
        c = tables.sessions.c
        with self.reading() as db:
            query = _BRIEF.where(c.session_id == session_id, ~SHADOW).order_by(c.started_at, c.id).limit(limit)
            return tuple(value(SessionRow, row) for row in db.execute(query))

    def messages(
        self,
        session_id: str,
        after: tuple[int, int] | None = None,
        limit: int = 1000,
        reader: RecordingReader | None = None,
    ) -> tuple[PlacedMessage, ...]:
        """At most `limit` messages of the session (our id or VX id) after the place (connection index, seq), in
        order: connection by connection as they opened, each by seq. Fewer than `limit`: that is all for now. The same
        `reader` is given for all batches of one answer. Raises `RecordingAwayError` and `RecordingMissingError`."""
        reader = reader or RecordingReader()
        found: list[PlacedMessage] = []
        while True:
            last = (found[-1].index, found[-1].message.seq) if found else after
            try:
                with self.reading() as db:
                    found += _placed(db, reader, session_id, last, limit - len(found))
                    return tuple(found)
            except NotFetchedError as wanted:
                reader.fetch(wanted.part)

    def revision(self, id: str) -> int | None:
        """A number that grows with every change of the session (our id or VX id); None when there is no such one."""
        with self.reading() as db:
            found: int | None = db.execute(_REVISION, {"b_id": _find(db, id)}).scalar_one_or_none()
            return found

    def revisions(self, ids: Iterable[str]) -> dict[str, int]:
        """The revisions of the sessions with these ids of ours, one more of those that an erasure means; those that are
        not there are left out."""
        wanted = list(ids)
        with self.reading() as db:
            found = db.execute(_REVISIONS, {"b_ids": wanted}).all()
            meant = marked(db, wanted)
            return {row.id: row.revision + (row.id in meant) for row in found}

    def is_marked(self, id: str) -> bool:
        """True when an erasure means this session (our id), which goes as soon as it has ended."""
        with self.reading() as db:
            return id in marked(db, [id])

    def changes(self) -> str:
        """A token that is another one after every commit that moved a journal, hence after every change that the
        recorder makes, after an erasure was ordered, and, while there is any journal, after every session that was
        derived anew; cheap however many sessions there are."""
        with self.reading() as db:
            return "-".join(str(part or 0) for part in db.execute(_CHANGES).one())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for other reads, with the same errors."""
        try:
            with self._reading() as db:
                yield db
        except StoreError as problem:
            self._note(problem)
            raise
        self._note(None)

    @contextmanager
    def snapshot(self) -> Iterator["Queries"]:
        """Queries for one thread, on one connection, that all see the same state of the database. Nothing of it need be
        read twice."""
        with self.reading() as db:
            yield _Snapshot(self._engine, db)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if not self._ready:
            self._check()
        try:
            with store_errors(), self._engine.connect() as db:
                yield db
        except StoreError:
            # Perhaps it is another database by now.
            self._ready = False
            self._check()
            raise

    def _check(self) -> None:
        reason = self.not_ready()
        if reason:
            raise NotReady(reason)
        self._ready = True


class _Snapshot(Queries):
    def __init__(self, engine: Engine, db: Connection) -> None:
        super().__init__(engine)
        self._db = db

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        yield self._db


def _rows(db: Connection, ids: Sequence[str]) -> tuple[SessionRow, ...]:
    """In the order of their ids, without those that are gone meanwhile."""
    rows = {row.id: value(SessionRow, row) for row in db.execute(_SHOWN, {"b_ids": list(ids)})} if ids else {}
    return tuple(rows[id] for id in ids if id in rows)


def _turns(db: Connection, session: str, first: int, limit: int | None) -> tuple[TurnRow, ...]:
    query = _TURNS if limit is None else _TURNS.limit(limit)
    return tuple(value(TurnRow, row) for row in db.execute(query, {"b_id": session, "b_first": first}))


def _imports(db: Connection, ids: Sequence[str]) -> dict[str, ImportRow]:
    return {row.session: value(ImportRow, row) for row in db.execute(_IMPORTS, {"b_ids": list(ids)})}


def _find(db: Connection, id: str) -> str | None:
    """Our id of the session with this id of ours or VX id."""
    found: str | None = db.execute(_IS_THERE, {"b_id": id}).scalar_one_or_none()
    # Anyone who knows an id can claim it afterwards.
    return found or db.execute(_CLAIMED, {"b_id": id}).scalar_one_or_none()


def _connections(db: Connection, session: str) -> tuple[ConnectionRow, ...]:
    return tuple(value(ConnectionRow, row) for row in db.execute(_CONNECTIONS, {"b_id": session}))


def _placed(
    db: Connection, reader: RecordingReader, session_id: str, after: tuple[int, int] | None, limit: int
) -> Iterator[PlacedMessage]:
    index, seq = (after[0], after[1] + 1) if after else (0, 0)
    key = _find(db, session_id)
    connections = _connections(db, key) if key else ()
    for place in range(max(index, 0), len(connections)):
        connection = connections[place]
        start = seq if place == index else 0
        for message in _messages(db, reader, connection.id, start, limit):
            limit -= 1
            yield PlacedMessage(connection.id, place, connection.opened_at, message)


def _messages(db: Connection, reader: RecordingReader, connection: str, seq: int, limit: int) -> Iterator[Message]:
    while limit > 0 and (lines := reader.lines(db, connection, seq, limit)):
        for message in read_lines(lines):
            seq = message.seq + 1
            limit -= 1
            yield message
