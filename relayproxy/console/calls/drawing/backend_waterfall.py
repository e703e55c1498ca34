"""Waterfall of the backend: the spans of a turn below the bar of the backend, on the same scale.

Knows: what of a span is told in its row and what when it opens, how many there is room for, what is said of the others.
Must not know: HTML; which turn a span belongs to.

Positions and widths are in `WIDTH` units, as those of the turn's waterfall.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from relayproxy.console.calls.backend_work import WorkSpan
from relayproxy.console.calls.drawing.waterfall import WIDTH, Waterfall, in_milliseconds, rounded
from relayproxy.conversation.backend.clock import Clock
from relayproxy.conversation.backend.placement import PlacedSpan, TurnTimes
from relayproxy.conversation.backend.time_by_kind import TIME_KINDS, Stretch, TimeKind, sums
from relayproxy.conversation.backend.work import WorkKind

MAX_ROWS = 60
"""Spans that are drawn; of more the longest."""
MAX_LATER = 30
"""Of those that began once the answer had."""
MAX_ATTRIBUTES = 32
MAX_VALUE = 400
"""Characters of an attribute's value."""
MAX_EVENTS = 8
_MS = 1_000_000
_DEEPEST = 8
_SHORT = 3
_LABELS: dict[TimeKind, str] = {
    "model": "model",
    "tool": "tools",
    "database": "database",
    "http": "HTTP",
    "other": "other",
    "outside": "outside of spans",
}
_KINDS: dict[WorkKind, str] = {"model": "model", "tool": "tool", "database": "database", "http": "HTTP", "other": ""}


@dataclass(frozen=True, slots=True)
class Scale:
    """Wall nanoseconds as positions: `start` lies at 0, `end` at `WIDTH`."""

    start: int
    end: int

    def x(self, at: int) -> int:
        return min(WIDTH, max(0, round((at - self.start) * WIDTH / max(1, self.end - self.start))))

    def bar(self, start: int, end: int) -> tuple[int, int]:
        """Position and width of what took time, at least one to be seen."""
        left, right = self.x(start), self.x(end)
        width = max(_SHORT, right - left)
        return min(left, WIDTH - width), width


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the backend's bar."""

    kind: TimeKind
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Part:
    """What one kind of work took of the wait, in milliseconds. The texts of all sum to that of the whole."""

    kind: TimeKind
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class SpanRow:
    """A span: what its line says, its bar, and what it says when it opens."""

    id: str
    name: str
    within: str
    """The name of the span above it; empty at the top."""
    depth: int
    kind: WorkKind
    label: str
    facts: tuple[str, ...]
    failed: str
    """Why it failed, or that it did; empty when it did not."""
    guessed: bool
    text: str
    """How long it took."""
    x: int
    width: int
    early: str
    """How long before the scale's beginning it began; empty when it did not."""
    late: str
    """How long after the scale's end it ended."""
    after: str
    """How long after the first word it began, of one beyond the scale: such a row has no bar."""
    pairs: tuple[tuple[str, str], ...]
    """Names and values of what is known of it."""
    events: tuple[tuple[str, str], ...]
    """When, from its beginning, and what."""
    left_out: int


@dataclass(frozen=True, slots=True)
class BackendWaterfall:
    """The spans of a turn, or those of none. `parts` and `segments` are empty where nothing was waited for, or still
    is."""

    rows: tuple[SpanRow, ...]
    hidden: int
    spans: int
    clocks: tuple[str, ...]
    """What is known of the backends' clocks."""
    segments: tuple[Segment, ...] = ()
    parts: tuple[Part, ...] = ()
    total: str = ""
    later: tuple[SpanRow, ...] = ()
    """Those that began when the answer had come."""
    later_hidden: int = 0


def scale_of(turn: TurnTimes, spans: Sequence[PlacedSpan], fall: Waterfall | None) -> Scale:
    """The scale of the turn's own waterfall; where it has none, from the beginning of the wait to its end, or to the
    last span's."""
    if fall is not None:
        return Scale(turn.sent_at - fall.before_backend, turn.sent_at - fall.before_backend + fall.length)
    until = turn.waited_until
    last = max((span.ended_at for span in spans), default=turn.sent_at)
    return Scale(turn.sent_at, max(turn.sent_at + 1, last if until is None else until))


def longest(spans: Sequence[PlacedSpan], most: int) -> list[PlacedSpan]:
    """As many as there is room for, the longest ones, in their order."""
    kept = {span.node.place for span in sorted(spans, key=lambda span: span.started_at - span.ended_at)[:most]}
    return [span for span in spans if span.node.place in kept]


def parted(spans: Sequence[PlacedSpan], turn: TurnTimes) -> tuple[list[PlacedSpan], list[PlacedSpan]]:
    """Those that began before the answer had come, and those that began later."""
    until = turn.waited_until
    early = [span for span in spans if until is None or span.started_at < until]
    return early, [span for span in spans if until is not None and span.started_at >= until]


