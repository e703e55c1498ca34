"""Server protocol: one connection from outside, up to the end of its request's head and the answer to it.

Knows: aiohttp's parser for requests; the end of a head; what is answered to a head that cannot be read.
Must not know: routes, handshakes, the journal.

A connection has one request. What follows its head belongs to the call. Nothing of a head that cannot be read is ever
repeated, neither in an answer nor in the log.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpRequestParser, RawRequestMessage

from relayproxy.refusals import Reason
from relayproxy.relay import limits
from relayproxy.relay.answers import Answer, words
from relayproxy.relay.headers import Headers, decode, has_body, mask_query

LINGER = 1.0
"""Seconds for which a connection is still read after an answer to who may still be sending: closed at once, it would be
reset before the other side has read the answer."""
TAKEN = 10.0
"""Seconds after which a connection is aborted whose other side has not taken all of its answer."""
EARLY_LIMIT = 64 * 1024
"""Bytes received after a head at which reading pauses until the call takes them."""

_END = b"\r\n\r\n"
_SIGNED = re.compile(rb"\r\nx-twilio-signature:", re.IGNORECASE)
_TARGET = re.compile(rb"[A-Z]+ (/\S*) HTTP/1\.[01]\r\n")
_HARMLESS = re.compile(r"Duplicate '[A-Za-z-]+' header found\.|Missing 'Host' header in request\.")
_TLS = b"\x16\x03"
_HTTP_2 = b"PRI * HTTP/2.0\r\n\r\n"
"""The beginning of an HTTP/2 connection (RFC 9113, 3.4)."""
_UNREADABLE = "no HTTP request that can be read"


class Unreadable(NamedTuple):
    """A head that could not be read, and the answer to it. See `refusals.Refusal` for the fields."""

    reason: Reason
    status: int
    words: str
    target: str
    signed: bool


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request. `target` is what it asks for, as received; bytes that are not UTF-8 are surrogates."""

    method: str
    target: str
    version: tuple[int, int]
    headers: Headers
    connection: "HeadProtocol"


class Owner(Protocol):
    """Who is told of a connection's life."""

    def opened(self, connection: "HeadProtocol") -> None:
        """It was accepted."""

    def grew(self, connection: "HeadProtocol", size: int) -> None:
        """So many bytes came of a head that has not ended."""

    def requested(self, connection: "HeadProtocol", request: Request) -> None:
        """Its head has ended."""

    def unreadable(self, connection: "HeadProtocol", found: Unreadable) -> None:
        """Its head cannot be read; it is answered already."""

    def closed(self, connection: "HeadProtocol") -> None:
        """It is closed, or was taken over."""


