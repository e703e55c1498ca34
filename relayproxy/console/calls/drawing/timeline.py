"""Timeline of a session: the times of its turns and events, as compact rows for a drawing.

Knows: which times of a turn are drawn, and how they are packed.
Must not know: pixels, colours, zoom; SQL; how times were derived.

Times are whole milliseconds since the session's start, parts of the budget tenths of one.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Annotated, Literal, NoReturn, get_args

import msgspec
from aiohttp import web
from msgspec import Meta

from relayproxy.console.calls.drawing.waterfall import in_tenths
from relayproxy.console.calls.findings import UNKNOWN, slow_ms
from relayproxy.console.calls.reading import StoredSession
from relayproxy.console.calls.requested import session_of
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.console.http.documents import Count, Document, Nanoseconds, Time, one_of
from relayproxy.console.http.json_response import compressed, encoded_response, takes_gzip
from relayproxy.console.http.parameters import whole_number
from relayproxy.console.http.times import rfc3339
from relayproxy.conversation.checks.findings import CATALOGUE, OF_SESSION, Severity
from relayproxy.conversation.model import Budget, InterruptionKind, Mark, MarkKind, Played
from relayproxy.conversation.timings import left_unanswered
from relayproxy.conversation.totals import milliseconds
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import TurnRow
from relayproxy.text import shortened

UNANSWERED, WAITS = 1, 2
"""Flags: no answer came; an answer is awaited."""
MAX_EVENT_TEXT = 48
_MS, _HALF = 1_000_000, 500_000
"""Nanoseconds of a millisecond, and of half of one, from which on a whole one is told."""

_KINDS = (*get_args(Severity), *get_args(MarkKind), *get_args(InterruptionKind), "end")
Since = Annotated[int, Meta(description="Milliseconds since the session's start.")]
Estimated = Literal[0, 1]
EventCell = Annotated[
    tuple[
        Since,
        Annotated[
            str,
            one_of(tuple(dict.fromkeys(_KINDS)), "A finding's severity, what happened, or an interruption."),
        ],
        Annotated[str, Meta(description="In a few words.")],
    ],
    Meta(description="When, what kind, text."),
]


class TimelineRowDocument(Document, array_like=True, frozen=True):
    """A turn, as a list of cells."""

    number: Annotated[Count, Meta(description="Of the turn.")]
    from_: Annotated[Since | None, Meta(description="When it was opened.")] = msgspec.field(name="from")
    until: Annotated[Since | None, Meta(description="Null while it is not over.")]
    spoke: Annotated[tuple[tuple[Since, Since, Estimated], ...], Meta(description="From, until, estimated.")]
    unanswered: Annotated[
        tuple[tuple[Since, Since], ...],
        Meta(description="From a prompt that nothing answered until the caller spoke again."),
    ]
    asked: Annotated[Since | None, Meta(description="The final prompt or key.")]
    answered: Annotated[Since | None, Meta(description="The first message of the answer.")]
    streamed: Annotated[Since | None, Meta(description="The last message of the answer.")]
    latency: Annotated[int | None, Meta(description="Response latency, milliseconds.")]
    waited: Annotated[
        int | None,
        Meta(description="Longest wait, milliseconds, where the caller asked again or got no answer."),
    ]
    budget: Annotated[
        Annotated[tuple[int | None, ...], Meta(min_length=5, max_length=5)] | None,
        Meta(description="The five parts, in tenths of a millisecond."),
    ]
    flags: Annotated[int, Meta(description="Sum of 1: unanswered; 2: an answer is awaited.")]
    heard: Annotated[
        tuple[tuple[Since | None, Since | None, Estimated], ...], Meta(description="From, until, estimated.")
    ]
    events: tuple[EventCell, ...]


COLUMNS = TimelineRowDocument.__struct_encode_fields__
"""Names of the cells of a row."""


class TimelineDocument(Document, frozen=True):
    """What happened when, as compact rows for a drawing."""

    started_at: Annotated[Time, Meta(description="When the session began; all times count from here.")]
    started_at_ns: Nanoseconds
    length_ms: Annotated[Count, Meta(description="Up to now for a live session.")]
    live: bool
    slow_turn_ms: Annotated[Count, Meta(description="From when on an answer is slow.")]
    turns_total: Count
    settled: Annotated[Count, Meta(description="Turns before this number change no more: ask again from here on.")]
    columns: Annotated[
        tuple[str, ...],
        Meta(
            description="Names of the cells of a row.",
            min_length=len(COLUMNS),
            max_length=len(COLUMNS),
            extra_json_schema={"prefixItems": [{"const": name} for name in COLUMNS]},
        ),
    ]
    turns: Annotated[tuple[TimelineRowDocument, ...], Meta(description="A row for each turn.")]
    events: Annotated[tuple[EventCell, ...], Meta(description="What happened in no turn.")]


class _Cut(msgspec.Struct, gc=False):
    at: int
    kind: str


class _Found(msgspec.Struct, gc=False):
    code: str
    at: int


class Times(msgspec.Struct, gc=False):
    """The fields of a turn's JSON that are drawn; the others are not decoded."""

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


