"""Bodies of requests: read and inflated within a bound.

Knows: the encodings that senders of OTLP use; how long a body may take to come; how much all bodies may hold together.
Must not know: what is in a body.
"""

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from aiohttp import ClientPayloadError, StreamReader
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

READ_TIMEOUT = 10.0
"""Seconds for a whole body."""
_WINDOWS: dict[str, int] = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class BodyError(Exception):
    """A body that is not taken, with the HTTP status of the answer."""

    def __init__(self, status: Literal[400, 408, 413, 415, 503], why: str) -> None:
        super().__init__(why)
        self.status = status


class Room:
    """The bytes that all bodies may hold together, of what has come: those who send slowly take none from others."""

    def __init__(self, size: int) -> None:
        self._left = size

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """The share of one body, which is given back when the block ends."""
        share = Share(self)
        try:
            yield share
        finally:
            self._left += share.size

    def take(self, size: int) -> None:
        """Takes so many bytes. Raises `BodyError` when they are not there."""
        if size > self._left:
            raise BodyError(503, "more is sent at once than can be held")
        self._left -= size


class Share:
    """What one body holds of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.size = 0

    def grow(self, size: int) -> None:
        """Holds so many bytes more. Raises `BodyError`."""
        self._room.take(size)
        self.size += size


async def read(content: StreamReader, most: int, share: Share) -> bytes:
    """The body as it came. Raises `BodyError`."""
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            async for part in content.iter_any():
                if share.size + len(part) > most:
                    raise BodyError(413, f"the body has more than {most} bytes")
                share.grow(len(part))
                parts.append(part)
    except TimeoutError:
        raise BodyError(408, f"the body had not come after {READ_TIMEOUT:g} s") from None
    except (RequestPayloadError, ClientPayloadError, HttpProcessingError, ConnectionError):
        raise BodyError(400, "the body did not come whole") from None
    return b"".join(parts)


def inflate(body: bytes, encoding: str, most: int) -> bytes:
    """The body without its content encoding. Raises `BodyError`."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in _WINDOWS:
        raise BodyError(415, "a Content-Encoding of gzip, deflate or identity is expected")
    try:
        return _inflated(body, _WINDOWS[encoding], most)
    except zlib.error:
        pass
    try:
        if encoding == "deflate":  # some leave zlib's header out
            return _inflated(body, -15, most)
    except zlib.error:
        pass
    raise BodyError(400, f"the body is no {encoding}")


def _inflated(body: bytes, window: int, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while body:
        inflater = zlib.decompressobj(window)
        while not inflater.eof:
            # One byte more than fits, to see that there is one.
            part = inflater.decompress(body, most - size + 1)
            size += len(part)
            if size > most:
                raise BodyError(413, f"the body has more than {most} bytes when it is inflated")
            parts.append(part)
            body = inflater.unconsumed_tail
            if not body and not inflater.eof:
                raise zlib.error
        body = inflater.unused_data  # gzip may have several members
    return b"".join(parts)