class HeadProtocol(asyncio.Protocol):
    """One connection. A request is answered with `answer`, or its connection taken over with `take_early` and `leave`,
    with no await in between. `task` is cancelled when the connection is lost before."""

    __slots__ = (
        "_answered",
        "_early",
        "_giving_up",
        "_has_body",
        "_head",
        "_head_only",
        "_owner",
        "_parser",
        "_paused",
        "address",
        "peer",
        "task",
        "transport",
    )

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._parser: HttpRequestParser | None = None
        self._head = bytearray()
        self._early: bytearray | None = None
        """What came behind the head; None until it has ended."""
        self._has_body = self._head_only = False
        self._answered = self._paused = False
        self._giving_up: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None
        """None once it is closed or taken over."""
        self.task: asyncio.Task[None] | None = None
        self.address = self.peer = "unknown"
        """Where it comes from: IP address, and address with port (`203.0.113.9:4711`)."""

    @property
    def secure(self) -> bool:
        """True when it came over TLS."""
        return self.transport is not None and self.transport.get_extra_info("ssl_object") is not None

    @property
    def descriptor(self) -> int | None:
        """Its file descriptor; None once it is closed."""
        return self.transport.get_extra_info("socket").fileno() if self.transport is not None else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tells that it was accepted."""
        self.transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            host, port = name[:2]
            if "." in host:  # a socket for IPv6 and IPv4 has it as ::ffff:203.0.113.9
                host = host.removeprefix("::ffff:")
            self.address = host
            self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._owner.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """Tells that it is closed, and ends what is done for it."""
        self.transport = self._parser = None
        if self._giving_up is not None:
            self._giving_up.cancel()
        self._owner.closed(self)
        task, self.task = self.task, None
        if task is not None:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Reads the head; keeps the bytes behind it for the call. Once there is an answer, nothing matters any more."""
        if self._early is not None:
            self._keep(data)
        elif not self._answered:
            self._read_head(data if self._head else data.lstrip(b"\r\n"))

    def _read_head(self, data: bytes) -> None:
        known = len(self._head)
        self._head += data
        if self._head.startswith(_HTTP_2):
            words = "this port speaks HTTP/1.1, and HTTP/2 came: have the proxy in front speak 1.1"
            self._refuse("not_http", 400, words)
            return
        end = self._head.find(_END, max(0, known - len(_END) + 1))
        size = len(data) if end < 0 else end + len(_END) - known
        try:
            if self._parser is None:
                self._parser = _parser()
            messages, _, _ = self._parser.feed_data(data[:size])
        except (HttpProcessingError, ValueError) as problem:
            self._refuse(*self._wrong(problem))
            return
        if end < 0:
            self._owner.grew(self, len(data))
            if len(self._head) > limits.HEAD:
                self._refuse("too_long", 431, f"headers of more than {limits.HEAD // 1024} KiB cannot be passed on")
        elif not messages:
            self._refuse("not_http", 400, _UNREADABLE)
        else:
            self._begin(messages[0][0], data[size:])

    def _begin(self, message: RawRequestMessage, rest: bytes) -> None:
        headers = decode(message.raw_headers)
        self._parser = None
        self._head.clear()
        self._has_body, self._head_only = has_body(headers), message.method == "HEAD"
        self._early = bytearray()
        self._keep(rest)
        self._owner.requested(self, Request(message.method, message.path, message.version, headers, self))

    def _keep(self, data: bytes) -> None:
        assert self._early is not None
        self._early += data
        if len(self._early) >= EARLY_LIMIT and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()

    def take_early(self) -> bytes:
        """The bytes received after the head. Resumes reading, so set the next protocol with no await in between."""
        early, self._early = bytes(self._early or b""), None
        if self._paused and self.transport is not None:
            self.transport.resume_reading()
        return early

    def leave(self) -> None:
        """Ends this protocol's part in the connection, whose transport has another one by now."""
        self.transport = self.task = None
        self._owner.closed(self)

    def answer(self, answer: Answer) -> None:
        """Sends the answer and closes the connection; nothing, where that is done already."""
        transport = self.transport
        if transport is None or self._answered:
            return
        self._answered = True
        still_sending = self._early is None or len(self._early) > 0 or self._has_body
        self.take_early()
        transport.write(answer.head if self._head_only else answer.head + answer.body)
        loop = asyncio.get_running_loop()
        self._giving_up = loop.call_later(TAKEN, transport.abort)
        if not still_sending:
            transport.close()
            return
        if transport.can_write_eof():
            transport.write_eof()
        loop.call_later(LINGER, transport.close)

    def close(self) -> None:
        """Closes the connection, once what was written to it is sent."""
        if self.transport is not None:
            self.transport.close()

    def give_up(self, after: float) -> None:
        """Refuses a head that has begun and not ended within `after` seconds; otherwise aborts the connection."""
        self._end("timeout", 408, f"the head of the request had not ended after {after:g} s")

    def give_way(self, count: int) -> None:
        """Refuses a head that has begun and is the oldest of so many; otherwise aborts the connection."""
        self._end("timeout", 503, f"of {count} connections without a whole request this one was the oldest")

    def _end(self, reason: Reason, status: int, words: str) -> None:
        if self._head:
            self._refuse(reason, status, words)
        elif self.transport is not None:
            self.transport.abort()

    def _wrong(self, problem: Exception) -> tuple[Reason, int, str]:
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
        known = _HARMLESS.search(str(problem))
        return "not_http", 400, f"{_UNREADABLE}{f' ({known[0][:-1]})' if known else ''}"

    def _refuse(self, reason: Reason, status: int, text: str) -> None:
        found = _TARGET.match(self._head)
        target = mask_query(found[1].decode("ascii", "backslashreplace")) if found else ""
        self._owner.unreadable(self, Unreadable(reason, status, text, target, _SIGNED.search(self._head) is not None))
        self._head.clear()
        self._parser = None
        self.answer(words(status, text))


def _parser() -> HttpRequestParser:
    # It reads no body: nobody is asked to pause.
    loop = asyncio.get_running_loop()
    return HttpRequestParser(
        BaseProtocol(loop),
        loop,
        EARLY_LIMIT,
        max_line_size=limits.LINE,
        max_field_size=limits.LINE,
        max_headers=limits.HEADERS,
    )
