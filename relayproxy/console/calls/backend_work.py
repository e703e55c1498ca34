"""Backend work: what a session's backend did in each of its turns, read off the spans that are stored.

Knows: that a session may have many spans, and that only those which are shown are read whole.
Must not know: HTTP, HTML; how a span is placed, or a moment laid to a kind of work.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from relayproxy.console.calls.reading import StoredConnection, StoredSession, decoded
from relayproxy.conversation.backend.clock import Clock, Handshake
from relayproxy.conversation.backend.placement import PlacedSpan, TurnTimes, place, turn_times
from relayproxy.conversation.backend.time_by_kind import Stretch, stretches
from relayproxy.conversation.backend.work import Work, WorkKind, work
from relayproxy.store.read.backend_spans import session_outline, with_details
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import BackendSpanCountsRow

_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class WorkSpan:
    """A span with its place in a turn and what it was busy with."""

    placed: PlacedSpan
    work: Work


@dataclass(frozen=True, slots=True)
class SessionWork:
    """All spans of a session in the order of their tree, most of them without details; the turns that they are placed
    in, by number; the clock of each connection; what was only counted."""

    spans: tuple[PlacedSpan, ...]
    turns: dict[int, TurnTimes]
    clocks: tuple[Clock, ...]
    counts: BackendSpanCountsRow

    def of_turn(self, number: int | None) -> tuple[PlacedSpan, ...]:
        """Those of a turn; None: those of none."""
        return tuple(span for span in self.spans if span.turn == number)


def read_work(queries: Queries, session: StoredSession) -> SessionWork:
    """The spans of the session and where they belong. Raises as queries do."""
    outline = session_outline(queries, session.row.id)
    turns = tuple(map(turn_times, decoded(queries.turns(session.row.id)))) if outline.spans else ()
    handshakes = [handshake(one) for one in session.connections]
    spans, clocks = place(outline.spans, turns, handshakes, session.row.ended_at)
    return SessionWork(spans, {turn.number: turn for turn in turns}, clocks, outline.counts)


def handshake(connection: StoredConnection) -> Handshake:
    """The handshake with the backend as the relay saw it; one that was not answered ends before it begins."""
    opening = connection.opening
    if opening.connected_after is None:
        return Handshake(opening.trace_id, opening.span_id, opening.opened_at, opening.opened_at - 1)
    dns, connect = (None, None) if opening.dial is None else (opening.dial.dns, opening.dial.connect)
    # A relay that has much to do comes late to each step: how long the upgrade took does not tell when it began.
    sent_at = opening.opened_at + (dns or 0) + (connect or 0)
    return Handshake(opening.trace_id, opening.span_id, sent_at, opening.opened_at + opening.connected_after, connect)


def whole(queries: Queries, session: str, spans: Sequence[PlacedSpan]) -> tuple[WorkSpan, ...]:
    """These spans of the session (our id) whole; those that are gone since are left out."""
    nodes = {node.place: node for node in with_details(queries, session, [span.node for span in spans])}
    return tuple(
        WorkSpan(replace(span, node=node), work(node.span.detail.attributes))
        for span in spans
        if (node := nodes.get(span.node.place)) is not None
    )


def waited_for(queries: Queries, session: str, spans: Sequence[PlacedSpan], turn: TurnTimes) -> tuple[Stretch, ...]:
    """What the wait for the backend went into; `spans` are all of the turn. Empty while it is waited for."""
    until = turn.waited_until
    if until is None:
        return ()
    shown = [span for span in spans if span.started_at < until and span.ended_at > turn.sent_at]
    kinds: dict[int, WorkKind] = {}
    rest = iter(shown)
    while some := [*islice(rest, _AT_ONCE)]:
        kinds |= {one.placed.node.place: one.work.kind for one in whole(queries, session, some)}
    return stretches(shown, [kinds.get(span.node.place, "other") for span in shown], turn.sent_at, until)
