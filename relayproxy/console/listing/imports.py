"""Imports: recording files that admins bring, as a page with a form and as an API.

Knows: how large a file may be, how many are read at once; the documents and pages of what became of them.
Must not know: what is in a file; how it becomes a session; SQL.
"""

import asyncio
import io
from dataclasses import dataclass
from typing import Annotated

from aiohttp import web
from msgspec import Meta

from relayproxy.console.access.audit_log import audit
from relayproxy.console.access.authorization import require_admin
from relayproxy.console.calls.documents.documents import RecordingId
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.documents import Count, Document
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import bad_request
from relayproxy.console.http.render import render
from relayproxy.console.http.uploads import MIB, NAME, file_of, files_of
from relayproxy.recordings.files import RecordingFileError
from relayproxy.recordings.importing import Imported, ImportRefused, import_file
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.errors import NotReady
from relayproxy.store.schema.revisions import not_ready_reason
from relayproxy.store.write.archive import Archive
from relayproxy.text import storable

MAX_FILE = 32 * MIB
"""Bytes of a file, and of what it unpacks to. What is unpacked takes seven times as much memory while it is folded."""
AT_ONCE = 1
"""Files that are imported at once; others wait."""
ARRIVING = 4
"""Requests whose files arrive at once, so that a slow one holds up no other; others wait."""
_TURNS = web.AppKey("import_turns", asyncio.Semaphore)
_PLACES = web.AppKey("import_places", asyncio.Semaphore)


class ImportDocument(Document, frozen=True):
    """What became of a file."""

    session: RecordingId
    new: Annotated[
        bool,
        Meta(description="False when that session, or one with a connection of it, was here already: it is as it was."),
    ]
    messages: Annotated[Count, Meta(description="Messages in the file, control frames and gaps included.")]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of a form's files: the session, or why there is none."""

    name: str
    imported: Imported | None
    problem: str | None = None


def set_up(app: web.Application) -> None:
    """Lets few files arrive and be imported at once."""
    app[_TURNS] = asyncio.Semaphore(AT_ONCE)
    app[_PLACES] = asyncio.Semaphore(ARRIVING)


async def api_import(request: web.Request) -> web.Response:
    """`POST /api/recordings?name=`: the recording in the body. 400 says in one sentence why it is not taken."""
    require_admin(request)
    name = storable(request.query.get("name", ""))[-NAME:] or "the file"
    async with request.app[_PLACES]:
        content = await file_of(request, MAX_FILE)
        outcome = await _import(request, name, content)
    if outcome.imported is None:
        raise bad_request(outcome.problem or "")
    found = outcome.imported
    return json_response(ImportDocument(session=found.session, new=found.new, messages=found.messages))


async def page(request: web.Request) -> web.Response:
    """`GET /import`: the form."""
    require_admin(request)
    return _page(request, [])


async def submit(request: web.Request) -> web.Response:
    """`POST /import`: the files of the form, each with what became of it."""
    require_admin(request)
    outcomes: list[Outcome] = []
    async with request.app[_PLACES]:
        async for upload in files_of(request, MAX_FILE):
            if upload.content is None:
                outcomes.append(Outcome(upload.name, None, f"{upload.name}: it has more than {MAX_FILE // MIB} MiB"))
            else:
                outcomes.append(await _import(request, upload.name, upload.content))
    return _page(request, outcomes, 200 if outcomes else 400)


def _page(request: web.Request, outcomes: list[Outcome], status: int = 200) -> web.Response:
    context = {"outcomes": outcomes, "asked": request.method == "POST", "most": MAX_FILE // MIB, "section": "sessions"}
    return render("listing/import.html", request, context, status)


async def _import(request: web.Request, name: str, content: bytes) -> Outcome:
    """Raises a Problem when the database cannot be written."""
    actor = require_admin(request).name
    settings = request.app[APP_CONTEXT].settings
    try:
        async with request.app[_TURNS]:
            imported = await asyncio.to_thread(_imported, settings, name, content, actor)
    except (RecordingFileError, ImportRefused) as problem:
        return Outcome(name, None, str(problem))
    if imported.new:
        await audit(request, "import", imported.session)
    return Outcome(name, imported)


def _imported(settings: Settings, name: str, content: bytes, actor: str) -> Imported:
    engine = open_engine(settings.database, create=False)
    try:
        reason = not_ready_reason(engine)
        if reason:
            raise NotReady(reason)
        return import_file(Archive(engine), settings, io.BytesIO(content), name, actor, limit=MAX_FILE)
    finally:
        engine.dispose()


ROUTES = (
    web.get("/import", page),
    web.post("/import", submit),
    web.post("/api/recordings", api_import),
)
