"""Pages of what the backend did: where the time of a turn went, and the spans of no turn.

Knows: paths, and which template shows what.
Must not know: SQL; how spans are placed or drawn.
"""

import asyncio
import time

from aiohttp import web

from relayproxy.console.calls.backend_work import read_work, waited_for, whole
from relayproxy.console.calls.drawing.backend_waterfall import (
    MAX_LATER,
    MAX_ROWS,
    BackendWaterfall,
    Scale,
    clock_words,
    longest,
    parted,
    rows,
    scale_of,
    segments,
    time_parts,
)
from relayproxy.console.calls.drawing.waterfall import BACKEND, Waterfall, in_tenths, waterfall
from relayproxy.console.calls.findings import slow_ms
from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.calls.requested import session_of, turn_of
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.render import render
from relayproxy.conversation.model import Turn
from relayproxy.store.read.queries import Queries


async def turn_page(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/turns/{number}/waterfall`: what the latency of a turn went into."""
    found, turn = await turn_of(request)
    context = request.app[APP_CONTEXT]
    fall = waterfall(turn.budget, slow_ms(context.settings, found.row.route))
    work = await asyncio.to_thread(of_turn, context.queries, found, turn, fall)
    shown = {"session": found, "number": turn.number, "fall": fall, "work": work, "section": "sessions"}
    return render("sessions/turn_page.html", request, shown)


async def session_spans_page(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/spans`: the backend's clocks and the spans that belong to no turn."""
    found = await session_of(request)
    work = await asyncio.to_thread(of_session, request.app[APP_CONTEXT].queries, found)
    return render("sessions/spans_page.html", request, {"session": found, "work": work, "section": "sessions"})


def of_turn(queries: Queries, found: StoredSession, of: Turn, fall: Waterfall | None) -> BackendWaterfall | None:
    """The spans of a turn; None when it has none, or what was said has been deleted."""
    if found.row.content_deleted_at is not None:
        return None
    session = read_work(queries, found)
    spans, turn = session.of_turn(of.number), session.turns.get(of.number)
    if not spans or turn is None:
        return None
    scale = scale_of(turn, spans, fall)
    early, late = parted(spans, turn)
    first, later = longest(early, MAX_ROWS), longest(late, MAX_LATER)
    id = found.row.id
    stretches = waited_for(queries, id, spans, turn)
    parts, total = time_parts(stretches, in_tenths(of.budget)[BACKEND])
    return BackendWaterfall(
        segments=segments(stretches, scale),
        parts=parts,
        total=total,
        rows=tuple(rows(whole(queries, id, first), scale, turn)),
        hidden=len(early) - len(first),
        later=tuple(rows(whole(queries, id, later), scale, turn)),
        later_hidden=len(late) - len(later),
        spans=len(spans),
        clocks=tuple(dict.fromkeys(clock_words(span.clock) for span in spans if not span.clock.further)),
    )


def of_session(queries: Queries, found: StoredSession) -> BackendWaterfall | None:
    """The spans of no turn, on the scale of the session; None when what was said has been deleted."""
    if found.row.content_deleted_at is not None:
        return None
    session = read_work(queries, found)
    spans = session.of_turn(None)
    scale = Scale(found.row.started_at, found.row.ended_at or time.time_ns())
    first = longest(spans, MAX_ROWS)
    clocks = tuple(dict.fromkeys(map(clock_words, session.clocks))) if session.spans else ()
    return BackendWaterfall(
        rows=tuple(rows(whole(queries, found.row.id, first), scale, None)),
        hidden=len(spans) - len(first),
        spans=len(spans),
        clocks=clocks,
    )


ROUTES = (
    web.get("/sessions/{id}/turns/{number}/waterfall", turn_page),
    web.get("/sessions/{id}/spans", session_spans_page),
)
