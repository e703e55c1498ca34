"""Received spans: what is read of a trace request, whichever way it is encoded.

Knows: which ids a span must have; that one span may be bad without the others being so.
Must not know: encodings, HTTP, gRPC, sessions, what is kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_args

from relayproxy.conversation.backend_span import Attributes, BackendSpan, Kind, SpanDetail, SpanEvent, SpanLink, Status
from relayproxy.text import mended

KINDS: tuple[Kind, ...] = ("internal", *get_args(Kind))
"""By number; 0 stands for a span of no kind."""
STATUSES: tuple[Status, ...] = get_args(Status)
TRACE_ID, SPAN_ID = 16, 8
"""Bytes of ids."""
MAX_DEPTH = 8
"""Values within values that are read; what is deeper becomes null."""
MAX_REASONS = 10
"""Rejected spans that are told one by one."""
LATEST = 2**63 - 1
"""Nanoseconds that no time here exceeds."""


class UndecodableError(Exception):
    """The whole request cannot be read. The message says why, and quotes nothing of it."""


class BadSpanError(Exception):
    """A span cannot be taken. The message says why, and quotes nothing of it but the lengths of its ids."""


@dataclass(slots=True)
class TraceRequest:
    """The spans of a request, in order, and those that were rejected."""

    spans: list[BackendSpan] = field(default_factory=list)
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)
    """Of the first `MAX_REASONS`, each with its place in the request."""

    def reject(self, place: tuple[int, int, int], why: BadSpanError) -> None:
        """Counts the span at this place: of its resource, its scope, and its own."""
        self.rejected += 1
        if len(self.reasons) < MAX_REASONS:
            self.reasons.append("resourceSpans[{}].scopeSpans[{}].spans[{}]: ".format(*place) + str(why))

    @property
    def message(self) -> str:
        """What is wrong with the rejected spans; empty when nothing is."""
        more = self.rejected - len(self.reasons)
        return "; ".join(self.reasons) + (f"; and {more} more" if more else "")


def checked_id(name: str, value: bytes, size: int) -> str:
    """The id in hex digits. Raises `BadSpanError`."""
    if len(value) != size:
        raise BadSpanError(f"{name} has {len(value)} bytes, {size} are expected")
    if not any(value):
        raise BadSpanError(f"{name} is all zeros")
    return value.hex()


def parent_id(value: bytes) -> str | None:
    """The id of a parent in hex digits; None when there is none. Raises `BadSpanError`."""
    return checked_id("parentSpanId", value, SPAN_ID) if any(value) else None


def moment(nanoseconds: int) -> int:
    """A time that can be stored."""
    return min(max(nanoseconds, 0), LATEST)


def links(found: Iterable[tuple[bytes, bytes, Attributes]]) -> tuple[SpanLink, ...]:
    """Those of these links that lead to a span."""
    return tuple(
        SpanLink(trace.hex(), span.hex(), attributes)
        for trace, span, attributes in found
        if len(trace) == TRACE_ID and len(span) == SPAN_ID
    )


def span(
    *,
    ids: tuple[bytes, bytes, bytes],
    name: str,
    kind: int,
    times: tuple[int, int],
    status: tuple[int, str],
    attributes: Attributes,
    events: tuple[SpanEvent, ...],
    links: tuple[SpanLink, ...],
    left_out: int,
    resource: Attributes,
    scope: str,
) -> BackendSpan:
    """The span with these ids (trace, span, parent), times (start, end) and status (number, message). Raises
    `BadSpanError`."""
    trace_id, span_id, parent = ids
    number, message = status
    service = resource.get("service.name")
    return BackendSpan(
        trace_id=checked_id("traceId", trace_id, TRACE_ID),
        span_id=checked_id("spanId", span_id, SPAN_ID),
        parent_span_id=parent_id(parent),
        name=mended(name),
        kind=KINDS[kind] if 0 <= kind < len(KINDS) else "internal",
        started_at=moment(times[0]),
        ended_at=moment(times[1]),
        status=STATUSES[number] if 0 <= number < len(STATUSES) else "unset",
        service=service if isinstance(service, str) else "",
        scope=mended(scope),
        detail=SpanDetail(mended(message), attributes, resource, events, links),
        left_out=left_out,
    )


def put(attributes: Attributes, name: str, value: Any) -> None:
    """Adds an attribute; of several with one name the first stays."""
    attributes.setdefault(mended(name), value)
