"""Request handler: one connection of the console's HTTP server, with its own answers to unreadable requests.

Knows: the response and the log line for an unreadable request.
Must not know: what the console serves.

aiohttp itself would quote such a request in its answer and, with a traceback, in the log: tokens, cookies, searches.
"""

import logging
from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from relayproxy.logs import RateLimit

_log = logging.getLogger(__name__)


class UnreadableLog:
    """Rate-limited log of unreadable requests: one line now and then for each reason."""

    def __init__(self) -> None:
        self._limit = RateLimit()

    def note(self, peer: str, kind: str) -> None:
        """A request of `peer` cannot be read; `kind` is the name of aiohttp's error."""
        more = self._limit.suffix(kind)
        if more is not None:
            _log.info("a request of %s cannot be read as HTTP (%s)%s", peer, kind, more)


class ConsoleRequestHandler(web.RequestHandler):
    """aiohttp's protocol, whose answers and log lines hold nothing of a request that cannot be read."""

    __slots__ = ("_note",)

    def __init__(self, server: web.Server, note: Callable[[str, str], None]) -> None:
        # Nobody has to send compressed bodies; what claims to be one could be anything.
        super().__init__(server, loop=server._loop, access_log=None, auto_decompress=False)  # type: ignore[arg-type]
        self._note = note

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers in our own words; a bug is aiohttp's to report."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self._note(request.remote or "an unknown address", type(exc).__name__)
        what = "its address or a header is too long" if isinstance(exc, LineTooLong) else "it is not valid HTTP"
        answer = web.Response(status=status, text=f"relayproxy: this request cannot be read, {what}.\n")
        answer.force_close()
        return answer
