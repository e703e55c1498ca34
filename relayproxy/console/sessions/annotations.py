"""Annotations: tags and notes of a session, as forms on its page and as an API.

Knows: what a tag may look like and how long a note may be; who may delete a note.
Must not know: SQL; authentication; the check that requests come from our own pages.
"""

import asyncio
import re
import unicodedata
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from aiohttp import web
from msgspec import Meta

from relayproxy.console.access.audit_log import audit
from relayproxy.console.access.authorization import principal_of
from relayproxy.console.access.principal import Principal
from relayproxy.console.calls.requested import session_of
from relayproxy.console.filters.language import write_criterion
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.documents import CompleteList, Document, Nanoseconds, Time
from relayproxy.console.http.forms import form_of, json_of
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import Problem, bad_request, not_found
from relayproxy.console.http.render import render
from relayproxy.console.http.times import rfc3339
from relayproxy.store.read.filters.criteria import TAG, Criterion
from relayproxy.store.write.annotations import (
    AnnotationLimitError,
    Annotations,
    Note,
    add_note,
    add_tag,
    delete_note,
    find_note,
    read_annotations,
    read_tags,
    remove_tag,
)
from relayproxy.text import storable

MAX_TAG_LENGTH = 40
MAX_NOTE_LENGTH = 4000
_BETWEEN = re.compile(r"[^\w.+#@/]+")
"""Characters that a tag cannot have: blanks, and all with a meaning in a filter or a URL."""


TagText = Annotated[
    str, Meta(description=f"1 to {MAX_TAG_LENGTH} letters, digits and `. + # @ / - _`, in small letters.")
]
NoteText = Annotated[str, Meta(description=f"1 to {MAX_NOTE_LENGTH} characters.")]


class TagDocument(Document, frozen=True):
    """A tag of a session."""

    tag: TagText


class TagListDocument(CompleteList[TagText], frozen=True):
    """Tags."""


class NewTagDocument(Document, frozen=True, forbid_unknown_fields=False):
    """A tag to be given."""

    tag: Annotated[str, Meta(description="Is brought into the form of a tag.")]


class NoteDocument(Document, frozen=True):
    """A note on a session."""

    id: int
    at: Annotated[Time, Meta(description="When it was written.")]
    at_ns: Nanoseconds
    author: str
    text: NoteText


class NoteListDocument(CompleteList[NoteDocument], frozen=True):
    """Notes on a session."""


class NewNoteDocument(Document, frozen=True, forbid_unknown_fields=False):
    """A note to be written."""

    text: NoteText


def tag_of(text: str) -> str:
    """A tag as it is kept: lower case, words joined by `-`. Raises ValueError when nothing or too much is left."""
    # Some letters are two when small, and some of those join what was apart.
    tag = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text[:1000]).lower())
    tag = _BETWEEN.sub("-", tag).strip("-")
    if not re.search(r"\w", tag) or len(tag) > MAX_TAG_LENGTH:
        raise ValueError(f"a tag of 1 to {MAX_TAG_LENGTH} letters and digits is expected")
    return tag


def note_of(text: str) -> str:
    """A note as it is kept. Raises ValueError when it is empty or too long."""
    note = storable(text).replace("\r\n", "\n").strip()
    if not note or len(note) > MAX_NOTE_LENGTH:
        raise ValueError(f"a note of 1 to {MAX_NOTE_LENGTH:,} characters is expected")
    return note


def sessions_with(label: str, value: str) -> str:
    """URL of the list of sessions with the label."""
    return "/sessions?" + urlencode({"q": write_criterion(Criterion(label, "=", (value,)))})


async def annotations_context(request: web.Request, session: str, annotations: Annotations) -> dict[str, Any]:
    """Template values of `annotations.html` for the session (our id) with these tags and notes."""
    tags = await asyncio.to_thread(read_tags, request.app[APP_CONTEXT].queries)
    who = principal_of(request)
    return {
        "annotations": annotations,
        "tag_links": [(tag, sessions_with(TAG, tag)) for tag in annotations.tags],
        "annotations_base": f"/sessions/{session}",
        "known_tags": [tag for tag in tags if tag not in annotations.tags],
        "deletable": {note.id for note in annotations.notes if may_delete(who, note)},
        "longest_note": MAX_NOTE_LENGTH,
    }


