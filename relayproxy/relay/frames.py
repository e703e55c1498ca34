"""Frames: cuts the bytes of one side of a WebSocket at the borders of its frames. Pure.

Knows: the head of a frame (RFC 6455, 5.2), and how a frame is written.
Must not know: messages, compression, sockets.

Calls are not passed on by it: it is for what goes beside them, and for faults.
"""

import os
from typing import NamedTuple

MORE, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10
"""Opcodes."""


class TooLong(ValueError):
    """Raised for a frame that is longer than is waited for, and for more frames than are taken at once."""


class Frame(NamedTuple):
    """A whole frame. `raw` are its bytes as they came, `body` the offset in them of its payload."""

    opcode: int
    final: bool
    plain: bool
    """Neither masked nor with a reserved bit, as compressed ones have."""
    raw: bytes
    body: int

    @property
    def control(self) -> bool:
        return self.opcode >= CLOSE

    @property
    def begins(self) -> bool:
        """It begins a message, and is not the next fragment of one."""
        return not self.control and self.opcode != MORE

    @property
    def payload(self) -> bytes:
        """The payload, unmasked."""
        found = self.raw[self.body :]
        if not self.raw[1] & 0x80:
            return found
        return _masked(found, self.raw[self.body - 4 : self.body])


class FrameCutter:
    """Frames out of bytes as they come. `limit` bounds the bytes that are kept of one that is not whole yet."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""

    @property
    def rest(self) -> bytes:
        """The beginning of a frame that is not whole."""
        return self._rest

    def feed(self, data: bytes, most: int | None = None) -> list[Frame]:
        """The frames that are whole now. Raises TooLong, also where there are more than `most`."""
        data = self._rest + data if self._rest else data
        found: list[Frame] = []
        at, end = 0, len(data)
        while end - at >= 2:
            first, second = data[at], data[at + 1]
            body, size = at + 2, second & 0x7F
            if size >= 126:
                width = 2 if size == 126 else 8
                if end - body < width:
                    break
                size = int.from_bytes(data[body : body + width], "big")
                body += width
            if second & 0x80:
                body += 4
            if body + size - at > self._limit:
                raise TooLong
            if body + size > end:
                break
            if len(found) == most:
                raise TooLong
            plain = not first & 0x70 and not second & 0x80
            found.append(Frame(first & 15, bool(first & 0x80), plain, data[at : body + size], body - at))
            at = body + size
        self._rest = data[at:]
        return found


def frame(opcode: int, payload: bytes, *, masked: bool) -> bytes:
    """The bytes of one final frame, masked as clients must."""
    size, mask = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes((0x80 | opcode, mask | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, mask | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, mask | 127)) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + _masked(payload, key)


def _masked(payload: bytes, key: bytes) -> bytes:
    if not payload:
        return b""
    whole = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(len(payload), "big")
