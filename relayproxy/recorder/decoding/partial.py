"""Partial message: a message that is being received in fragments.

Knows: data messages over several frames, compressed or not; control frames; when a payload is text.
Must not know: frame heads, masks, positions.
"""

import zlib
from typing import Literal

from relayproxy.connection import Side
from relayproxy.conversation.message import Message, MessageKind
from relayproxy.recorder.decoding.deflate import Inflater
from relayproxy.recorder.decoding.payload import Payload


def text_of(payload: bytes | bytearray, *, cut: bool = False) -> str | None:
    """The payload as text, None when it is not UTF-8. `cut`: it may end within a character, which is left out."""
    try:
        return payload.decode()
    except UnicodeDecodeError as problem:
        if cut and problem.reason == "unexpected end of data":
            return payload[: problem.start].decode()
        return None


class Partial:
    """A text or binary message. `inflater` is given when it is compressed."""

    __slots__ = ("_inflater", "_kind", "_limit", "_note", "_plain", "_raw", "frames")

    def __init__(self, kind: Literal["text", "binary"], limit: int, inflater: Inflater | None) -> None:
        self._kind = kind
        self._limit = limit
        self._inflater = inflater
        self._note: str | None = None
        self._plain = Payload(limit)
        self._raw = Payload(limit) if inflater is not None else None
        self.frames = 1

    def add(self, piece: bytes) -> None:
        """Adds the next unmasked bytes."""
        if self._raw is None:
            self._plain.add(piece)
            return
        self._raw.add(piece)
        self._inflate(piece)

    def finish(self) -> None:
        """Takes the end of the last frame."""
        self._inflate(None)

    def abandon(self) -> None:
        """Takes that the rest will not come."""
        self._note = self._note or "incomplete"
        if self._inflater is not None:
            self._inflater.lose()

    @property
    def failed(self) -> bool:
        """True when it could not be inflated."""
        return self._note == "inflate_failed"

    def _inflate(self, piece: bytes | None) -> None:
        if self._inflater is None:
            return
        try:
            if self._note is None:
                for inflated in self._inflater.finish() if piece is None else self._inflater.feed(piece):
                    self._plain.add(inflated)
        except zlib.error:
            self._note = "inflate_failed"
            self._plain = Payload(self._limit)
        if piece is None and self._note is not None:
            self._inflater.lose()

    def message(self, seq: int, t: int, sender: Side, out: int | None) -> Message:
        """The message, of the bytes received so far."""
        payload = self._raw if self.failed and self._raw is not None else self._plain
        text, note = None, self._note
        if self._kind == "text" and not self.failed:
            text = text_of(payload.head, cut=payload.cut or note is not None)
            if text is None:
                note = note or "invalid_utf8"
        return Message(
            seq=seq,
            t=t,
            sender=sender,
            kind=self._kind,
            out=out,
            text=text,
            data=bytes(payload.head) if text is None else None,
            size=payload.size,
            cut=payload.cut,
            sha256=payload.sha256,
            frames=self.frames,
            compressed=self._raw is not None,
            note=note,
        )


class Control:
    """A ping, pong or close frame. Longer ones than the protocol allows are noted, and kept to the limit."""

    __slots__ = ("_kind", "payload")

    def __init__(self, kind: MessageKind, limit: int) -> None:
        self._kind: MessageKind = kind
        self.payload = Payload(limit)

    def message(self, seq: int, t: int, sender: Side, out: int | None, *, incomplete: bool = False) -> Message:
        """The message, of the bytes received so far."""
        payload = self.payload
        data: bytes | None = bytes(payload.head) or None
        note = "incomplete" if incomplete else "oversized_control" if payload.size > 125 else None
        code = reason = None
        if self._kind == "close" and data is not None and len(data) >= 2:
            code = int.from_bytes(data[:2], "big")
            reason = text_of(data[2:])
            if reason is None:
                note = note or "invalid_utf8"
                reason = data[2:].decode(errors="replace")
            else:
                data = None
        elif self._kind == "close" and data is not None:
            note = note or "malformed_close"
        return Message(
            seq=seq,
            t=t,
            sender=sender,
            kind=self._kind,
            out=out,
            data=data,
            size=payload.size,
            cut=payload.cut,
            sha256=payload.sha256,
            code=code,
            reason=reason,
            note=note,
        )
