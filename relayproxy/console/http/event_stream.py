"""Event streams (server-sent events) to browsers.

Knows: server-sent events; how long a write may take and how much the kernel may hold for it.
Must not know: the content of events.
"""

import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from aiohttp import web
from aiohttp_sse import sse_response

SEND_TIMEOUT = 10.0
"""Seconds that a write may wait for its reader; then the connection is cut."""
HELD = 128 * 1024
"""Socket send buffer in bytes for a slow reader. Without a bound the kernel would keep megabytes for each."""


async def stream(request: web.Request, events: AsyncGenerator[str, None]) -> web.StreamResponse:
    """Sends each event as it comes until they end or the reader is gone. The next event is only asked for when the one
    before has been taken, so that nothing queues up for a slow reader."""
    sock = request.transport.get_extra_info("socket") if request.transport else None
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HELD)
    async with aclosing(events):
        response = sse_response(request, send_timeout=SEND_TIMEOUT)
        async with response as opened:
            # The reader left or does not read: there is nobody to tell.
            with suppress(TimeoutError, ConnectionError):
                async for event in events:
                    await opened.send(event)
    return opened
