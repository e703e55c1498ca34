"""Stored recordings: a session of the database as a recording, in lines or as a call.

Knows: which columns a recording's header and lines come from.
Must not know: SQL, where lines go, compression.
"""

from collections.abc import Iterable, Iterator

from relayproxy import __version__
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.recording import (
    VERSION,
    Header,
    NotARecording,
    RecordedConnection,
    place_lines,
    read_recording,
    write_header,
)
from relayproxy.errors import RelayproxyError
from relayproxy.recordings.call import RecordedCall, recorded_call
from relayproxy.recordings.connections import facts_of
from relayproxy.store.errors import UnreadableError
from relayproxy.store.read.queries import Queries, SessionView
from relayproxy.store.read.recording_streams import stored_lines
from relayproxy.store.schema.rows import ConnectionRow, SessionRow


class NoContentError(RelayproxyError):
    """Raised for a session of which there is no recording: none has the id, or what was said in it was deleted."""


def stored_call(
    queries: Queries,
    id: str,
    thresholds: Thresholds = Thresholds(),  # noqa: B008 (an immutable value)
) -> RecordedCall:
    """The call of the session with this id, ours or Twilio's VX id, as far as it has come; folded anew. Raises
    `NoContentError` and `StoreError`; `UnreadableError` where the stored messages are damaged or not all there."""
    view = stored_session(queries, id)
    lines = _lines(recording_lines(queries, view.session, view.connections))
    try:
        return recorded_call(*read_recording(lines), thresholds)
    except NotARecording as problem:
        raise UnreadableError(f"session {view.session.id}: {problem}") from None


def stored_session(queries: Queries, id: str) -> SessionView:
    """The session with this id, ours or Twilio's VX id, without its turns. Raises `NoContentError`, `StoreError`."""
    view = queries.session(id, limit=0)
    if view is None:
        raise NoContentError(f"there is no session {id[:64]} here")
    if view.session.content_deleted_at is not None:
        raise NoContentError(f"what was said in session {id[:64]} has been deleted (keep_content)")
    return view


def recording_lines(queries: Queries, session: SessionRow, connections: Iterable[ConnectionRow]) -> Iterator[bytes]:
    """The recording, in pieces of whole lines of several megabytes at most. No transaction is open between two of
    them."""
    rows = tuple(connections)
    yield write_header(_header(session, rows))
    for place, row in enumerate(rows):
        for lines in stored_lines(queries, row.id):
            yield place_lines(place, lines)


def _header(session: SessionRow, connections: Iterable[ConnectionRow]) -> Header:
    return Header(
        relayproxy="recording",
        version=VERSION,
        produced_by=f"relayproxy {__version__}",
        id=session.id,
        session_id=session.session_id,
        call_sid=session.call_sid,
        account_sid=session.account_sid,
        trace_id=session.trace_id,
        connections=tuple(
            RecordedConnection(facts.opening, facts.ending, row.next_seq)
            for row in connections
            for facts in [facts_of(row, session.route)]
        ),
    )


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from piece.splitlines()
