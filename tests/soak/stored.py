"""What is stored of calls, held against what they sent.

Knows: the database of the system under test, and what a message weighs on the wire.
Must not know: how calls are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import func, select

from relayproxy.connection import Ending
from relayproxy.conversation.message import Message
from relayproxy.store.engine import open_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.tables import sessions
from relayproxy.store.write.archive import Archive
from tests.soak.calls import Sent

NOT_THERE, NOT_OVER = "no session has its id", "it has not ended"
MESSAGES = ("text", "binary", "ping", "pong", "close")


@dataclass
class Account:
    """All that has been checked so far."""

    whole: int = 0
    """Calls of which every message is stored as it was sent."""
    with_gaps: int = 0
    """Calls of which all that is not stored is counted, to the byte."""
    unclean: int = 0
    """Calls that one end left without a word: they are there, and have ended."""
    not_there: int = 0
    """Calls of which not even the id is stored: all of them must be among those that are stored without one."""
    lost_bytes: int = 0
    stored_messages: int = 0


def wire_size(message: Message) -> int:
    """Bytes of a message that came in one uncompressed frame."""
    head = 2 + (0 if message.size < 126 else 2 if message.size < 65536 else 8)
    return head + message.size + 4 * (message.sender == "twilio")


def _difference(sent: Sequence[tuple[str, str]], stored: Sequence[tuple[str, str | None]]) -> str | None:
    """The first message that is not stored as it was sent; None when there is none."""
    for at, one in enumerate(sent):
        if at >= len(stored):
            return f"of {len(sent)} messages {len(stored)} are stored, without a gap"
        if stored[at] != one:
            return f"message {at} of {len(sent)} ({len(stored)} stored) was {one!r:.300}, and is {stored[at]!r:.300}"
    return None


class Stored:
    """Reads one database."""

    def __init__(self, url: str) -> None:
        self._engine = open_reader(url)
        self._queries = Queries(self._engine)
        self._archive = Archive(self._engine)
        self.account = Account()

    def close(self) -> None:
        """Lets the database go."""
        self._engine.dispose()

    def nameless(self) -> int:
        """The number of calls that are stored with a gap and without an id: that was lost in the gap."""
        with self._engine.connect() as db:
            query = select(func.count()).where(sessions.c.session_id.is_(None), sessions.c.gaps > 0)
            return db.execute(query).scalar_one()

    def check(self, sent: Sent) -> str | None:
        """None when the call is as it should be, else what is wrong. `NOT_THERE` and `NOT_OVER` may pass."""
        rows = self._queries.sessions_with_id(sent.session)
        if len(rows) != 1:
            return f"{len(rows)} sessions" if rows else NOT_THERE
        if rows[0].ended_at is None:
            return NOT_OVER
        messages = list(self._archive.messages(rows[0].id))
        if [message.seq for message in messages] != list(range(len(messages))):
            return "its messages are not numbered one by one"
        self.account.stored_messages += len(messages)
        said = [(one.sender, one.text) for one in messages if one.kind == "text"]
        if sent.cut and said[: len(sent.messages)] != sent.messages[: len(said)]:
            return _difference(sent.messages, said)
        if not sent.clean:
            self.account.unclean += 1
            return None
        gaps = [one for one in messages if one.kind == "gap"]
        self.account.lost_bytes += sum(one.size for one in gaps)
        if not gaps:
            wrong = _difference(sent.messages, said)
            self.account.whole += wrong is None
            return wrong
        self.account.with_gaps += 1
        if any(one.compressed for one in messages):
            return None  # what a compressed message weighed on the wire is not kept
        (connection,) = self._archive.session_connections(rows[0].id)
        if connection.ending is None:
            return "its end is not known"
        ending = msgspec.json.decode(connection.ending, type=Ending)
        received = ending.twilio_bytes + ending.backend_bytes
        counted = sum(wire_size(one) if one.kind in MESSAGES else one.size for one in messages)
        # Of a frame that a gap cut in two, the head is not counted.
        slack = 14 * sum(one.kind == "gap" or one.note == "incomplete" for one in messages)
        if abs(received - counted) > slack:
            return f"{received} bytes were sent, and {counted} are stored or counted as lost"
        return None
