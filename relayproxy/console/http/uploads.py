"""Uploads: files in the bodies of requests, bounded, read as they come.

Knows: how a file is sent alone, and how browsers' forms send several.
Must not know: what files are for.

A file is held in memory alone: what is in it may not be on a disk.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import BodyPartReader, ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from relayproxy.console.http.middleware import Problem, bad_request
from relayproxy.text import storable

T = TypeVar("T")
MIB = 1024 * 1024
SILENCE = 30.0
"""Seconds that the next piece of a file may take to arrive."""
SLOWEST = 64 * 1024
"""Bytes a second that are expected on the whole, after as many seconds."""
PIECE = 64 * 1024
NAME = 200
"""Characters of a file's name that are kept."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent. `content` is None where it was longer than it may be: then none of it is kept."""

    name: str
    content: bytes | None


async def file_of(request: web.Request, limit: int) -> bytes:
    """The body as a file. Raises a Problem: 413 when it has more than `limit` bytes, 415 when it is compressed
    (`Content-Encoding`), 408 and 400 when it does not arrive."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise Problem(415, "unsupported_media_type", "A body without Content-Encoding is expected.")
    if (request.content_length or 0) > limit:
        raise too_large(limit)

    content = await _read(lambda: request.content.read(PIECE), limit, _Pace())
    if content is None:
        raise too_large(limit)
    return content


async def files_of(request: web.Request, limit: int) -> AsyncIterator[Upload]:
    """The files of a form, one after the other; fields that are no files are passed over. Raises a Problem: 415 for
    what is no such form, 408 and 400 when it does not arrive."""
    if request.content_type != "multipart/form-data":
        raise Problem(415, "unsupported_media_type", "A form with files (multipart/form-data) is expected.")
    try:
        form = await request.multipart()
        pace = _Pace()
        while True:
            part = await pace.arrives(form.next())
            if part is None:
                return
            if isinstance(part, BodyPartReader) and part.filename:
                name = storable(part.filename)[-NAME:]
                yield Upload(name, await _read(lambda part=part: part.read_chunk(PIECE), limit, pace))  # type: ignore[misc]
    except TimeoutError:
        raise _late() from None
    except (RequestPayloadError, ClientPayloadError, HttpProcessingError, ValueError, AssertionError):
        raise bad_request("The form could not be read.") from None


class _Pace:
    """How fast a body arrives. Only the time counts for which it is waited for."""

    def __init__(self) -> None:
        self._bytes = 0
        self._waited = 0.0

    async def arrives(self, what: Awaitable[T]) -> T:
        """What arrives next. Raises TimeoutError when nothing does, or when all of it comes too slowly."""
        left = SILENCE + self._bytes / SLOWEST - self._waited
        began = time.monotonic()
        async with asyncio.timeout(max(0.0, min(SILENCE, left))):
            found = await what
        self._waited += time.monotonic() - began
        self._bytes += len(found) if isinstance(found, bytes) else 0
        return found


async def _read(piece: Callable[[], Awaitable[bytes]], limit: int, pace: _Pace) -> bytes | None:
    """All pieces together; None when they are longer than `limit`, and then they are read to their end."""
    content = bytearray()
    total = 0
    try:
        while True:
            found = await pace.arrives(piece())
            if not found:
                return bytes(content) if total <= limit else None
            total += len(found)
            if total <= limit:
                content += found
            else:
                content.clear()
                if total > 4 * limit:
                    raise too_large(limit)
    except TimeoutError:
        raise _late() from None
    except (RequestPayloadError, ClientPayloadError, HttpProcessingError):
        raise bad_request("The body could not be read.") from None


def too_large(limit: int) -> Problem:
    """The refusal of a file that is too long."""
    return Problem(413, "too_large", f"A file of at most {limit // MIB} MiB is expected.")


def _late() -> Problem:
    return Problem(
        408, "request_timeout", f"The file came too slowly: {SLOWEST // 1024} KiB a second are expected; send it again."
    )
