"""Clock alignment: how far a backend's clock is from relayproxy's, as the handshake tells.

Knows: which span is that of a handshake, and that it began between the request and the answer that the relay saw; that
a server's span lies within its client's.
Must not know: turns, what spans are of, how they are stored.

A server begins the span of a handshake when it has read the upgrade request, and answers afterwards. By relayproxy's
clock that was between `sent_at` and `answered_at`, so the difference of the clocks lies between the differences to
these two. While zero lies there, nothing shows that the clocks differ, and nothing is moved. Else it is taken to have
begun when the request had arrived, if both ways are alike: after half of the handshake, or of what it took to connect
where that was less, since a backend may do much before it answers.

What a backend asks of further machines has spans by their clocks. The span of a server lies within that of the client
that asked it; where it does not, it is moved into its middle, and what is below it with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from relayproxy.conversation.backend.span_node import SpanNode
from relayproxy.conversation.backend_span import BackendSpan

ClockState = Literal["agrees", "moved", "unknown"]
"""The clocks agree as far as the handshake can tell; they do not, and times are moved; no span of the handshake."""
TOLERANCE = 5_000_000
"""Nanoseconds by which a span may begin outside of its handshake: after the answer, where a server hands connections on
once it has answered, or by what clocks that are kept in step differ."""
_REQUEST = ("http.", "url.")


@dataclass(frozen=True, slots=True)
class Handshake:
    """The handshake of one connection with a backend, wall nanoseconds by relayproxy's clock; ids are those of the
    `traceparent` that the backend got."""

    trace_id: str
    span_id: str
    sent_at: int
    """When the upgrade request was sent, or at the latest before that."""
    answered_at: int
    connect: int | None = None
    """What it took to connect, nanoseconds; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of a backend: what is added to its times, nanoseconds, and by how much they may be wrong even so; None
    when nothing tells."""

    state: ClockState
    shift: int = 0
    uncertainty: int | None = None
    further: bool = False
    """It is that of a further machine, aligned on the span of who asked it."""


UNKNOWN = Clock("unknown")


def clocks(handshakes: Iterable[Handshake], nodes: Iterable[SpanNode]) -> tuple[Clock, ...]:
    """The clock of each connection's backend, as the first span tells that is its handshake's."""
    found: dict[tuple[str, str | None], int] = {}
    for node in nodes:
        if is_handshake(node):
            found.setdefault((node.span.trace_id, node.span.parent_span_id), node.span.started_at)
    return tuple(_clock(one, found) for one in handshakes)


def below(span: BackendSpan, above: BackendSpan, clock: Clock) -> Clock:
    """The clock of a span right below another one, whose clock is known: the same, but of a server that did not run
    while it was asked. One that ran longer than its client waited begins with it."""
    if (span.kind, above.kind) != ("server", "client"):
        return clock
    room, length = above.ended_at - above.started_at, span.ended_at - span.started_at
    latest = max(span.started_at, span.ended_at if length <= room else span.started_at)
    if above.started_at - TOLERANCE <= span.started_at and latest <= above.ended_at + TOLERANCE:
        return clock
    spare = max(0, room - max(0, length))
    shift = above.started_at + spare // 2 - span.started_at
    return Clock("moved", clock.shift + shift, (spare + 1) // 2, further=True)


def is_handshake(node: SpanNode) -> bool:
    """True for the span of a request whose parent is the span that the backend was given. Spans without their
    attributes are none."""
    told = node.span.detail.attributes
    return node.child_of_call and node.span.kind == "server" and any(name.startswith(_REQUEST) for name in told)


def _clock(handshake: Handshake, found: Mapping[tuple[str, str | None], int]) -> Clock:
    began = found.get((handshake.trace_id, handshake.span_id))
    if began is None or handshake.answered_at < handshake.sent_at:
        return UNKNOWN
    least, most = handshake.sent_at - began, handshake.answered_at - began
    if least - TOLERANCE <= 0 <= most + TOLERANCE:
        return Clock("agrees", 0, max(abs(least), abs(most)))
    both_ways = most - least if handshake.connect is None else min(most - least, handshake.connect)
    shift = least + both_ways // 2
    return Clock("moved", shift, most - shift)
