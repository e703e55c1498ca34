"""Erasures in the console: what would go is shown, then confirmed; receipts. For admins, as pages and as an API.

Knows: the forms and documents of both steps; that an order carries the confirmation of what was shown.
Must not know: SQL; how anything is found or deleted; who carries it out.
"""

import asyncio
from typing import Annotated, Any, Literal

from aiohttp import web
from msgspec import Meta

from relayproxy.console.access.authorization import address_of, require_admin
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Page, Time, time_or_null
from relayproxy.console.http.forms import form_of, json_of
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import Problem, bad_request, not_found
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.http.render import render
from relayproxy.console.http.times import rfc3339
from relayproxy.store.read.erasures import (
    Erasure,
    Match,
    Sought,
    sought_before,
    sought_number,
    sought_session,
)
from relayproxy.store.write.deletion import erasure_orders

RECEIPTS, MAX_RECEIPTS = 50, 500
SCOPES = {
    "number": ("Phone number", "+1 555 010 0001", "all calls from or to it"),
    "session": ("Session or call", "VX…, CA…", "by its id"),
    "before": ("Before a day", "2026-10-01", "all calls that began before it (UTC)"),
}
"""Of each, its name, an example, and what is meant."""
_MAKERS = {"number": sought_number, "session": sought_session, "before": sought_before}


class SoughtDocument(Document, frozen=True, forbid_unknown_fields=False):
    """What is to be erased: exactly one of `number`, `session` and `before`."""

    number: Annotated[
        str | None, Meta(description="A phone number with its country code: all calls from or to it.")
    ] = None
    session: Annotated[
        str | None, Meta(description="A session by its own id or Twilio's VX id, or a call by its SID.")
    ] = None
    before: Annotated[
        str | None, Meta(description="A day (in UTC) or a time (RFC 3339): all calls that began before it.")
    ] = None
    route: Annotated[str | None, Meta(description="Of these, only those of that route.")] = None


