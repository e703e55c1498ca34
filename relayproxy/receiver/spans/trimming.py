"""Trimming: bounds of what is kept of one span.

Knows: how many attributes, events and links, and how many bytes of a value; what becomes of the rest.
Must not know: which of it is secret; sessions, storage.
"""

from dataclasses import dataclass
from typing import Any

from msgspec import structs

from relayproxy.conversation.backend_span import Attributes, BackendSpan, SpanDetail, SpanEvent, SpanLink

CUT = "…"
"""What a text that was cut ends with."""
NAME = 256
"""Bytes of names: of spans, events, attributes, services and libraries."""
EVENT_SHARE = 4
"""Of events and links a span may have a fourth as many as of attributes."""
RESOURCE_ATTRIBUTES = 32
MAX_ITEMS = 1000
"""Values within one value."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Attributes of one span, and bytes of one value."""

    attributes: int
    value: int


def trimmed(span: BackendSpan, bounds: Bounds) -> tuple[BackendSpan, int]:
    """The span within these bounds, and about how many bytes it takes."""
    trimmer = _Trimmer(bounds)
    detail, some = span.detail, max(1, bounds.attributes // EVENT_SHARE)
    events = tuple(
        SpanEvent(event.at, trimmer.name(event.name), trimmer.attributes(event.attributes, some))
        for event in trimmer.first(detail.events, some)
    )
    links = tuple(
        SpanLink(link.trace_id, link.span_id, trimmer.attributes(link.attributes, some))
        for link in trimmer.first(detail.links, some)
    )
    kept = SpanDetail(
        status_message=trimmer.text(detail.status_message),
        attributes=trimmer.attributes(detail.attributes, bounds.attributes),
        resource=trimmer.attributes(detail.resource, RESOURCE_ATTRIBUTES),
        events=events,
        links=links,
    )
    found = structs.replace(
        span,
        name=trimmer.name(span.name),
        service=trimmer.name(span.service),
        scope=trimmer.name(span.scope),
        detail=kept,
        left_out=min(span.left_out + trimmer.left_out, 2**31 - 1),
    )
    return found, trimmer.size


class _Trimmer:
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.left_out = 0
        self.size = 500

    def first(self, items: tuple[Any, ...], most: int) -> tuple[Any, ...]:
        self.left_out += max(0, len(items) - most)
        self.size += 100 * min(len(items), most)
        return items[:most]

    def name(self, text: str) -> str:
        return self._cut(text, NAME)

    def text(self, text: str) -> str:
        return self._cut(text, self._bounds.value)

    def attributes(self, found: Attributes, most: int) -> Attributes:
        kept: Attributes = {}
        for name, value in found.items():
            if len(kept) == most:
                self.left_out += len(found) - most
                break
            kept[self.name(name)] = self._value(value)
        return kept

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | dict):
            budget = _Budget(self._bounds.value)
            kept = budget.take(value)
            self.size += self._bounds.value - max(0, budget.left)
            self.left_out += budget.cut
            return kept
        self.size += 32
        return value

    def _cut(self, text: str, most: int) -> str:
        kept = cut(text, most)
        self.left_out += kept is not text
        self.size += len(kept) + 50
        return kept


class _Budget:
    """Bytes and items that are left of one value with values in it."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.items = MAX_ITEMS
        self.cut = False

    def take(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {cut(name, NAME): self.take(one) for name, one in value.items() if self._more(_size(name))}
        if isinstance(value, list):
            return [self.take(one) for one in value if self._more(4)]
        if isinstance(value, str):
            kept = cut(value, self.left)
            self.cut |= kept is not value
            self.left -= _size(kept)
            return kept
        return value

    def _more(self, size: int) -> bool:
        self.left -= size
        self.items -= 1
        more = self.left > 0 and self.items >= 0
        self.cut |= not more
        return more


def cut(text: str, most: int) -> str:
    """The text itself when it takes at most so many bytes; else its beginning and `CUT`, which is there in any case."""
    if len(text) * 4 <= most or len(raw := _raw(text)) <= most:
        return text
    return raw[: max(0, most - _size(CUT))].decode("utf-8", "ignore") + CUT


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(_raw(text))


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
