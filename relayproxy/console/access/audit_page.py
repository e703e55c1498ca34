"""Audit page and its API: the entries of the audit log, for admins.

Knows: what actions are called; which entries can be asked for.
Must not know: how entries come about; SQL.
"""

import asyncio
from typing import Annotated, Any
from urllib.parse import urlencode

from aiohttp import web
from msgspec import Meta

from relayproxy.console.access.audit_log import AUDIT_LOG
from relayproxy.console.access.authorization import require_admin
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.documents import Document, Nanoseconds, Page, Time
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import bad_request
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.http.render import render
from relayproxy.console.http.times import rfc3339
from relayproxy.store.write.audit import Action, AuditEntry, EntryPage, read_entries
from relayproxy.text import storable

ENTRIES, MAX_ENTRIES = 100, 1000
ACTIONS: dict[Action, str] = {
    "view": "viewed",
    "export": "downloaded",
    "replay": "replayed",
    "search": "searched for words",
    "tag": "tagged",
    "untag": "took a tag away",
    "note": "wrote a note",
    "delete_note": "deleted a note",
    "sign_in": "signed in",
    "sign_in_failed": "failed to sign in",
    "sign_out": "signed out",
    "silence": "silenced an alert",
    "unsilence": "ended the silence of an alert",
    "erase": "ordered an erasure",
    "import": "imported",
    "lost": "entries lost",
}
"""What each is called on the page."""
_FILTERS = ("actor", "action", "subject")


class AuditEntryDocument(Document, frozen=True):
    """An entry of the audit."""

    at: Annotated[Time, Meta(description="When it happened.")]
    at_ns: Nanoseconds
    actor: Annotated[str, Meta(description="Who; tokens begin with `token:`. Empty when nobody of that name is known.")]
    action: Annotated[Action, Meta(description="What they did.")]
    subject: Annotated[
        str | None,
        Meta(
            description="Id of the session it was about; for `erase` that of the erasure, for `silence` and "
            "`unsilence` the name of the alert, for `lost` the number of entries."
        ),
    ]
    address: Annotated[str, Meta(description="From where.")]


async def page(request: web.Request) -> web.Response:
    """`GET /audit?actor=&action=&subject=&before=`."""
    require_admin(request)
    found, wanted = await _read(request, ENTRIES), _wanted(request)
    given = {name: value for name, value in wanted.items() if value}
    context: dict[str, Any] = {
        "entries": found.entries,
        "older": f"/audit?{urlencode({**given, 'before': found.next})}" if found.next else None,
        "first_page": "before" not in request.query,
        "filter": f"?{urlencode(given)}" if given else "",
        "wanted": wanted,
        "actions": ACTIONS,
        "section": "audit",
    }
    return render("access/audit.html", request, context)


async def entries(request: web.Request) -> web.Response:
    """`GET /api/audit?limit=&before=&actor=&action=&subject=`: the newest first."""
    require_admin(request)
    found = await _read(request, whole_number(request, "limit", ENTRIES, 1, MAX_ENTRIES))
    next = None if found.next is None else str(found.next)
    return json_response(Page(items=tuple(map(_item, found.entries)), next=next))


async def _read(request: web.Request, limit: int) -> EntryPage:
    text = request.query.get("before", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise bad_request(f"before={text[:32]}: a cursor as an earlier page gave it is expected.")
    # So that who looks finds what they have just done.
    await request.app[AUDIT_LOG].settle()
    before = int(text) if text else None
    return await asyncio.to_thread(
        lambda: read_entries(request.app[APP_CONTEXT].queries, limit, before, **_wanted(request))
    )


def _wanted(request: web.Request) -> dict[str, str]:
    return {name: storable(request.query.get(name, "")).strip()[:200] for name in _FILTERS}


def _item(entry: AuditEntry) -> AuditEntryDocument:
    return AuditEntryDocument(
        at=rfc3339(entry.at),
        at_ns=entry.at,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject or None,
        address=entry.address,
    )


ROUTES = (web.get("/audit", page), web.get("/api/audit", entries))