def segments(stretches: Sequence[Stretch], scale: Scale) -> tuple[Segment, ...]:
    """The backend's bar."""
    places = [(one.kind, scale.x(one.start), scale.x(one.end)) for one in stretches]
    return tuple(Segment(kind, left, right - left) for kind, left, right in places if right > left)


def time_parts(stretches: Sequence[Stretch], whole: int | None = None) -> tuple[tuple[Part, ...], str]:
    """What each kind took, and the whole, which is told elsewhere as so many tenths of a millisecond."""
    lengths = sums(stretches)
    taken = [kind for kind in TIME_KINDS if lengths[kind]]
    tenths = rounded([lengths[kind] for kind in taken])
    if whole is not None and taken:
        tenths[max(range(len(taken)), key=tenths.__getitem__)] += whole - sum(tenths)
    parts = tuple(
        Part(kind, _LABELS[kind], in_milliseconds(one).removesuffix(" ms"))
        for kind, one in zip(taken, tenths, strict=True)
    )
    return parts, in_milliseconds(sum(tenths))


def rows(spans: Sequence[WorkSpan], scale: Scale, turn: TurnTimes | None) -> Iterator[SpanRow]:
    """Their rows. Depth is counted among them."""
    depths: dict[int, int] = {}
    names: dict[int, str] = {}
    first_at = scale.end if turn is None or turn.waited_until is None else turn.waited_until
    for one in spans:
        node, span = one.placed.node, one.placed.node.span
        above = node.parent if node.parent in names else None
        depths[node.place] = 0 if above is None else depths[above] + 1
        names[node.place] = span.name
        x, width = scale.bar(one.placed.started_at, one.placed.ended_at)
        yield SpanRow(
            id=f"span-{span.trace_id[:8]}-{span.span_id}",
            name=span.name,
            within="" if above is None else names[above],
            depth=min(_DEEPEST, depths[node.place]),
            kind=one.work.kind,
            label=_KINDS[one.work.kind],
            facts=tuple(_facts(one)),
            failed=_failed(one),
            guessed=node.joined_by == "guess",
            text=_length(one.placed.ended_at - one.placed.started_at),
            x=x,
            width=width,
            early=_beyond(scale.start - one.placed.started_at),
            late=_beyond(one.placed.ended_at - scale.end),
            after=_beyond(one.placed.started_at - first_at) if one.placed.started_at >= scale.end else "",
            pairs=tuple(_pairs(one, turn)),
            events=tuple(
                (_length(event.at - span.started_at), event.name) for event in span.detail.events[:MAX_EVENTS]
            ),
            left_out=span.left_out + max(0, len(span.detail.attributes) - MAX_ATTRIBUTES),
        )


def clock_words(clock: Clock) -> str:
    """What is known of a backend's clock."""
    if clock.state == "unknown":
        return "Not aligned: times are by the backend's own clock, since no span of its handshake has come."
    within = _length(clock.uncertainty or 0)
    if clock.state == "agrees":
        return f"The backend's clock agrees with relayproxy's, by the handshake; they are at most {within} apart."
    ahead = "ahead of" if clock.shift < 0 else "behind"
    return (
        f"The backend's clock is {_length(abs(clock.shift))} {ahead} relayproxy's, by the handshake (± {within}). "
        "Times here are aligned."
    )


def _facts(one: WorkSpan) -> Iterator[str]:
    span, work = one.placed.node.span, one.work
    if work.model is not None and work.model not in span.name:
        yield work.model
    if work.input_tokens is not None or work.output_tokens is not None:
        read, written = ("?" if count is None else f"{count:,}" for count in (work.input_tokens, work.output_tokens))
        yield f"{read} → {written} tokens"


def _failed(one: WorkSpan) -> str:
    span = one.placed.node.span
    if span.status != "error":
        return ""
    kind = span.detail.attributes.get("error.type")
    return f"failed: {kind}" if isinstance(kind, str) and kind else "failed"


def _pairs(one: WorkSpan, turn: TurnTimes | None) -> Iterator[tuple[str, str]]:
    placed, span = one.placed, one.placed.node.span
    if turn is not None:
        began = placed.started_at - turn.sent_at
        yield "Began", f"{_length(abs(began))} {'before' if began < 0 else 'after'} the backend was asked"
    if span.service:
        yield "Service", span.service
    if span.scope:
        yield "Library", span.scope
    if placed.clock.further:
        moved, within = _length(placed.clock.shift), _length(placed.clock.uncertainty or 0)
        yield "Clock", f"of a further machine: moved by {moved} (± {within}) into the span of who asked"
    if placed.node.joined_by == "guess":
        yield "Belongs here", "as a guess: by route and time alone"
    if placed.node.orphan:
        yield "Parent", "has not come"
    if span.detail.status_message:
        yield "Status", _cut(span.detail.status_message)
    for name, value in list(span.detail.attributes.items())[:MAX_ATTRIBUTES]:
        yield name, _cut(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def _beyond(ns: int) -> str:
    return _length(ns) if ns >= _MS else ""


def _length(ns: int) -> str:
    return in_milliseconds(*rounded([ns]))
