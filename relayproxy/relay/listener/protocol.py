"""Server protocol: one connection from outside, up to the end of its request's head.

Knows: aiohttp's protocol for requests; the end of a head; the answer to a head that cannot be read.
Must not know: routes, handshakes, the journal.

What follows a head without a body belongs to the call: it never reaches aiohttp, which would drop it in some cases.
Nothing of a head that cannot be read is ever repeated, neither in an answer nor in the log.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from relayproxy.refusals import Reason
from relayproxy.relay import limits
from relayproxy.relay.answers import Sent, head_and_body
from relayproxy.relay.failures import let_go
from relayproxy.relay.headers import mask_query

LINGER = 1.0
"""Seconds for which a connection is still read after a refusal: closed at once, it would be reset before the other
side has read the refusal."""
EARLY_LIMIT = 64 * 1024
"""Bytes received after a head at which reading pauses until the call takes them."""

_END = b"\r\n\r\n"
_BODY = re.compile(rb"\r\n(?:content-length:[ \t]*0*[1-9]|transfer-encoding:)", re.IGNORECASE)
_SIGNED = re.compile(rb"\r\nx-twilio-signature:", re.IGNORECASE)
_TARGET = re.compile(rb"[A-Z]+ (/\S*) HTTP/1\.[01]\r\n")
_HARMLESS = re.compile(r"Duplicate '[A-Za-z-]+' header found\.|Missing 'Host' header in request\.")
_TLS = b"\x16\x03"
_HTTP_2 = b"PRI * HTTP/2.0\r\n\r\n"
"""The beginning of an HTTP/2 connection (RFC 9113, 3.4). To aiohttp it is a request that never ends."""


class Unreadable(NamedTuple):
    """A head that could not be read, and the answer to it. See `refusals.Refusal` for the fields."""

    reason: Reason
    status: int
    words: str
    target: str
    signed: bool


class Answered(Sent):
    """A response that is written already, on a connection that stays open for `LINGER` seconds."""

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 (aiohttp's signature)
        """Waits for `LINGER` seconds; ends early when the other side has gone."""
        await asyncio.sleep(LINGER)


class HeadProtocol(RequestHandler):
    """aiohttp's protocol for requests, which calls `tell` for a head that cannot be read, and `grew` with the number of
    bytes that have come of a head that has not ended."""

    __slots__ = ("_early", "_grew", "_has_body", "_head", "_paused", "_refused", "_tell")

    def __init__(
        self,
        server: web.Server,
        tell: Callable[[RequestHandler, Unreadable], None],
        grew: Callable[["HeadProtocol", int], None],
        *,
        loop: asyncio.AbstractEventLoop,
        **options: Any,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            max_line_size=limits.LINE,
            max_field_size=limits.LINE,
            max_headers=limits.HEADERS,
            lingering_time=LINGER,
            **options,
        )
        self._tell = tell
        self._grew = grew
        self._head = bytearray()
        self._early: bytearray | None = None
        self._has_body = False
        self._paused = False
        self._refused = False

    def data_received(self, data: bytes) -> None:
        """Passes a head, and its body if any, to aiohttp; keeps the bytes after a head without a body for the call."""
        if self._refused:
            return
        if self._early is not None:
            self._keep(data)
        elif self._has_body:
            super().data_received(data)
        else:
            self._read_head(data if self._head else data.lstrip(b"\r\n"))

    def _read_head(self, data: bytes) -> None:
        known = len(self._head)
        self._head += data
        if self._head.startswith(_HTTP_2):
            words = "this port speaks HTTP/1.1, and HTTP/2 came: have the proxy in front speak 1.1"
            self._refuse("not_http", 400, words)
            return
        end = self._head.find(_END, max(0, known - len(_END) + 1))
        if end < 0:
            super().data_received(data)
            self._grew(self, len(data))
            if len(self._head) > limits.HEAD:
                self._refuse("too_long", 431, f"headers of more than {limits.HEAD // 1024} KiB cannot be passed on")
            return
        rest = bytes(self._head[end + len(_END) :])
        del self._head[end + len(_END) :]
        self._has_body = _BODY.search(self._head) is not None
        if self._has_body:
            super().data_received(data)
            return
        self._early = bytearray()
        super().data_received(data[: len(data) - len(rest)])
        self._keep(rest)

    def give_up(self, after: float) -> None:
        """Refuses a head that has begun and not ended within `after` seconds; otherwise aborts the connection."""
        if self._head and not self._refused:
            self._refuse("timeout", 408, f"the head of the request had not ended after {after:g} s")
        elif self.transport is not None:
            self.transport.abort()

    def give_way(self, count: int) -> None:
        """Refuses a head that has begun and is the oldest of so many; otherwise aborts the connection."""
        if self._head and not self._refused:
            self._refuse("timeout", 503, f"of {count} connections without a whole request this one was the oldest")
        elif self.transport is not None:
            self.transport.abort()

    def take_early(self) -> bytes:
        """The bytes received after the head. Resumes reading, so set the next protocol with no await in between."""
        early, self._early, self._head = bytes(self._early or b""), bytearray(), bytearray()
        if self._paused and self.transport is not None:
            self.transport.resume_reading()
        return early

    def leave(self) -> None:
        """Ends aiohttp's part in the connection, whose transport has another protocol by now. It cancels the handler of
        the request, which may return and await nothing more; with it goes all that a call does not need."""
        self.transport = None  # or it would be closed
        self.connection_lost(None)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Refuses a request that aiohttp could not parse; other exceptions are left to aiohttp."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self._refuse(*self._wrong(exc))
        let_go(exc)
        return Answered(status)

    def _wrong(self, problem: HttpProcessingError) -> tuple[Reason, int, str]:
        found = limits.too_long(problem)
        if found is not None:
            first = self._head.find(b"\r\n")
            status = 414 if (len(self._head) if first < 0 else first) > limits.LINE else 431
            return "too_long", status, f"{found} cannot be passed on"
        if self._head.startswith(_TLS):
            words = (
                "this port speaks plain HTTP, and TLS came: end it in front of the relay, or set tls_cert and tls_key"
            )
            return "not_http", 400, words
        known = _HARMLESS.search(problem.message)
        return "not_http", 400, f"no HTTP request that can be read{f' ({known[0][:-1]})' if known else ''}"

    def _refuse(self, reason: Reason, status: int, words: str) -> None:
        if self._refused:
            return
        self._refused = True
        found = _TARGET.match(self._head)
        target = mask_query(found[1].decode("ascii", "backslashreplace")) if found else ""
        self._tell(self, Unreadable(reason, status, words, target, _SIGNED.search(self._head) is not None))
        self._head.clear()
        if self.transport is None:
            return
        self.transport.write(b"".join(head_and_body(status, words)))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER, self.transport.close)

    def _keep(self, data: bytes) -> None:
        assert self._early is not None
        self._early += data
        if len(self._early) >= EARLY_LIMIT and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
