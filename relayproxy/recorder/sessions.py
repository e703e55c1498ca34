"""Which connection belongs to which session, and the sessions that live.

Knows: that a connection is its own session until its setup message names one that is known; loading stored sessions.
Must not know: the journal, decoding, what a commit is.
"""

from collections.abc import Iterable

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.message import Message
from relayproxy.recorder.connection import Connection
from relayproxy.recorder.database import Patient
from relayproxy.recorder.session import Part, Session
from relayproxy.store.archive import Archive


class Sessions:
    """The live connections and the sessions they belong to."""

    def __init__(self, archive: Archive, patient: Patient) -> None:
        self._archive = archive
        self._patient = patient
        self._sessions: dict[str, Session] = {}
        self._named: dict[tuple[str, str | None], str] = {}
        """Sessions here by VX id and call SID."""
        self.connections: dict[str, Connection] = {}

    def of(self, connection: Connection) -> Session:
        return self._sessions[connection.session]

    def opened(self, connection: Connection) -> None:
        """A connection is new: for now it is a session of its own."""
        self.connections[connection.id] = connection
        session = Session(connection.id, connection.opening)
        session.open(connection.opening)
        self._sessions[session.id] = session

    def restore(self, connections: Iterable[Connection]) -> None:
        """Connections that live on from before a restart."""
        fresh = list(connections)
        self.connections |= {connection.id: connection for connection in fresh}
        for session in dict.fromkeys(connection.session for connection in fresh):
            if session not in self._sessions:
                self._load(session)

    def ended(self, connection: Connection) -> None:
        """A connection's end has been committed; a session goes with its last connection here."""
        del self.connections[connection.id]
        session = self._sessions.get(connection.session)
        if session is None or session.live.intersection(self.connections):
            return
        del self._sessions[session.id]
        if session.name is not None and self._named.get(session.name) == session.id:
            del self._named[session.name]

    def identify(self, connection: Connection) -> str | None:
        """Moves the connection when its session has just said who it is and is known already. The id of the
        provisional session that is no more, if so."""
        session = self._sessions[connection.session]
        conversation = session.conversation()
        if session.name is not None or conversation.session_id is None:
            return None
        session.name = name = (conversation.session_id, conversation.call_sid)
        known = self._named.get(name)
        if known is None:
            row = self._patient(lambda: self._archive.session_by_vx(*name))
            known = row.id if row is not None else session.id
        target = session if known == session.id else self._sessions.get(known) or self._load(known)
        if target is None or target is session:
            self._named[name] = session.id
            return None
        connection.session = target.id
        target.rebuild(self._parts(target.id))
        del self._sessions[session.id]
        return session.id

    def _load(self, session_id: str) -> Session | None:
        """A stored session, whose final spans were handed on before. None when nothing is left of it."""
        parts = self._parts(session_id)
        if not parts:
            return None
        first = next((part for part in parts if part.opening.connection_id == session_id), parts[0])
        session = Session(session_id, first.opening)
        session.rebuild(parts)
        session.forget_spans()
        self._sessions[session_id] = session
        conversation = session.conversation()
        if conversation.session_id is not None:
            session.name = (conversation.session_id, conversation.call_sid)
            self._named[session.name] = session_id
        return session

    def _parts(self, session_id: str) -> list[Part]:
        """All connections of a session: what is stored, and what is played and not committed yet."""
        parts: list[Part] = []
        members = {one.id: one for one in self.connections.values() if one.session == session_id}
        for row in self._patient(lambda: self._archive.session_connections(session_id)):
            if row.id not in members:
                opening = msgspec.json.decode(row.opening, type=Opening)
                ending = msgspec.json.decode(row.ending, type=Ending) if row.ending is not None else None
                parts.append(Part(opening, self._stored(row.id), ending))
        for member in members.values():
            stored = self._stored(member.id)
            member.last_t = max([member.last_t, *(message.t for message in stored[-1:])])
            parts.append(Part(member.opening, stored + member.fresh, member.ending))
        return sorted(parts, key=lambda part: part.opening.opened_at)

    def _stored(self, connection: str) -> list[Message]:
        return self._patient(lambda: [*self._archive.messages(connection)])
