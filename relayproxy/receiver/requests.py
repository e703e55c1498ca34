"""Requests: what becomes of what senders send, over HTTP and gRPC alike.

Knows: that spans are decoded, bounded and queued, or refused as a whole when the queue is full; that everything that is
taken is passed on as it came; what is counted.
Must not know: HTTP, gRPC, sessions, SQL.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from msgspec import structs

from relayproxy.conversation.backend_span import BackendSpan, SpanDetail
from relayproxy.receiver.intake import Intake
from relayproxy.receiver.passing_on import Parcel, PassingOn
from relayproxy.receiver.spans.frame_spans import frame_direction
from relayproxy.receiver.spans.trimming import Bounds, trimmed
from relayproxy.receiver.unjoined import ReceivedSpan
from relayproxy.telemetry.received import otlp_json, otlp_protobuf
from relayproxy.telemetry.received.answers import Encoding
from relayproxy.telemetry.received.received import TraceRequest

OWN_SCOPE = "relayproxy"
"""The library's name on the proxy's own spans, which some collectors send on to all who listen."""
RETRY_AFTER = 5
"""Seconds after which a sender may try again when the queue is full."""
_DECODERS: dict[Encoding, Callable[[bytes], TraceRequest]] = {
    "protobuf": otlp_protobuf.decode,
    "json": otlp_json.decode,
}


class FullError(Exception):
    """Nothing is taken for now: what came before waits for the database."""


@dataclass(slots=True)
class RequestCounts:
    """Numbers since the start. `refused`: requests that came while the queue was full. `unread`: requests of metrics
    and logs that there was nobody to pass on to."""

    requests: int = 0
    spans: int = 0
    rejected: int = 0
    undecodable: int = 0
    refused: int = 0
    unread: int = 0


class Requests:
    """Takes requests, from any thread."""

    def __init__(self, intake: Intake, passing_on: PassingOn, bounds: Bounds) -> None:
        self._intake = intake
        self._passing_on = passing_on
        self._bounds = bounds
        self._decoding = threading.Lock()
        """One at a time: a second one would take memory and not be faster."""
        self.counts = RequestCounts()

    @property
    def full(self) -> bool:
        """True when spans are not taken for now."""
        return self._intake.full

    def traces(self, body: bytes, encoding: Encoding, parcel: Parcel, peer: str) -> TraceRequest:
        """Takes a trace request, which is `body` without content encoding and `parcel` as it came; gives what was read
        of it. Raises `UndecodableError`, and `FullError` when nothing of it was taken."""
        with self._decoding:
            self.counts.requests += 1
            if self._intake.full:
                self.counts.refused += 1
                raise FullError
            try:
                request = _DECODERS[encoding](body)
            except Exception:
                self.counts.undecodable += 1
                raise
            received = [self._received(span, peer) for span in request.spans if span.scope != OWN_SCOPE]
            if not self._intake.put(received):
                self.counts.refused += 1
                raise FullError
            self.counts.spans += len(request.spans)
            self.counts.rejected += request.rejected
        self._passing_on.put(parcel)
        return request

    def others(self, parcel: Parcel) -> None:
        """Takes metrics or logs, which are only passed on."""
        if not self._passing_on.put(parcel):
            self.counts.unread += 1

    def _received(self, span: BackendSpan, peer: str) -> ReceivedSpan:
        frame = frame_direction(span)
        if frame is not None:
            span = structs.replace(span, detail=SpanDetail())
        return ReceivedSpan(*trimmed(span, self._bounds), peer, frame)
