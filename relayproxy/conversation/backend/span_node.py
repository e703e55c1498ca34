"""Span node: a backend's span at its place in the tree of its session's spans.

Knows: what is above it, and how it came to belong to the session.
Must not know: how trees are made, turns.
"""

from dataclasses import dataclass

from relayproxy.conversation.backend_span import BackendSpan


@dataclass(frozen=True, slots=True)
class SpanNode:
    """A span at its place in the tree of a session's spans: a parent comes before its children, and these by their
    beginning."""

    span: BackendSpan
    joined_by: str
    """What it belongs to the session by: `trace`, `id` or `guess`."""
    place: int
    depth: int
    parent: int | None
    """The place of its parent, None at the top."""
    orphan: bool
    """Its parent has not come."""
    child_of_call: bool
    """Its parent is the span whose id the backend got in its handshake."""
