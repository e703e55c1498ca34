"""Spans of single events of a WebSocket are told from all others."""

from typing import Any

import pytest

from relayproxy.conversation.backend_span import SpanDetail
from relayproxy.receiver.spans.frame_spans import frame_direction
from tests.store.build import span


def direction(name: str, attributes: dict[str, Any] | None = None, **known: Any) -> str | None:
    inside = {"kind": "internal", "parent_span_id": "ab" * 8} | known
    return frame_direction(span(1, name=name, detail=SpanDetail(attributes=attributes or {}), **inside))


@pytest.mark.parametrize("event", ["receive", "send"])
def test_by_the_event_or_the_name(event: str) -> None:
    assert direction("anything", {"asgi.event.type": f"websocket.{event}"}) == event
    assert direction(f"/ws websocket {event}") == event


@pytest.mark.parametrize(
    "known",
    [{"kind": "server"}, {"kind": "client"}, {"status": "error"}, {"parent_span_id": None}],
)
def test_what_is_more_than_an_event_is_kept(known: dict[str, Any]) -> None:
    assert direction("/ws websocket send", **known) is None


def test_the_handshake_and_the_close_are_counted_too() -> None:
    events = ("websocket.connect", "websocket.accept", "websocket.disconnect", "websocket.close")

    assert [direction("", {"asgi.event.type": event}) for event in events] == ["receive", "send", "receive", "send"]


@pytest.mark.parametrize("event", ["http.response.body", "lifespan.startup"])
def test_other_events_are_kept(event: str) -> None:
    assert direction("/ws http send", {"asgi.event.type": event}) is None
