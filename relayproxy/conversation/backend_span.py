"""Backend span: a span that a backend made of its own work, as it arrived over OTLP.

Knows: its ids, times, status, attributes, events and links as plain values with a JSON form.
Must not know: OTLP's encodings, sessions, SQL.

Times are wall nanoseconds since the epoch, by the clock of the machine that made the span. Texts may hold NUL, and no
surrogate that is alone.
"""

from typing import Any, Literal

import msgspec

Attributes = dict[str, Any]
"""Values are those of JSON: texts, numbers, truth values, null, arrays and objects of these."""

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Status = Literal["unset", "ok", "error"]


class SpanEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened within a span, such as an exception."""

    at: int
    name: str
    attributes: Attributes = {}


class SpanLink(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reference of a span to another one. Ids as of `BackendSpan`."""

    trace_id: str
    span_id: str
    attributes: Attributes = {}


class SpanDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a span says besides its name, times and place in its trace."""

    status_message: str = ""
    attributes: Attributes = {}
    resource: Attributes = {}
    """Attributes of the process that made it."""
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()


class BackendSpan(msgspec.Struct, frozen=True):
    """One span."""

    trace_id: str
    """32 lower-case hex digits."""
    span_id: str
    """16 lower-case hex digits."""
    parent_span_id: str | None
    name: str
    kind: Kind
    started_at: int
    ended_at: int
    """As sent: it may be before `started_at`."""
    status: Status = "unset"
    service: str = ""
    """`service.name` of the resource; empty when it names none."""
    scope: str = ""
    """Name of the library that made it."""
    detail: SpanDetail = SpanDetail()
    left_out: int = 0
    """Attributes, events and links that were left out, by the sender or here; a value that was cut counts."""
