"""Live sessions of the recorder: assigns connections to sessions.

Knows: that a connection is its own session until it names one that is known and can be the next one of; loading stored
sessions.
Must not know: the journal, decoding, what a commit is.
"""

import logging
from collections.abc import Callable, Container, Iterable

import msgspec

from relayproxy.connection import Opening, Side
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.message import Message
from relayproxy.recorder.database_retry import DatabaseRetry
from relayproxy.recorder.decoding.connection import DecodedConnection
from relayproxy.recorder.sessions.session import LiveConnection, RecordedSession, connection_of, first_of
from relayproxy.recorder.sessions.session_identity import (
    SessionIdentity,
    agrees,
    identity,
    ids_of_first_frame,
    sender_of,
)
from relayproxy.recordings.call import CallConnection
from relayproxy.store.errors import UnreadableError
from relayproxy.store.read.recording_objects import RecordingAwayError
from relayproxy.store.schema.rows import SessionRow
from relayproxy.store.write.archive import Archive

log = logging.getLogger(__name__)

JOIN_WINDOW = 3600 * 1_000_000_000
"""Nanoseconds after a session's end within which a connection that names it may belong to it. Twilio does not document
for how long it reconnects; surely not for an hour, and a later session of the same call gets a VX id of its own."""
RESTING = 100
"""Ended sessions that had been joined are kept for the next connection, so that it need not read them back."""


