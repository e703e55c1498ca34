"""Export: the download of a session.

Knows: the paths and parameters of downloads; how a stream that fails half-way is distinguished from a whole one.
Must not know: what the files look like inside; SQL.

Whatever the length of a call, a few megabytes of it are held at once, and no work on them is done on the
event loop.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from functools import partial

from aiohttp import web

from relayproxy.console.access.audit_log import audit
from relayproxy.console.calls.deleted_content import require_content
from relayproxy.console.calls.findings import of_session, slow_ms, told_in
from relayproxy.console.calls.reading import StoredSession, decoded
from relayproxy.console.calls.requested import session_of
from relayproxy.console.calls.transcript import in_place, transcript
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.middleware import bad_request
from relayproxy.console.sessions import export_content
from relayproxy.console.sessions.documents import session_file, turn_items
from relayproxy.conversation.model import Turn
from relayproxy.recordings.stored import recording_lines
from relayproxy.settings.model import Settings
from relayproxy.store.errors import StoreError
from relayproxy.store.read.queries import Queries
from relayproxy.text import mended

TURNS = 500
"""Turns that are read at once."""
_log = logging.getLogger(__name__)

Pieces = Iterator[bytes]
"""Of a file, in order; each is made in a thread of its own, and nothing is held open between two."""


async def download(request: web.Request) -> web.StreamResponse:
    """`GET /sessions/{id}/recording?format=jsonl|json|text`: the session as a file; of a live one what there is.
    410 once what was said has been deleted, but for `json`, which has the numbers."""
    form = request.query.get("format", "jsonl")
    if form not in export_content.FORMS:
        raise bad_request(f"format={form[:32]}: {', '.join(export_content.FORMS)} is expected.")
    found = await session_of(request)
    if form != "json":
        require_content(found.row)
    await audit(request, "export", found.row.id)
    context = request.app[APP_CONTEXT]
    pieces = MAKERS[form](context.queries, context.settings, found)
    name = export_content.file_name(found, form)
    response = web.StreamResponse(
        headers={"Content-Type": export_content.FORMS[form][0], "Content-Disposition": f'attachment; filename="{name}"'}
    )
    # Made before anything is sent, so that a database that is away is an answer of its own.
    piece = await asyncio.to_thread(next, pieces, None)
    await response.prepare(request)
    try:
        while piece is not None:
            if piece:
                await response.write(piece)
            piece = await asyncio.to_thread(next, pieces, None)
        await response.write_eof()
    except ConnectionError:
        # The reader is gone.
        return response
    except Exception as problem:
        _log.warning(
            "download of session %s was cut short: %s",
            found.row.id,
            problem,
            exc_info=not isinstance(problem, StoreError),
        )
        # It is too late for another answer; but a stream without its end is no whole file, and every client notices.
        if request.transport is not None:
            request.transport.abort()
    return response


def _jsonl(queries: Queries, _: Settings, session: StoredSession) -> Pieces:
    gzip = export_content.Gzip()
    for lines in recording_lines(queries, session.row, (one.row for one in session.connections)):
        yield gzip.piece(lines)
    yield gzip.end()


def _json(queries: Queries, settings: Settings, session: StoredSession) -> Pieces:
    now = time.time_ns()
    yield export_content.document_head(session_file(session, of_session(session, settings, now), now))
    first = True
    for turns in _turns(queries, session):
        yield export_content.joined(turn_items(session, turns), first=first)
        first = False
    yield export_content.DOCUMENT_END


def _text(queries: Queries, settings: Settings, session: StoredSession) -> Pieces:
    yield export_content.text_head(session).encode()
    slow, before = slow_ms(settings, session.row.route), None
    listed = of_session(session, settings, time.time_ns())
    for turns in _turns(queries, session):
        shown = transcript(
            turns,
            live=session.live,
            slow_ms=slow,
            findings=partial(told_in, session, in_place(turns, listed, more=turns[-1].number + 1 < session.row.turns)),
            before=before,
        )
        yield mended(export_content.text_turns(session, shown)).encode()
        before = turns[-1]


def _turns(queries: Queries, session: StoredSession) -> Iterator[tuple[Turn, ...]]:
    first = 0
    while True:
        rows = queries.turns(session.row.id, first, TURNS)
        if turns := decoded(rows):
            yield turns
        if len(rows) < TURNS:
            return
        first = rows[-1].number + 1


MAKERS: dict[str, Callable[[Queries, Settings, StoredSession], Pieces]] = {
    "jsonl": _jsonl,
    "json": _json,
    "text": _text,
}

ROUTES = (
    web.get("/sessions/{id}/recording", download, allow_head=False),
    web.get("/api/sessions/{id}/recording", download, allow_head=False),
)
