"""Unjoined spans: those whose session is not known yet, by trace.

Knows: how many wait at most, in which order traces are looked at again, and which go first.
Must not know: what tells a session; SQL, threads, the wall clock.

They are kept in memory alone: what belongs to no call is never stored, and how much of it may be is not known before.
Times are seconds on a clock that is never set.
"""

from dataclasses import dataclass, field

from relayproxy.conversation.backend_span import BackendSpan
from relayproxy.receiver.spans.frame_spans import Direction

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between two looks at a trace, the last one again and again."""
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """A span as it was received, trimmed, from the address `peer`. `frame`: it is only counted. `size` is about how
    many bytes it takes."""

    span: BackendSpan
    size: int
    peer: str
    frame: Direction | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.span.trace_id, self.span.span_id


@dataclass(slots=True)
class Trace:
    """The spans of one trace that wait."""

    id: str
    since: float
    spans: dict[str, ReceivedSpan] = field(default_factory=dict)
    looks: int = 0
    next_look: float = 0.0


class Unjoined:
    """At most `most` spans, each for `patience` seconds at most."""

    def __init__(self, most: int, patience: float) -> None:
        self._most = most
        self._patience = patience
        self._traces: dict[str, Trace] = {}
        """The one that has waited longest first."""
        self._size = 0
        self.spans = 0
        """The number of those that wait."""

    def add(self, one: ReceivedSpan, now: float) -> None:
        """Adds a span, once. Its trace is looked at soon."""
        trace = self._traces.setdefault(one.span.trace_id, Trace(one.span.trace_id, now))
        if one.span.span_id not in trace.spans:
            trace.spans[one.span.span_id] = one
            trace.looks, trace.next_look = 0, now
            self.spans += 1
            self._size += one.size

    def due(self, now: float, most: int) -> list[Trace]:
        """Traces that are to be looked at now, with about `most` spans."""
        found: list[Trace] = []
        count = 0
        for trace in self._traces.values():
            if trace.next_look <= now and (not found or count + len(trace.spans) <= most):
                found.append(trace)
                count += len(trace.spans)
        return found

    def next_look(self) -> float | None:
        """When a trace is due; None when none waits."""
        return min((trace.next_look for trace in self._traces.values()), default=None)

    def wait(self, trace: Trace, now: float) -> None:
        """Has the trace wait for its next look."""
        trace.next_look = now + PAUSES[min(trace.looks, len(PAUSES) - 1)]
        trace.looks += 1

    def take(self, trace: Trace, span_ids: set[str]) -> None:
        """Takes spans that have been written."""
        for id in span_ids:
            self._forget(trace, id)

    def drop(self, now: float) -> int:
        """Drops what has waited long enough, and the oldest beyond the bounds; how many spans that were."""
        before = self.spans
        for trace in list(self._traces.values()):
            full = self.spans > self._most or self._size > MAX_BYTES
            if not full and now - trace.since < self._patience:
                break
            for id in list(trace.spans):
                if not full or self.spans > self._most or self._size > MAX_BYTES:
                    self._forget(trace, id)
        return before - self.spans

    def _forget(self, trace: Trace, id: str) -> None:
        one = trace.spans.pop(id, None)
        if one is not None:
            self.spans -= 1
            self._size -= one.size
        if not trace.spans:
            self._traces.pop(trace.id, None)
