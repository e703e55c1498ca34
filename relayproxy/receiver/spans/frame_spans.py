"""Spans of single events of a WebSocket, which are counted instead of kept.

Knows: how instrumentations of ASGI tell them.
Must not know: sessions, storage.

A FastAPI or Starlette server with OpenTelemetry makes one span for each message that it receives or sends, and for the
handshake and the close: a call of ten minutes has thousands, and they say nothing that is not in the recording.
"""

from typing import Literal

from relayproxy.conversation.backend_span import BackendSpan

Direction = Literal["receive", "send"]
_EVENTS: dict[str, Direction] = {
    "websocket.connect": "receive",
    "websocket.receive": "receive",
    "websocket.disconnect": "receive",
    "websocket.accept": "send",
    "websocket.send": "send",
    "websocket.close": "send",
}
_ENDINGS: dict[str, Direction] = {" websocket receive": "receive", " websocket send": "send"}


def frame_direction(span: BackendSpan) -> Direction | None:
    """The direction of the event whose span this is; None when it is another span, or one that failed."""
    if span.kind != "internal" or span.status == "error" or span.parent_span_id is None:
        return None
    event = span.detail.attributes.get("asgi.event.type")
    if isinstance(event, str):
        return _EVENTS.get(event)
    return next((direction for end, direction in _ENDINGS.items() if span.name.endswith(end)), None)
