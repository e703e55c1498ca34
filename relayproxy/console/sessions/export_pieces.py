"""Export pieces: each form of a session's file, made piece by piece.

Knows: what is read for each form.
Must not know: HTTP; what the files look like inside; SQL.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

from relayproxy.console.calls.findings import of_session, slow_ms, told_in
from relayproxy.console.calls.reading import StoredSession, decoded
from relayproxy.console.calls.transcript import in_place, transcript
from relayproxy.console.sessions import export_content
from relayproxy.console.sessions.documents import session_file, turn_items
from relayproxy.conversation.model import Turn
from relayproxy.errors import RelayproxyError
from relayproxy.lab.scenarios.nodes import MAX_CHARACTERS
from relayproxy.recordings.scenario import scenario
from relayproxy.recordings.stored import recording_lines, stored_call
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.text import mended

TURNS = 500
"""Turns that are read at once."""

Pieces = Iterator[bytes]
"""Of a file, in order; each is made in a thread of its own, and nothing is held open between two."""


def _jsonl(queries: Queries, _: Settings, session: StoredSession) -> Pieces:
    gzip = export_content.Gzip()
    for lines in recording_lines(queries, session.row, (one.row for one in session.connections)):
        yield gzip.piece(lines)
    yield gzip.end()


def _json(queries: Queries, settings: Settings, session: StoredSession) -> Pieces:
    now = time.time_ns()
    yield export_content.document_head(session_file(session, of_session(session, settings, now), now))
    first = True
    for turns in stored_turns(queries, session):
        yield export_content.joined(turn_items(session, turns), first=first)
        first = False
    yield export_content.DOCUMENT_END


def _text(queries: Queries, settings: Settings, session: StoredSession) -> Pieces:
    yield export_content.text_head(session).encode()
    slow, before = slow_ms(settings, session.row.route), None
    listed = of_session(session, settings, time.time_ns())
    for turns in stored_turns(queries, session):
        shown = transcript(
            turns,
            live=session.live,
            slow_ms=slow,
            findings=partial(told_in, session, in_place(turns, listed, more=turns[-1].number + 1 < session.row.turns)),
            before=before,
        )
        yield mended(export_content.text_turns(session, shown)).encode()
        before = turns[-1]


def stored_turns(queries: Queries, session: StoredSession) -> Iterator[tuple[Turn, ...]]:
    """All turns of the session, `TURNS` at a time."""
    first = 0
    while True:
        rows = queries.turns(session.row.id, first, TURNS)
        if turns := decoded(rows):
            yield turns
        if len(rows) < TURNS:
            return
        first = rows[-1].number + 1


class NoScenario(RelayproxyError):
    """Raised for a call that no scenario can be made of, in one sentence."""


def _scenario(queries: Queries, _: Settings, session: StoredSession) -> Pieces:
    text = scenario(stored_call(queries, session.row.id))
    if len(text) > MAX_CHARACTERS:
        raise NoScenario(
            f"session {session.row.id} is too long for a scenario: it would have {len(text):,} characters, and "
            f"simulate reads at most {MAX_CHARACTERS:,}; save its recording, which replay makes the call from"
        )
    yield text.encode()


MAKERS: dict[str, Callable[[Queries, Settings, StoredSession], Pieces]] = {
    "jsonl": _jsonl,
    "json": _json,
    "text": _text,
    "scenario": _scenario,
}
"""By form."""
