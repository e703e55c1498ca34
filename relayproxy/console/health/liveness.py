"""Liveness: `/healthz`, and whether the threads that read the database still take work.

Knows: how long waiting for a thread is normal.
Must not know: what threads do. They are given nothing to do here, so that a database that is away is no fault of them.
"""

import asyncio
import time
from collections.abc import Callable

from aiohttp import web

from relayproxy.console.http.json_response import json_response

PATIENCE = 10.0
"""Seconds that work may wait for a thread. Queries of the database time out earlier."""
FRESH = 1.0
"""Seconds for which it is enough that a thread was free."""


class Liveness:
    """Probes the event loop's thread pool with an empty task whenever it is asked, one at a time."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        """The clock, in seconds."""
        self._given: asyncio.Future[None] | None = None
        self._at = 0.0

    def stuck(self) -> bool:
        """True when a probe has waited for a thread for `PATIENCE` seconds. Returns at once."""
        now = self.now()
        waiting = self._given is not None and not self._given.done()
        if waiting:
            return now - self._at >= PATIENCE
        if self._given is None or now - self._at >= FRESH:
            self._given = asyncio.get_running_loop().run_in_executor(None, _nothing)
            self._at = now
        return False


LIVENESS = web.AppKey("liveness", Liveness)


def set_up(app: web.Application) -> None:
    """Makes `/healthz` work for the application."""
    app[LIVENESS] = Liveness()
    app.add_routes(ROUTES)


async def healthz(request: web.Request) -> web.Response:
    """`GET /healthz`: the console answers, or 503 when it needs to be started anew. Whether the database does is for
    pages to say."""
    if request.app[LIVENESS].stuck():
        return json_response({"status": "stuck"}, 503)
    return json_response({"status": "ok"})


def _nothing() -> None:
    pass


ROUTES = (web.get("/healthz", healthz),)
