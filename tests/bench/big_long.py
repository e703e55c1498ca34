"""Very long calls, written to the database commit by commit, as the recorder would.

Knows: what the recorder writes in one commit of a session.
Must not know: the journal; frames.
"""

import hashlib
import time
from collections.abc import Iterator
from itertools import islice

import msgspec

from relayproxy.connection import Ending
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.message import Message, write_lines
from relayproxy.recorder.sessions.session import RecordedSession
from relayproxy.recordings.derive import to_json
from relayproxy.store.schema.rows import Batch, ChunkRow, ConnectionRow, JournalRow
from relayproxy.store.write.archive import Archive
from tests.bench.long_call import OPENING, SECOND, long_call

A_COMMIT = 500
"""Messages of one commit."""
_A_TURN = 20
"""Messages of a turn of `long_call`, at least."""


def record(archive: Archive, messages: int) -> str:
    """Commits an ended call of that many messages, whose end is an hour ago; returns its id."""
    id = hashlib.md5(f"{messages} messages".encode()).hexdigest()
    made = list(islice(long_call(messages // _A_TURN + 1, chunks=40), messages))
    began = time.time_ns() - 3600 * SECOND - made[-1].t
    opening = msgspec.structs.replace(OPENING, connection_id=id, trace_id=id[::-1], opened_at=began)
    ending = Ending(t=made[-1].t + SECOND, first="twilio", twilio="eof", backend="eof")
    session = RecordedSession(id, opening, Thresholds())
    session.open(opening)
    for number, some in enumerate(_portions(made)):
        types = session.feed(id, some)
        some = [msgspec.structs.replace(message, type=type) for message, type in zip(some, types, strict=True)]
        last = some[-1].seq == messages - 1
        if last:
            session.end(opening, ending)
        rows = session.rows()
        connection = ConnectionRow(
            id=id,
            session=id,
            journal="long",
            number=1,
            opened_at=began,
            opened_mono=1,
            ended_at=began + ending.t if last else None,
            opening=to_json(opening),
            ending=to_json(ending) if last else None,
            next_seq=some[-1].seq + 1,
            resume=None,
        )
        archive.commit(
            Batch(
                journals=(JournalRow("long", 1, number + 1),),
                sessions=(rows.session,),
                connections=(connection,),
                turns=rows.turns,
                labels=() if rows.labels is None else (rows.labels,),
                turn_counts=() if rows.count is None else ((id, rows.count),),
                chunks=(ChunkRow(id, some[0].seq, len(some), write_lines(some)),),
                finished=(id,) if last else (),
            )
        )
        session.settle()
    return id


def _portions(messages: list[Message]) -> Iterator[list[Message]]:
    for at in range(0, len(messages), A_COMMIT):
        yield messages[at : at + A_COMMIT]
