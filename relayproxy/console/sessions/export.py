"""Export: the download of a session.

Knows: the paths and parameters of downloads; how a stream that fails half-way is distinguished from a whole one.
Must not know: what the files look like inside; SQL.

Whatever the length of a call, a few megabytes of it are held at once, and no work on them is done on the
event loop.
"""

import asyncio
import logging

from aiohttp import web

from relayproxy.console.access.audit_log import audit
from relayproxy.console.calls.deleted_content import require_content
from relayproxy.console.calls.requested import session_of
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.middleware import Problem, bad_request, said_of
from relayproxy.console.sessions import export_content
from relayproxy.console.sessions.export_pieces import MAKERS, NoScenario
from relayproxy.store.errors import StoreError

_log = logging.getLogger(__name__)


async def download(request: web.Request) -> web.StreamResponse:
    """`GET /sessions/{id}/recording?format=`, one of `FORMS`: the session as a file; of a live one what there is.
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
    try:
        piece = await asyncio.to_thread(next, pieces, None)
    except NoScenario as problem:
        raise Problem(422, "no_scenario", said_of(problem)) from None
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


ROUTES = (
    web.get("/sessions/{id}/recording", download, allow_head=False),
    web.get("/api/sessions/{id}/recording", download, allow_head=False),
)