class NewErasureDocument(SoughtDocument, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """The same, confirmed."""

    confirm: Annotated[str, Meta(description="`confirm` of the preview that was shown.")]


class ErasurePreviewDocument(Document, frozen=True):
    """What an erasure would mean now."""

    sessions: Annotated[Count, Meta(description="Sessions that would be erased.")]
    live: Annotated[Count, Meta(description="Those of them that live; they are erased when they end.")]
    messages: Annotated[Count, Meta(description="Text and binary messages of them.")]
    notes: Annotated[Count, Meta(description="Notes on them.")]
    oldest: Annotated[Time | None, Meta(description="When the first of them began.")]
    oldest_ns: Nanoseconds | None
    newest: Annotated[Time | None, Meta(description="When the last of them began.")]
    newest_ns: Nanoseconds | None
    confirm: Annotated[
        str, Meta(description="Confirms the erasure of this, and of the few sessions that may come of it until then.")
    ]


class ErasureDocument(Document, frozen=True):
    """An erasure, and once it is done its receipt, in which nothing personal is left."""

    id: str
    ordered_at: Annotated[Time, Meta(description="When it was ordered; of `age`, when that day's first was deleted.")]
    ordered_at_ns: Nanoseconds
    actor: Annotated[str, Meta(description="Who ordered it; `cli:` begins those of the command line.")]
    scope: Annotated[
        Literal["number", "session", "before", "age"],
        Meta(description="What it went by; `age`: what retention deleted on one day (UTC)."),
    ]
    route: Annotated[str | None, Meta(description="The route that it was confined to.")]
    state: Annotated[
        Literal["open", "done", "unreadable"],
        Meta(
            description="`open`: it is carried out by the recorder, and waits for calls that live; `unreadable`: it is "
            "damaged, and is to be ordered again."
        ),
    ]
    done_at: Annotated[Time | None, Meta(description="When nothing was left, in any file of a SQLite database either.")]
    done_at_ns: Nanoseconds | None
    sessions: Annotated[Count, Meta(description="Sessions that are gone; of `age`, also those without content now.")]
    shown: Annotated[Count | None, Meta(description="Sessions that were found when it was confirmed; null of `age`.")]
    more: Annotated[
        Count,
        Meta(
            description="How many more are gone: calls that began before it was ordered, and live ones that said only "
            "later who they are."
        ),
    ]
    messages: Annotated[Count, Meta(description="Messages that went with them.")]
    notes: Annotated[Count, Meta(description="Notes that went with them.")]
    spans: Annotated[Count, Meta(description="Spans of their backends that went with them.")]
    waiting_for: Annotated[
        Count, Meta(description="Live calls that it waits for, those among them that have not said who they are.")
    ]
    without: Annotated[
        tuple[str, ...],
        Meta(
            description="Data folders and places of recordings that were given up as lost before it was done: whether "
            "they still hold something of it is not known."
        ),
    ]
    waiting_for_journals: Annotated[
        Count, Meta(description="Journals that still hold something of it; each is overwritten by its recorder.")
    ]
    waiting_for_objects: Annotated[
        Count,
        Meta(
            description="Parts of its recordings that still lie in a bucket or folder, and are deleted there once it "
            "answers."
        ),
    ]


async def api_preview(request: web.Request) -> web.Response:
    """`POST /api/erasures/preview`: nothing is erased by it."""
    require_admin(request)
    sought = _sought_of(await json_of(request, SoughtDocument))
    return json_response(_preview(sought, await _found(request, sought)))


async def api_order(request: web.Request) -> web.Response:
    """`POST /api/erasures` with what was previewed and its `confirm`: 202 with the erasure, which the recorder carries
    out; 409 when something else was shown, or many more sessions are meant by now."""
    require_admin(request)
    asked = await json_of(request, NewErasureDocument)
    id = await _order(request, _sought_of(asked), asked.confirm)
    return json_response(_document(await _erasure(request, id)), 202)


async def api_list(request: web.Request) -> web.Response:
    """`GET /api/erasures?limit=&before=`: the newest first."""
    require_admin(request)
    found, more = await _listed(request, whole_number(request, "limit", RECEIPTS, 1, MAX_RECEIPTS))
    next = f"{found[-1].at}.{found[-1].id}" if more else None
    return json_response(Page(items=tuple(map(_document, found)), next=next))


async def api_one(request: web.Request) -> web.Response:
    """`GET /api/erasures/{erasure}`: to follow it until it is done."""
    require_admin(request)
    return json_response(_document(await _erasure(request, request.match_info["erasure"])))


async def page(request: web.Request) -> web.Response:
    """`GET /erase?session=`: what to erase, and the receipts so far. A number never stands in an address."""
    require_admin(request)
    session = request.query.get("session", "")[:100]
    return await _form(request, "session" if session else "number", session)


async def submit(request: web.Request) -> web.Response:
    """`POST /erase`: shows what would go; with `confirm` as it was shown, erases it."""
    require_admin(request)
    form = await form_of(request)
    scope, text = form.get("scope", ""), form.get("sought", "")
    route = form.get("route", "").strip() or None
    try:
        sought = _sought(scope, text, route)
        if "confirm" in form:
            id = await _order(request, sought, form["confirm"])
            raise web.HTTPSeeOther(f"/erasures/{id}")
        found = await _found(request, sought)
    except Problem as problem:
        if problem.status not in (400, 409):
            raise
        return await _form(request, scope, text, route, problem)
    context = {
        "scope": scope,
        "sought": text,
        "route": route,
        "found": found,
        "confirm": erasure_orders.confirmation(sought, found.sessions),
        "scopes": SCOPES,
        "section": "erase",
    }
    return render("access/erase_preview.html", request, context)


async def receipt(request: web.Request) -> web.Response:
    """`GET /erasures/{erasure}`."""
    require_admin(request)
    found = await _erasure(request, request.match_info["erasure"])
    return render("access/erasure.html", request, {"erasure": found, "scopes": SCOPES, "section": "erase"})


async def _form(
    request: web.Request, scope: str, text: str, route: str | None = None, problem: Problem | None = None
) -> web.Response:
    found, _ = await _listed(request, RECEIPTS)
    context: dict[str, Any] = {
        "scope": scope,
        "sought": text,
        "route": route,
        "problem": problem.message if problem else None,
        "routes": ("default", *request.app[APP_CONTEXT].settings.routes),
        "scopes": SCOPES,
        "erasures": found,
        "section": "erase",
    }
    return render("access/erase.html", request, context, problem.status if problem else 200)


def _sought_of(asked: SoughtDocument) -> Sought:
    given = {name: text for name in _MAKERS if (text := getattr(asked, name)) is not None}
    if len(given) != 1:
        raise bad_request(f"One of {', '.join(_MAKERS)} is expected.")
    ((scope, text),) = given.items()
    return _sought(scope, text, asked.route)


def _sought(scope: str, text: str, route: str | None) -> Sought:
    if scope not in _MAKERS:
        raise bad_request(f"One of {', '.join(_MAKERS)} is expected.")
    try:
        return _MAKERS[scope](text, route)
    except ValueError as problem:
        raise bad_request(f"{scope}: {problem}.") from None


async def _found(request: web.Request, sought: Sought) -> Match:
    return await asyncio.to_thread(erasure_orders.preview, request.app[APP_CONTEXT].queries, sought)


async def _order(request: web.Request, sought: Sought, confirm: str) -> str:
    who, context = require_admin(request), request.app[APP_CONTEXT]
    try:
        return await asyncio.to_thread(
            erasure_orders.order_erasure,
            context.queries,
            context.writer,
            sought,
            confirm,
            who.name,
            address_of(request),
        )
    except erasure_orders.ChangedError:
        raise Problem(
            409,
            "changed",
            "That is not what was shown, or many more sessions are meant by now: nothing was erased. Look again.",
        ) from None


async def _erasure(request: web.Request, id: str) -> Erasure:
    found = await asyncio.to_thread(erasure_orders.erasure, request.app[APP_CONTEXT].queries, id)
    if found is None:
        raise not_found("There is no such erasure.")
    return found


async def _listed(request: web.Request, limit: int) -> tuple[list[Erasure], bool]:
    text = request.query.get("before", "")
    at, _, id = text.partition(".")
    if text and not (at.isascii() and at.isdigit() and len(at) < 19 and id):
        raise bad_request(f"before={text[:32]}: a cursor as an earlier page gave it is expected.")
    before = (int(at), id) if text else None
    return await asyncio.to_thread(erasure_orders.erasures_before, request.app[APP_CONTEXT].queries, limit, before)


def _preview(sought: Sought, found: Match) -> ErasurePreviewDocument:
    return ErasurePreviewDocument(
        sessions=found.sessions,
        live=found.live,
        messages=found.messages,
        notes=found.notes,
        oldest=time_or_null(found.oldest),
        oldest_ns=found.oldest,
        newest=time_or_null(found.newest),
        newest_ns=found.newest,
        confirm=erasure_orders.confirmation(sought, found.sessions),
    )


def _document(found: Erasure) -> ErasureDocument:
    return ErasureDocument(
        id=found.id,
        ordered_at=rfc3339(found.at),
        ordered_at_ns=found.at,
        actor=found.actor,
        scope=found.scope,
        route=found.route,
        state="unreadable" if found.unreadable else "open" if found.done_at is None else "done",
        done_at=time_or_null(found.done_at),
        done_at_ns=found.done_at,
        sessions=found.sessions,
        shown=found.shown,
        more=found.more,
        messages=found.messages,
        notes=found.notes,
        spans=found.spans,
        waiting_for=found.live,
        without=found.without,
        waiting_for_journals=found.journals,
        waiting_for_objects=found.objects,
    )


ROUTES = (
    web.get("/erase", page),
    web.post("/erase", submit),
    web.get("/erasures/{erasure}", receipt),
    web.post("/api/erasures/preview", api_preview),
    web.get("/api/erasures", api_list),
    web.post("/api/erasures", api_order),
    web.get("/api/erasures/{erasure}", api_one),
)
