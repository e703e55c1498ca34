"""Spans and turns for tests, told in milliseconds since the call began.

A line is a span: its name, its beginning and end by the backend's clock, and words for what it is. Further to the right
it is below the one above:

    HTTP /ws    10  9000  server http
      handler  1010 1900
        chat   1020 1800  model
"""

from relayproxy.conversation.backend.clock import Handshake
from relayproxy.conversation.backend.placement import PlacedSpan, TurnTimes, place
from relayproxy.conversation.backend.span_node import SpanNode
from relayproxy.conversation.backend.work import WorkKind
from relayproxy.conversation.backend_span import Attributes, BackendSpan, SpanDetail

MS = 1_000_000
BEGAN = 1_800_000_000_000_000_000
TRACE, CALL = "ab" * 16, "cd" * 8
HANDSHAKE = Handshake(TRACE, CALL, BEGAN + 4 * MS, BEGAN + 24 * MS)
"""Seen between 4 and 24 ms."""

ATTRIBUTES: dict[str, Attributes] = {
    "model": {"gen_ai.operation.name": "chat"},
    "tool": {"gen_ai.operation.name": "execute_tool"},
    "database": {"db.system.name": "postgresql"},
    "http": {"http.request.method": "GET"},
}


def at(ms: float) -> int:
    return BEGAN + round(ms * MS)


def nodes(told: str, *, clock_ahead: float = 0) -> list[SpanNode]:
    """The spans, as they are stored. A `server` is right below the call, a `service` anywhere; `orphan`, `guess` and
    `elsewhere` (in a trace of its own) are other words."""
    found: list[SpanNode] = []
    above: list[tuple[int, SpanNode]] = []
    for place_, line in enumerate(line for line in told.splitlines() if line.strip()):
        indent = len(line) - len(line.lstrip())
        name, *rest = line.split()
        words = [word for word in rest if not word.lstrip("-").isdigit()]
        start, end = (int(word) for word in rest if word not in words)
        while above and above[-1][0] >= indent:
            above.pop()
        parent = above[-1][1] if above else None
        of_call = "server" in words
        parent_id = (
            CALL if of_call else "ee" * 8 if "orphan" in words else None if parent is None else parent.span.span_id
        )
        span = BackendSpan(
            trace_id=f"{place_ + 1:032x}" if "elsewhere" in words else TRACE,
            span_id=f"{place_ + 1:016x}",
            parent_span_id=parent_id,
            name=name,
            kind="server" if of_call or "service" in words else "client" if "http" in words else "internal",
            started_at=at(start + clock_ahead),
            ended_at=at(end + clock_ahead),
            detail=SpanDetail(attributes={k: v for word in words for k, v in ATTRIBUTES.get(word, {}).items()}),
        )
        node = SpanNode(
            span,
            joined_by="guess" if "guess" in words else "trace",
            place=place_,
            depth=len(above),
            parent=None if parent is None else parent.place,
            orphan="orphan" in words,
            child_of_call=of_call,
        )
        found.append(node)
        above.append((indent, node))
    return found


def turn(
    number: int, started: float, first: float | None = None, done: float | None = None, ended: float | None = None
) -> TurnTimes:
    """A turn whose prompt was written to the backend when it began, and which the caller began to say 600 ms before;
    turn 0 is the greeting."""
    first_at, done_at, ended_at = (None if ms is None else at(ms) for ms in (first, done, ended))
    begun_at = at(started - 600) if number else None
    return TurnTimes(number, at(started), at(started), first_at, done_at, ended_at, asked=number > 0, begun_at=begun_at)


GREETING = turn(0, 30, 100, 400, 1000)
TURNS = (GREETING, turn(1, 1000, 1900, 2500, 5000), turn(2, 5000, 5600, 6000, 9000))
"""The greeting and two turns, which waited until 1900 and 5600."""


def placed(told: str, turns: tuple[TurnTimes, ...] = TURNS, *, clock_ahead: float = 0) -> tuple[PlacedSpan, ...]:
    return place(nodes(told, clock_ahead=clock_ahead), turns, [HANDSHAKE], at(9500))[0]


def by_turn(spans: tuple[PlacedSpan, ...]) -> dict[int | None, list[str]]:
    """Names of the spans of each turn, those within another one with a dot for each that is above."""
    found: dict[int | None, list[str]] = {}
    for span in spans:
        found.setdefault(span.turn, []).append("." * span.depth + span.node.span.name)
    return found


def kinds(told: str) -> list[WorkKind]:
    words = [line.split() for line in told.splitlines() if line.strip()]
    return [next((kind for kind in ("model", "tool", "database", "http") if kind in line), "other") for line in words]
