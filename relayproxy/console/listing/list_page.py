"""Session list: its pages, fragments and API.

Knows: paths and parameters of the list; that one text, `q`, holds the whole filter.
Must not know: SQL; the filter's language; how rows are laid out.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import quote
from zlib import crc32

from aiohttp import web

from relayproxy.console.access.audit_log import searched
from relayproxy.console.calls.findings import slow_ms
from relayproxy.console.calls.reading import read_sessions
from relayproxy.console.connect.addresses import connect
from relayproxy.console.filters.completion import complete
from relayproxy.console.filters.edits import Edits, presets
from relayproxy.console.filters.fields import FILTER_FIELDS, TIMES
from relayproxy.console.filters.language import Query, criteria_of, parse, write_criterion, zone_of
from relayproxy.console.filters.values import day_of
from relayproxy.console.health.diagnosis.journal_gaps import CAUSES, calls_meanwhile, journal_gap_document
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.event_stream import stream
from relayproxy.console.http.json_response import json_response
from relayproxy.console.http.middleware import bad_request
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.http.render import render
from relayproxy.console.listing.documents import SessionsDocument, facets_document, listed_session
from relayproxy.console.listing.facets import sidebar
from relayproxy.console.listing.sorting import NAMES, sorting_of
from relayproxy.store.read.filters.criteria import Criteria, Criterion, Op
from relayproxy.store.read.filters.search import Hit
from relayproxy.store.read.health.journal_gaps import journal_gaps
from relayproxy.store.read.queries import SessionPage
from relayproxy.store.schema.rows import JournalGapRow, SessionRow
from relayproxy.store.write.annotations import Marks, read_marks
from relayproxy.text import storable

SESSIONS = 50
MAX_SESSIONS = 500
_LOOK = 0.5
"""Seconds between two looks for changes: no list asks for its rows more often."""
_SHOWN = 60
"""Rows that a page may ask for by name, to keep them current."""


async def page(request: web.Request) -> web.Response:
    """`GET /sessions?q=&sort=&before=`."""
    app_context, asked = request.app[APP_CONTEXT], _asked(request)
    # Asked before the rows: what changes in between is heard of.
    seen = await asyncio.to_thread(app_context.queries.changes)
    context = await _rows(request, asked)
    empty = not context["rows"] and await asyncio.to_thread(app_context.queries.empty)
    context |= {
        "empty": empty,
        "live": f"/sessions/live?seen={quote(seen)}" if context["first_page"] else "",
        "connect": connect(app_context.settings) if empty else None,
        "fields": FILTER_FIELDS,
        "times": TIMES,
        "causes": CAUSES,
        "calls_meanwhile": calls_meanwhile,
        "presets": presets(asked),
        "sidebar": None,
    }
    if "facets" in request.query and not empty:
        context["sidebar"] = await asyncio.to_thread(sidebar, app_context.queries, asked, request.query.get("more", ""))
    return render("listing/list_page.html", request, context)


async def rows(request: web.Request) -> web.Response:
    """`GET /sessions/rows?q=&sort=&shown=&have=`: the first rows alone, and those of `shown` (ids, with commas between)
    that are not among them: a page shows these already, and they may no longer match. With `have` (`<id>.<revision>`,
    with commas between) rows of that revision are left out, and of rows that are not named only that they are there.
    What people add to a session counts as a revision of its row."""
    asked = _asked(request)
    context = await _rows(request, asked)
    there = {row.id for row in context["rows"]}
    away = [id for id in storable(request.query.get("shown", "")).split(",")[:_SHOWN] if id and id not in there]
    if "have" in request.query:
        have = dict(one.rpartition(".")[::2] for one in request.query["have"].split(","))
        context["rows"] = [row for row in context["rows"] if have.get(row.id) != context["digest"](row)]
        context["known"] = have.keys()
    if away:
        named = Criteria((Criterion("session", "=", tuple(away)),))
        kept = await read_sessions(request.app[APP_CONTEXT].queries, 2 * _SHOWN, None, named)
        others = [row for row in kept.sessions if row.id in away]
        context["marks"] |= await _marks(request, others)
        context["rows"] = (*context["rows"], *others)
        context["left"] = frozenset(away)
    return render("listing/rows.html", request, context)


async def facets(request: web.Request) -> web.Response:
    """`GET /sessions/facets?q=&more=`: the sidebar's content, with more values of the field that `more` names."""
    asked = _asked(request)
    found = await asyncio.to_thread(sidebar, request.app[APP_CONTEXT].queries, asked, request.query.get("more", ""))
    return render("listing/facets.html", request, {"sidebar": found, "q": asked.text})


async def live(request: web.Request) -> web.StreamResponse:
    """`GET /sessions/live?seen=`: an event whenever any session may have changed since the list that said `seen`."""
    poller = request.app[APP_CONTEXT].poller
    return await stream(request, poller.sessions(request.query.get("seen"), _LOOK))


async def api_sessions(request: web.Request) -> web.Response:
    """`GET /api/sessions?q=&zone=&sort=&limit=&before=`: live ones first, then the newest, or as `sort` has it."""
    limit = whole_number(request, "limit", SESSIONS, 1, MAX_SESSIONS)
    criteria = criteria_of(request)
    read = await _read(request, limit, criteria)
    hits = await _hits(request, criteria, read)
    marks = await _marks(request, read.sessions)
    lost = await _lost(request, criteria, read)
    return json_response(
        SessionsDocument(
            items=tuple(listed_session(row, marks.get(row.id), hits.get(row.id, ())) for row in read.sessions),
            next=read.next,
            journal_gaps=tuple(map(journal_gap_document, lost)),
        )
    )