class Sessions:
    """The live connections and the sessions they belong to."""

    def __init__(
        self,
        archive: Archive,
        retry: DatabaseRetry,
        thresholds: Callable[[str], Thresholds],
        version_from: Callable[[str], str | None],
        catch_up: Callable[[DecodedConnection], None] = lambda _connection: None,
    ) -> None:
        self._archive = archive
        self._retry = retry
        self._thresholds = thresholds
        self._version_from = version_from
        self._catch_up = catch_up
        """Plays what has been read of a connection so far."""
        self._sessions: dict[str, RecordedSession] = {}
        self._named: dict[SessionIdentity, str] = {}
        """Sessions here by who they say they are; of several the first."""
        self._resting: dict[str, RecordedSession] = {}
        """Those among the sessions that have no connection here and are kept all the same, longest first."""
        self.connections: dict[str, DecodedConnection] = {}

    def of(self, connection: DecodedConnection) -> RecordedSession:
        return self._sessions[connection.session]

    def loaded(self, connection: DecodedConnection) -> RecordedSession | None:
        """As `of`; None where a recorder was told to stop before it had loaded all that lives on."""
        return self._sessions.get(connection.session)

    @property
    def live(self) -> int:
        """The number of connections of calls; a shadow's is none."""
        return sum(one.opening.shadow_of is None for one in self.connections.values())

    def held(self, session: RecordedSession) -> frozenset[Side]:
        """The ends of whose words some are held back, on any of the session's connections here."""
        here = self._here(session)
        return here[0].held if len(here) == 1 else frozenset().union(*(one.held for one in here))

    def opened(self, connection: DecodedConnection) -> None:
        """Takes a new connection: for now it is a session of its own."""
        self.connections[connection.id] = connection
        session = self._session(connection.id, connection.opening)
        session.open(connection.opening)
        self._sessions[session.id] = session

    def restore(self, connections: Iterable[DecodedConnection]) -> None:
        """Takes connections that live on from before a restart."""
        fresh = list(connections)
        self.connections |= {connection.id: connection for connection in fresh}
        for connection in fresh:
            if connection.session in self._sessions:
                self._part(connection)
                self._resting.pop(connection.session, None)
            else:
                self._load(connection.session)
            session = self._sessions.get(connection.session)
            if session is not None:
                connection.follows(session.conversation().totals.redacted)
                self._interleave(session)

    def ended(self, connection: DecodedConnection) -> None:
        """Takes the committed end of a connection; a session goes with its last connection here, unless it is one of
        those that connections join again and again."""
        del self.connections[connection.id]
        session = self._sessions.get(connection.session)
        if session is None or session.live.keys() & self.connections.keys():
            return
        if session.joined:
            self._resting[session.id] = session
            session.revision = self._revision(session)
            if len(self._resting) <= RESTING:
                return
            session = next(iter(self._resting.values()))
        self._forget(session)

    def identify(self, connections: Iterable[DecodedConnection]) -> list[str]:
        """Moves those connections whose sessions have just said who they are and are known already. The ids of the
        provisional sessions that are no more."""
        gone: list[str] = []
        for connection in connections:
            target = self._known(connection)
            if target is None:
                continue
            gone.append(connection.session)
            self._sessions.pop(connection.session).close()
            connection.session = target.id
            connection.follows(target.conversation().totals.redacted)
            target.joined = True
            self._resting.pop(target.id, None)
            target.join(self._part(connection))
            self._interleave(target)
        return gone

    def identify_again(self, named_alike: Iterable[str]) -> list[str]:
        """As `identify`, for sessions whose VX ids are those of others by now."""
        sessions = [self._sessions[id] for id in named_alike]
        alone = [session for session in sessions if not session.joined]
        for session in alone:
            self._forget_name(session)
            session.name = None
        gone = self.identify([one for session in alone for one in self._all_of(session.id)])
        for session in sessions:
            session.newly_named = False
        return gone

    def _interleave(self, session: RecordedSession) -> None:
        here = self._here(session)
        for one in here:
            one.interleaved = len(here) > 1

    def put_in_order(self, sessions: Iterable[RecordedSession], behind: Container[str]) -> None:
        """Derives those of these sessions anew that are disordered. One waits for it while a connection of it is in a
        journal that is `behind`: as long as that one catches up, all that comes is out of order."""
        for session in sessions:
            if session.disordered and not any(one.journal in behind for one in self._here(session)):
                session.reorder(self._parts(session.id))

    def reread(self, sessions: Iterable[str]) -> None:
        """Derives these sessions again from all that is stored of them: connections of them are played elsewhere."""
        for target in [self._sessions[id] for id in sessions if id in self._sessions]:
            target.rebuild(self._parts(target.id))

    def _known(self, connection: DecodedConnection) -> RecordedSession | None:
        """The other session that the connection belongs to, when its own has just said who it is."""
        session = self._sessions[connection.session]
        if session.name is not None:
            return None
        since = connection.opening.opened_at - JOIN_WINDOW
        name = session.name = identity(session.conversation(), session.opening)
        known = self._hinted(connection, since) if name is None else self._id_of(session, name, since)
        target = None if known is None else self._sessions.get(known) or self._load(known)
        if target is not None:
            for one in self._here(target):
                self._catch_up(one)
        # Nobody reconnects to a call that is over, or whose own socket is there: that one only claims to be it.
        if target is None or target is session or self._goes_on(target, connection) or _was_over(target, connection):
            if name is not None:
                self._named.setdefault(name, session.id)
            return None
        return target

    def _goes_on(self, target: RecordedSession, connection: DecodedConnection) -> bool:
        """True when a socket of the session is still there as this connection comes, or this one as that comes. The
        socket that another relay had may be over without having been played yet: it counts while it has been heard of
        since the later one came."""
        mine = LiveConnection(connection.opening.opened_at, connection.opening.opened_at + connection.last_t)
        for id, other in target.live.items():
            here = self.connections.get(id)
            if here is not None and here.journal == connection.journal:
                return True
            first, second = (mine, other) if mine.opened_at < other.opened_at else (other, mine)
            is_over = first is mine and connection.ending is not None
            if first.heard_at >= second.opened_at and not is_over:
                return True
        return False

    def _here(self, session: RecordedSession) -> list[DecodedConnection]:
        return [self.connections[id] for id in session.live if id in self.connections]

    def _id_of(self, session: RecordedSession, name: SessionIdentity, since: int) -> str | None:
        """The session with this identity, to which this one says it belongs, that lives or has ended at `since` or
        later."""
        known = self._named.get(name)
        if known is not None and self._is_current(known, since):
            return known
        rows = self._retry(lambda: self._archive.sessions_by_ids(name.session_id, None, since))
        session.newly_named = not rows
        return next((row.id for row in rows if agrees(row, name) and self._sender(row) == name.sender), None)

    def _is_current(self, known: str, since: int) -> bool:
        """False, and forgotten here, when a session that rests is over, or was derived anew or erased meanwhile."""
        resting = self._resting.get(known)
        if resting is None:
            return True
        # From here on a commit notices when it is written or erased.
        self._retry(lambda: self._archive.follow(known))
        if resting.ended_at >= since and resting.revision is not None and resting.revision == self._revision(resting):
            return True
        self._forget(resting)
        return False

    def _hinted(self, connection: DecodedConnection, since: int) -> str | None:
        """The session that the first frame of a connection without a setup message names by VX id or call SID."""
        vx, call_sid = ids_of_first_frame(connection.fresh)
        if vx is None and call_sid is None:
            return None
        sender = sender_of(connection.opening)
        for name, known in [*self._named.items()]:
            same = vx in (None, name.session_id) and call_sid in (None, name.call_sid)
            if same and name.sender == sender and self._sessions[known].ended_at >= since:
                if self._is_current(known, since):
                    return known
                break
        rows = self._retry(lambda: self._archive.sessions_by_ids(vx, call_sid, since))
        rows = tuple(row for row in rows if call_sid in (None, row.call_sid))
        return next((row.id for row in reversed(rows) if self._sender(row) == sender), None)

    def _sender(self, row: SessionRow) -> str | None:
        first = self._retry(lambda: self._archive.connection(row.id))
        try:
            return None if first is None else sender_of(msgspec.json.decode(first.opening, type=Opening))
        except msgspec.DecodeError:
            return None

    def _revision(self, session: RecordedSession) -> int | None:
        row = self._retry(lambda: self._archive.session(session.id))
        return None if row is None else row.revision

    def _forget(self, session: RecordedSession) -> None:
        self._sessions.pop(session.id).close()
        self._resting.pop(session.id, None)
        self._forget_name(session)

    def _forget_name(self, session: RecordedSession) -> None:
        if session.name is not None and self._named.get(session.name) == session.id:
            del self._named[session.name]

    def _load(self, session_id: str) -> RecordedSession | None:
        """A stored session, whose final spans were handed on before. None when nothing is left of it."""
        self._retry(lambda: self._archive.follow(session_id))
        parts = self._parts(session_id)
        if not parts:
            return None
        first = first_of(session_id, parts)
        session = self._session(session_id, first)
        session.reload(parts)
        self._sessions[session_id] = session
        session.name = identity(session.conversation(), session.opening)
        if session.name is not None:
            self._named.setdefault(session.name, session_id)
        return session

    def _session(self, id: str, first: Opening) -> RecordedSession:
        return RecordedSession(id, first, self._thresholds(first.route), self._version_from(first.route))

    def _parts(self, session_id: str) -> list[CallConnection]:
        """All connections of a session: what is stored, and what is played and not committed yet."""
        parts: list[CallConnection] = []
        members = {one.id: one for one in self._all_of(session_id)}
        for row in self._retry(lambda: self._archive.session_connections(session_id)):
            if row.id not in members:
                try:
                    parts.append(connection_of(row, self.stored(row.id, session_id)))
                except msgspec.DecodeError as problem:
                    log.error("connection %s is damaged (%s)", row.id, type(problem).__name__)  # noqa: TRY400
        parts += map(self._part, members.values())
        return sorted(parts, key=lambda part: part.opening.opened_at)

    def _all_of(self, session_id: str) -> list[DecodedConnection]:
        return [one for one in self.connections.values() if one.session == session_id]

    def _part(self, member: DecodedConnection) -> CallConnection:
        """A connection that is played here, with what is stored of it."""
        stored = self.stored(member.id, member.session)
        member.last_t = max([member.last_t, *(message.t for message in stored[-1:])])
        # After a commit whose answer got lost, what is new here may be stored already.
        fresh = [message for message in member.fresh if not stored or message.seq > stored[-1].seq]
        return CallConnection(member.opening, stored + fresh, member.ending)

    def stored(self, connection: str, session: str) -> list[Message]:
        """The stored messages of a connection of the session; in the place of those that cannot be read a gap, which
        is not stored: what is derived of the session says that they are missing, until it is derived anew."""

        def read() -> list[Message]:
            found: list[Message] = []
            try:
                found.extend(self._archive.messages(connection))
            except (UnreadableError, RecordingAwayError) as problem:
                # The rest is lost for this session until it is rebuilt; waiting for it would hold up all others.
                log.error(  # noqa: TRY400
                    "session %s goes on without what connection %s said before (%s); once it can be read, derive it "
                    "anew with: relayproxy rebuild %s",
                    session, connection, problem, session,
                )  # fmt: skip
                seq, t = (found[-1].seq + 1, found[-1].t) if found else (0, 0)
                found.append(Message(seq, t, "twilio", "gap", note="recording_unreadable"))
            return found

        return self._retry(read)


def _was_over(target: RecordedSession, connection: DecodedConnection) -> bool:
    """True when the session had ended for certain before this connection came: the caller had hung up, or Twilio had
    taken an `end`."""
    call = target.conversation()
    return call.confidence == "certain" and call.ended_at is not None and call.ended_at <= connection.opening.opened_at
