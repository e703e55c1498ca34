"""Placement: which of a backend's spans belong to which turn of the session.

Knows: when a backend was waited for, and that what it does is done for what it was sent last; which spans are those of
the whole session.
Must not know: what spans are of, how they are drawn.

A span belongs to the turn in which it begins: a turn begins with what opened it and ends where the next one begins. Its
own children go with it, however late they begin, so that work which an interruption did not stop stays with the turn
that began it. Three things differ:

* A span that runs through the wait of a later turn and has work of that turn below it is of the session, such as that
  of a handler that lives as long as the connection. Those below it are placed one by one. One that begins after the
  first prompt must run through two such waits: until then it is work on its prompt that an interruption did not stop.
* A span that begins while the caller says what opens the turn, once the answer before is complete, and still runs when
  the turn begins is that turn's: work on a prompt that is not final. Where nobody says anything it may have begun
  earlier: what the backend then says of its own accord comes of it.
* Clocks are aligned with an uncertainty. A span that begins so little before a turn that they cannot tell is that
  turn's.

All times are wall nanoseconds by relayproxy's clock.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from relayproxy.conversation.backend.clock import UNKNOWN, Clock, Handshake, below, clocks, is_handshake
from relayproxy.conversation.backend.span_node import SpanNode
from relayproxy.conversation.model import Turn

CLOCKS_APART = 50_000_000
"""How much earlier than its turn a span may seem to begin, at most; half of it without a sure clock."""


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """The times of a turn that its backend had a part in."""

    number: int
    started_at: int
    sent_at: int
    """The beginning of the wait: when what is answered had been written to the backend."""
    first_at: int | None
    """When the first speakable message of the answer had been read; None without an answer."""
    done_at: int | None
    """When the answer was complete."""
    ended_at: int | None
    asked: bool = True
    """Something was said or pressed."""
    begun_at: int | None = None
    """When the caller began to say it; None where that is not known."""

    @property
    def waited_until(self) -> int | None:
        """The end of the wait for the backend: the answer, else the end of the turn; None while it lasts, and where the
        backend was not asked and said nothing."""
        return self.ended_at if self.first_at is None and self.asked else self.first_at


@dataclass(frozen=True, slots=True)
class PlacedSpan:
    """A span with its times by relayproxy's clock, and its place among those of its turn."""

    node: SpanNode
    turn: int | None
    """Number of the turn; None: it belongs to none, or to the whole session."""
    started_at: int
    ended_at: int
    """Not before `started_at`."""
    depth: int
    """How many spans of the same turn, or of the session, are above it."""
    clock: Clock


def turn_times(turn: Turn) -> TurnTimes:
    """The times of a turn. Where no answer came, or one ahead of its prompt, the wait begins with the turn."""
    sent_at, first_at = turn.started_at, turn.agent_at
    if turn.caller_at is not None and first_at is not None and first_at >= turn.caller_at:
        sent_at = turn.caller_at + (turn.budget.proxy_in or 0)
        first_at = first_at if turn.budget.backend is None else sent_at + turn.budget.backend
    return TurnTimes(
        turn.number,
        turn.started_at,
        sent_at,
        first_at,
        turn.agent_done_at,
        turn.ended_at,
        asked=turn.caller_at is not None,
        begun_at=turn.caller_begun_at,
    )


def place(
    nodes: Sequence[SpanNode],
    turns: Sequence[TurnTimes],
    handshakes: Sequence[Handshake],
    ended_at: int | None = None,
) -> tuple[tuple[PlacedSpan, ...], tuple[Clock, ...]]:
    """All spans of a session in the order of their tree, and the clock of each connection. `turns` are in order,
    `handshakes` first first; `ended_at`: when the session was over."""
    known = clocks(handshakes, nodes)
    placer = _Placer(turns, ended_at)
    by_trace: dict[str, Clock] = {}
    for handshake, clock in zip(handshakes, known, strict=True):
        by_trace.setdefault(handshake.trace_id, clock)
    default = next((clock for clock in known if clock.state != "unknown"), UNKNOWN)
    for node in nodes:
        clock = by_trace.get(node.span.trace_id, default)
        placer.add(node, clock if clock.state != "unknown" else default)
    return tuple(placer.placed()), known


@dataclass(slots=True)
class _Draft:
    node: SpanNode
    clock: Clock
    started_at: int
    ended_at: int
    begins_in: int
    """Place of the turn in which it begins; -1 before the first, `len(turns)` after the end."""
    latest_below: int = -1
    """The place of the last turn in which a span below it begins."""


class _Placer:
    def __init__(self, turns: Sequence[TurnTimes], ended_at: int | None) -> None:
        self._turns = turns
        self._starts = [turn.started_at for turn in turns]
        self._ended_at = ended_at
        self._drafts: list[_Draft] = []
        self._at: dict[int, int] = {}

    def add(self, node: SpanNode, clock: Clock) -> None:
        parent = self._parent(node)
        if parent is not None:
            clock = below(node.span, parent.node.span, parent.clock)
        start = node.span.started_at + clock.shift
        end = max(start, node.span.ended_at + clock.shift)
        slack = CLOCKS_APART // 2 if clock.uncertainty is None else min(clock.uncertainty, CLOCKS_APART)
        surely = start + min(slack, (end - start) // 2)
        draft = _Draft(node, clock, start, end, self._begins_in(surely, end))
        self._at[node.place] = len(self._drafts)
        self._drafts.append(draft)

    def placed(self) -> list[PlacedSpan]:
        """All of them, once all have been added."""
        for draft in reversed(self._drafts):
            parent = self._parent(draft.node)
            if parent is not None:
                begins_in = min(draft.begins_in, len(self._turns) - 1)
                parent.latest_below = max(parent.latest_below, draft.latest_below, begins_in)
        found: list[PlacedSpan] = []
        for draft in self._drafts:
            at = None if draft.node.parent is None else self._at.get(draft.node.parent)
            above = None if at is None else found[at]
            number = self._number(draft) if above is None or above.turn is None else above.turn
            depth = above.depth + 1 if above is not None and above.turn == number else 0
            found.append(PlacedSpan(draft.node, number, draft.started_at, draft.ended_at, depth, draft.clock))
        return found

    def _number(self, draft: _Draft) -> int | None:
        inside = 0 <= draft.begins_in < len(self._turns) and not self._is_of_session(draft)
        return self._turns[draft.begins_in].number if inside else None

    def _parent(self, node: SpanNode) -> _Draft | None:
        at = None if node.parent is None else self._at.get(node.parent)
        return None if at is None else self._drafts[at]

    def _begins_in(self, at: int, end: int) -> int:
        turns = self._turns
        if self._ended_at is not None and at > self._ended_at:
            return len(turns)
        own = bisect_right(self._starts, at) - 1
        following = turns[own + 1] if own + 1 < len(turns) else None
        done_at = turns[own].done_at if own >= 0 else at
        if following is None or done_at is None or done_at > at or end <= following.started_at:
            return own
        begun_at = following.started_at if following.begun_at is None else following.begun_at
        return own + 1 if at >= begun_at or not following.asked else own

    def _is_of_session(self, draft: _Draft) -> bool:
        if is_handshake(draft.node):
            return True
        later = self._turns[draft.begins_in + 1 : draft.latest_below + 1]
        through = sum(
            draft.started_at < turn.sent_at and turn.waited_until is not None and turn.waited_until <= draft.ended_at
            for turn in later
        )
        return through > (1 if draft.begins_in > 0 else 0)