def timeline(found: StoredSession, times: Iterable[Times], *, slow: int, now: int) -> TimelineDocument:
    """The session's own times, and a row for each of the turns given."""
    start, end = found.row.started_at, found.row.ended_at
    events = [
        event(one.at, start, CATALOGUE.get(one.code, UNKNOWN).severity, CATALOGUE.get(one.code, UNKNOWN).title)
        for one in found.conversation.findings
        if one.code in OF_SESSION
    ]
    if handoff := found.conversation.handoff:
        events.append(event(handoff.at, start, "end", ""))
    return TimelineDocument(
        started_at=rfc3339(start),
        started_at_ns=start,
        length_ms=_ms((end or max(now, start)) - start),
        live=found.live,
        slow_turn_ms=slow,
        turns_total=found.row.turns,
        settled=found.conversation.settled_turns,
        columns=COLUMNS,
        turns=tuple(_row(turn, start, live=found.live and not found.answer_held) for turn in times),
        events=tuple(events),
    )


def event(at: int, start: int, kind: str, text: str) -> tuple[int, str, str]:
    """An event at a moment."""
    return _ms(at - start), kind, shortened(text, MAX_EVENT_TEXT)


def _row(turn: Times, start: int, *, live: bool) -> TimelineRowDocument:
    zero = start - _HALF

    def since(at: int | None) -> int | None:
        return None if at is None else (at - zero) // _MS

    asked = turn.caller_at if turn.opened_by in ("prompt", "dtmf") else None
    waits = live and asked is not None and turn.agent_at is None and turn.ended_at is None
    latency = turn.budget.response_latency
    events = [event(mark.at, start, mark.kind, mark.text) for mark in turn.marks]
    events += [event(cut.at, start, cut.kind, "") for cut in turn.interruptions]
    asked_again = False
    for one in turn.findings:
        entry = CATALOGUE.get(one.code, UNKNOWN)
        events.append(event(one.at, start, entry.severity, entry.title))
        asked_again |= one.code == "asked_again"
    # Lists, which take half of a generator's time: a long call has thousands of rows.
    spoke = [
        ((one.start - zero) // _MS, (one.end - zero) // _MS, _flag(one.estimated))
        for mark in turn.marks
        for one in mark.spoken
    ]
    waits_of_caller = left_unanswered(turn.marks, turn.agent_at)
    return TimelineRowDocument(
        number=turn.number,
        from_=since(turn.started_at),
        until=since(turn.ended_at),
        spoke=tuple(spoke),
        unanswered=tuple([((begin - zero) // _MS, (end - zero) // _MS) for begin, end in waits_of_caller]),
        asked=since(turn.caller_at),
        answered=since(turn.agent_at),
        streamed=since(turn.agent_done_at),
        latency=milliseconds(latency),
        waited=turn.longest_wait_ms if turn.unanswered or asked_again else None,
        budget=None if latency is None else in_tenths(turn.budget),
        flags=UNANSWERED * turn.unanswered | WAITS * waits,
        heard=tuple([(since(one.start), since(one.end), _flag(one.estimated)) for one in turn.played]),
        events=tuple(sorted(events)),
    )


def _flag(value: bool) -> Estimated:
    return 1 if value else 0


def _ms(ns: int) -> int:
    return (ns + _HALF) // _MS


def decoded(details: Iterable[str]) -> Iterable[Times]:
    """The times of stored turns, without those that cannot be read."""
    for detail in details:
        with suppress(msgspec.DecodeError):
            yield _times.decode(detail)


async def session_timeline(request: web.Request) -> web.Response:
    """`GET /sessions/{id}/timeline?first=`: the turns from number `first` on; ask again with `settled`."""
    first = whole_number(request, "first", 0, 0, 10**9 - 1)
    found = await session_of(request)
    context = request.app[APP_CONTEXT]
    slow, gzip = slow_ms(context.settings, found.row.route), takes_gzip(request)
    body = await asyncio.to_thread(_encoded, context.queries, found, first, slow, gzip)
    return encoded_response(body, gzip=gzip)


def _encoded(queries: Queries, found: StoredSession, first: int, slow: int, gzip: bool) -> bytes:
    turns = decoded(queries.turn_details(found.row.id, first))
    body = msgspec.json.encode(timeline(found, turns, slow=slow, now=time.time_ns()))
    return compressed(body) if gzip else body


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
