"""Timeline of a session: what happened when, as compact rows for a drawing.

Knows: which times of a turn are drawn, and how they are packed.
Must not know: pixels, colours, zoom; SQL; how times were derived.

Times are whole milliseconds since the session's start, parts of the budget tenths of one.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NoReturn

import msgspec
from aiohttp import web

from relayproxy.console.calls.findings import UNKNOWN, slow_ms
from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.calls.requested import session_of
from relayproxy.console.calls.waterfall import in_tenths
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.http.times import moment
from relayproxy.conversation.checks.findings import CATALOGUE, OF_SESSION
from relayproxy.conversation.model import Budget, Mark, Played
from relayproxy.conversation.timings import left_unanswered
from relayproxy.conversation.totals import milliseconds
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import TurnRow

COLUMNS = (
    "number",
    "from",
    "until",
    "spoke",
    "unanswered",
    "asked",
    "answered",
    "streamed",
    "latency",
    "waited",
    "budget",
    "flags",
    "heard",
    "events",
)
"""Of a row. `until` is null for the turn that is not over; `asked`, `answered`, `streamed`: the final prompt or key,
the first and the last message of the answer. `waited`: for how long, where the caller asked again or got no answer.
`spoke` and `heard` have [from, until, estimated], `unanswered` has [from, until] of each wait after which the caller
spoke again unanswered, `events` [at, kind, text]."""
UNANSWERED, WAITS = 1, 2
"""Flags: no answer came; an answer is awaited."""
MOST_TEXT = 48


class _Cut(msgspec.Struct):
    at: int
    kind: str


class _Found(msgspec.Struct):
    code: str
    at: int


class Times(msgspec.Struct):
    """Of a turn's JSON what is drawn; the rest is not even decoded."""

    number: int
    opened_by: str
    started_at: int
    ended_at: int | None
    caller_at: int | None
    agent_at: int | None
    agent_done_at: int | None
    unanswered: bool
    longest_wait_ms: int | None = None
    interruptions: tuple[_Cut, ...] = ()
    budget: Budget = Budget()
    findings: tuple[_Found, ...] = ()
    played: tuple[Played, ...] = ()
    marks: tuple[Mark, ...] = ()


_times = msgspec.json.Decoder(Times)


def timeline(found: StoredSession, times: Iterable[Times], *, slow: int, now: int) -> dict[str, Any]:
    """The document: the session's own times, and a row for each of the turns given."""
    start = found.row.started_at
    end = found.row.ended_at
    return {
        **moment("started_at", start),
        "length_ms": _ms((end or max(now, start)) - start),
        "live": found.live,
        "slow_turn_ms": slow,
        "turns_total": found.row.turns,
        "settled": found.conversation.settled_turns,
        "columns": COLUMNS,
        "turns": [_row(turn, start, live=found.live) for turn in times],
        "events": [
            event(one.at, start, CATALOGUE.get(one.code, UNKNOWN).severity, CATALOGUE.get(one.code, UNKNOWN).title)
            for one in found.conversation.findings
            if one.code in OF_SESSION
        ]
        + ([event(handoff.at, start, "end", "")] if (handoff := found.conversation.handoff) else []),
    }


def event(at: int, start: int, kind: str, text: str) -> tuple[int, str, str]:
    """One thing that happened at a moment."""
    return _ms(at - start), kind, text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"


def _row(turn: Times, start: int, *, live: bool) -> list[Any]:
    def since(at: int | None) -> int | None:
        return None if at is None else _ms(at - start)

    asked = turn.caller_at if turn.opened_by in ("prompt", "dtmf") else None
    waits = live and asked is not None and turn.agent_at is None and turn.ended_at is None
    flags = UNANSWERED * turn.unanswered | WAITS * waits
    events = [event(mark.at, start, mark.kind, mark.text) for mark in turn.marks]
    events += [event(cut.at, start, cut.kind, "") for cut in turn.interruptions]
    for one in turn.findings:
        entry = CATALOGUE.get(one.code, UNKNOWN)
        events.append(event(one.at, start, entry.severity, entry.title))
    return [
        turn.number,
        since(turn.started_at),
        since(turn.ended_at),
        [(since(one.start), since(one.end), int(one.estimated)) for mark in turn.marks for one in mark.spoken],
        [(since(begin), since(end)) for begin, end in left_unanswered(turn.marks, turn.agent_at)],
        since(turn.caller_at),
        since(turn.agent_at),
        since(turn.agent_done_at),
        milliseconds(turn.budget.response_latency),
        turn.longest_wait_ms if turn.unanswered or any(one.code == "asked_again" for one in turn.findings) else None,
        None if turn.budget.response_latency is None else in_tenths(turn.budget),
        flags,
        [(since(one.start), since(one.end), int(one.estimated)) for one in turn.played],
        sorted(events),
    ]


def _ms(ns: int) -> int:
    return round(ns / 1_000_000)


def decoded(rows: Iterable[TurnRow]) -> Iterable[Times]:
    """The times of stored turns, without those that cannot be read."""
    for row in rows:
        with suppress(msgspec.DecodeError):
            yield _times.decode(row.detail)


async def session_timeline(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/timeline?first=`: the turns from number `first` on; ask again with `settled`."""
    first = whole_number(request, "first", 0, 0, 10**9 - 1)
    found = await session_of(request)
    context = request.app[APP_CONTEXT]
    slow = slow_ms(context.settings, found.row.route)
    body = await asyncio.to_thread(_encoded, context.queries, found, first, slow)
    response = web.Response(body=body, content_type="application/json", charset="utf-8")
    response.enable_compression()
    return response


def _encoded(queries: Queries, found: StoredSession, first: int, slow: int) -> bytes:
    turns = decoded(queries.turns(found.row.id, first))
    return msgspec.json.encode(timeline(found, turns, slow=slow, now=time.time_ns()))


async def slowest(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/slowest`: leads to the turn with the longest response latency."""
    await _lead_to(request, lambda turn: turn.response_latency_ms)


async def longest_wait(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/longest-wait`: leads to the turn in which the caller waited longest for an answer."""
    await _lead_to(request, lambda turn: turn.longest_wait_ms)


async def _lead_to(request: web.Request, measure: Callable[[TurnRow], int | None]) -> NoReturn:
    found = await session_of(request)
    rows = await asyncio.to_thread(request.app[APP_CONTEXT].queries.turns, found.row.id)
    measured = [(ms, -row.number) for row in rows if (ms := measure(row)) is not None]
    number = -max(measured)[1] if measured else 0
    raise web.HTTPSeeOther(f"/sessions/{found.row.id}?turn={number}#turn-{number}")


ROUTES = (
    web.get("/sessions/{id}/timeline", session_timeline),
    web.get("/api/sessions/{id}/timeline", session_timeline),
    web.get("/sessions/{id}/slowest", slowest),
    web.get("/sessions/{id}/longest-wait", longest_wait),
)