async def api_facets(request: web.Request) -> web.Response:
    """`GET /api/facets?q=&zone=&more=`: values and counts; `complete` is false when only the newest were counted."""
    criteria_of(request)
    found = await asyncio.to_thread(
        sidebar, request.app[APP_CONTEXT].queries, _asked(request), request.query.get("more", "")
    )
    return json_response(facets_document(found))


async def api_complete(request: web.Request) -> web.Response:
    """`GET /api/complete?q=&zone=&at=`: what may stand in place of the characters from `start` to `end`."""
    text = _asked(request).text
    at = whole_number(request, "at", len(text), 0, 10**6)
    return json_response(
        await asyncio.to_thread(complete, request.app[APP_CONTEXT].queries, text, at, zone_of(request))
    )


def _asked(request: web.Request) -> Query:
    return parse(request.query.get("q", ""), time.time_ns(), zone_of(request))


async def _read(request: web.Request, limit: int, criteria: Criteria) -> SessionPage:
    before = request.query.get("before")
    sort = sorting_of(request).sort
    try:
        return await read_sessions(request.app[APP_CONTEXT].queries, limit, before, criteria, sort)
    except ValueError:
        message = f"before={(before or '')[:64]}: a cursor as an earlier page gave it is expected."
        raise bad_request(message) from None


async def _hits(request: web.Request, criteria: Criteria, read: SessionPage) -> dict[str, tuple[Hit, ...]]:
    if not criteria.words:
        return {}
    await searched(request, criteria.words)
    ids = [row.id for row in read.sessions]
    return await asyncio.to_thread(request.app[APP_CONTEXT].queries.hits, criteria, ids)


async def _lost(request: web.Request, criteria: Criteria, read: SessionPage) -> tuple[JournalGapRow, ...]:
    """What journals lost of the time that this page of the list covers."""
    since, until = criteria.since, criteria.until
    if sorting_of(request).sort is not None:
        # Such a page covers no time of its own.
        return await asyncio.to_thread(journal_gaps, request.app[APP_CONTEXT].queries, since, until)
    if read.next is not None:
        # Live ones come first however old they are, so that they tell nothing of what the rest of the page covers.
        ended = [row for row in read.sessions if row.ended_at is not None]
        since = max(min(row.started_at for row in ended or read.sessions), since or 0)
    if "before" in request.query and read.sessions:
        newest = max(row.ended_at or row.started_at for row in read.sessions)
        until = newest if until is None else min(newest, until)
    return await asyncio.to_thread(journal_gaps, request.app[APP_CONTEXT].queries, since, until)


async def _marks(request: web.Request, rows: Iterable[SessionRow]) -> dict[str, Marks]:
    ids = [row.id for row in rows]
    return await asyncio.to_thread(read_marks, request.app[APP_CONTEXT].queries, ids) if ids else {}


def _digest(marks: dict[str, Marks], row: SessionRow) -> str:
    """What a row shows, as far as it may change."""
    added = marks.get(row.id)
    return f"{row.revision}-{crc32(repr(added).encode()):x}" if added else str(row.revision)


async def _rows(request: web.Request, asked: Query) -> dict[str, Any]:
    read = await _read(request, SESSIONS, asked.criteria)
    marks = await _marks(request, read.sessions)
    return {
        "marks": marks,
        "digest": partial(_digest, marks),
        "sorting": sorting_of(request),
        "day": lambda ns: day_of(ns, zone_of(request)).isoformat(),
        "orders": NAMES,
        "rows": read.sessions,
        "next": read.next,
        "lost": await _lost(request, asked.criteria, read),
        "hits": await _hits(request, asked.criteria, read),
        "left": frozenset(),
        "first_page": "before" not in request.query,
        "q": asked.text,
        "query": asked,
        "narrow": _narrower(asked.text),
        "slow_ms": partial(slow_ms, request.app[APP_CONTEXT].settings),
        "section": "sessions",
    }


def _narrower(text: str) -> Callable[..., tuple[str, str]]:
    """Gives for a field and a value the token that asks for it, and the address of the list under the filter whose
    condition on that field is this one."""
    edits = Edits(text)
    others: dict[str, str] = {}

    def narrow(field: str, value: str | int, op: Op = "=") -> tuple[str, str]:
        token = f"{field}:{value}" if field == "on" else write_criterion(Criterion(field, op, (value,)))
        if field not in others:
            # A day takes the place of whatever time there was.
            others[field] = quote(edits.without(*(TIMES if field in TIMES else (field,))))
        rest = others[field]
        return token, f"/sessions?q={rest}{'%20' * bool(rest)}{quote(token)}"

    return narrow


ROUTES = (
    web.get("/sessions", page),
    web.get("/sessions/rows", rows),
    web.get("/sessions/facets", facets),
    web.get("/sessions/live", live),
    web.get("/api/sessions", api_sessions),
    web.get("/api/facets", api_facets),
    web.get("/api/complete", api_complete),
)