async def fragment(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/annotations`: tags and notes alone."""
    session = await _session(request)
    annotations = await asyncio.to_thread(read_annotations, request.app[APP_CONTEXT].queries, session)
    return render("sessions/annotations.html", request, await annotations_context(request, session, annotations))


async def form_tag(request: web.Request) -> web.Response:
    """`POST /sessions/{id}/tags`: the form's `tag` is given, or with `remove` taken away."""
    session, form = await _session(request), await form_of(request)
    tag = form.get("tag", "")
    if "remove" in form:
        await _untag(request, session, tag)
    else:
        await _tag(request, session, tag)
    raise _back(session)


async def form_note(request: web.Request) -> web.Response:
    """`POST /sessions/{id}/notes`: the form's `text` is added, or the note `remove` taken away."""
    session, form = await _session(request), await form_of(request)
    if "remove" in form:
        await _unnote(request, session, form["remove"])
    else:
        await _note(request, session, form.get("text", ""))
    raise _back(session)


async def tags(request: web.Request) -> web.Response:
    """`GET /api/sessions/{id}/tags`."""
    annotations = await asyncio.to_thread(read_annotations, request.app[APP_CONTEXT].queries, await _session(request))
    return json_response(TagListDocument(items=annotations.tags))


async def put_tag(request: web.Request) -> web.Response:
    """`POST /api/sessions/{id}/tags` with `{"tag": …}`: answers the tag as it is kept."""
    session = await _session(request)
    tag = await _tag(request, session, (await json_of(request, NewTagDocument)).tag)
    return json_response(TagDocument(tag=tag), 201)


async def drop_tag(request: web.Request) -> web.Response:
    """`DELETE /api/sessions/{id}/tags/{tag}`."""
    await _untag(request, await _session(request), storable(request.match_info["tag"]))
    return web.Response(status=204)


async def notes(request: web.Request) -> web.Response:
    """`GET /api/sessions/{id}/notes`: first first."""
    annotations = await asyncio.to_thread(read_annotations, request.app[APP_CONTEXT].queries, await _session(request))
    return json_response(NoteListDocument(items=tuple(map(_note_document, annotations.notes))))


async def put_note(request: web.Request) -> web.Response:
    """`POST /api/sessions/{id}/notes` with `{"text": …}`."""
    session = await _session(request)
    note = await _note(request, session, (await json_of(request, NewNoteDocument)).text)
    return json_response(_note_document(note), 201)


async def drop_note(request: web.Request) -> web.Response:
    """`DELETE /api/sessions/{id}/notes/{note}`: for its author and for admins."""
    await _unnote(request, await _session(request), request.match_info["note"])
    return web.Response(status=204)


async def all_tags(request: web.Request) -> web.Response:
    """`GET /api/tags`: those that any session has."""
    return json_response(TagListDocument(items=await asyncio.to_thread(read_tags, request.app[APP_CONTEXT].queries)))


def may_delete(identity: Principal, note: Note) -> bool:
    """True when the principal may delete the note."""
    return identity.role == "admin" or identity.name == note.author


async def _session(request: web.Request) -> str:
    """Our id of the session that the path names."""
    return (await session_of(request)).row.id


async def _tag(request: web.Request, session: str, text: str) -> str:
    try:
        tag = tag_of(text)
        found = await request.app[APP_CONTEXT].writer.run(add_tag, session, tag)
    except (ValueError, AnnotationLimitError) as problem:
        raise bad_request(f"tag={text[:64]}: {problem}") from None
    if not found:
        raise not_found("There is no such session any more.")
    await audit(request, "tag", session)
    return tag


async def _untag(request: web.Request, session: str, tag: str) -> None:
    if not await request.app[APP_CONTEXT].writer.run(remove_tag, session, tag):
        raise not_found(f"The session has no tag {tag[:64]}.")
    await audit(request, "untag", session)


async def _note(request: web.Request, session: str, text: str) -> Note:
    try:
        author = principal_of(request).name
        note = await request.app[APP_CONTEXT].writer.run(add_note, session, author, note_of(text))
    except (ValueError, AnnotationLimitError) as problem:
        raise bad_request(f"text: {problem}") from None
    if note is None:
        raise not_found("There is no such session any more.")
    await audit(request, "note", session)
    return note


async def _unnote(request: web.Request, session: str, number: str) -> None:
    context = request.app[APP_CONTEXT]
    known = number.isascii() and number.isdigit() and len(number) < 19
    note = await asyncio.to_thread(find_note, context.queries, session, int(number)) if known else None
    if note is None:
        raise not_found("There is no such note.")
    if not may_delete(principal_of(request), note):
        raise Problem(403, "forbidden", "Only its author or an admin may delete a note.")
    if not await context.writer.run(delete_note, session, note.id):
        raise not_found("There is no such note.")
    await audit(request, "delete_note", session)


def _back(session: str) -> web.HTTPSeeOther:
    return web.HTTPSeeOther(f"/sessions/{quote(session, safe='')}#annotations")


def _note_document(note: Note) -> NoteDocument:
    return NoteDocument(id=note.id, at=rfc3339(note.at), at_ns=note.at, author=note.author, text=note.text)


ROUTES = (
    web.get("/sessions/{id}/annotations", fragment),
    web.post("/sessions/{id}/tags", form_tag),
    web.post("/sessions/{id}/notes", form_note),
    web.get("/api/tags", all_tags),
    web.get("/api/sessions/{id}/tags", tags),
    web.post("/api/sessions/{id}/tags", put_tag),
    web.delete("/api/sessions/{id}/tags/{tag}", drop_tag),
    web.get("/api/sessions/{id}/notes", notes),
    web.post("/api/sessions/{id}/notes", put_note),
    web.delete("/api/sessions/{id}/notes/{note}", drop_note),
)
