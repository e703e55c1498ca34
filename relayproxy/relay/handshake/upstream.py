"""Upstream handshake: performs the WebSocket upgrade with the backend.

Knows: the request as it goes out, and the answer to the caller for each failure.
Must not know: routes, the journal, what happens after the 101.
"""

import asyncio
import os
import ssl
from dataclasses import dataclass, replace

from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.http_exceptions import BadStatusLine
from aiohttp.streams import StreamReader

from relayproxy.relay import descriptors, limits
from relayproxy.relay.answers import words
from relayproxy.relay.failures import let_go
from relayproxy.relay.handshake.answer import Answer, AnswerProtocol
from relayproxy.relay.handshake.connector import Connector, Place, Unresolved, place_of
from relayproxy.relay.handshake.stopwatch import Stopwatch
from relayproxy.relay.headers import Headers, decode, printable, to_caller

REFUSAL_LIMIT = 1024 * 1024
"""Bytes of a refusal's body that are passed on."""
_PHRASE = 200
"""Characters of a refusal's reason phrase that go into `error`; it may be as long as any line."""


@dataclass(slots=True)
class Accepted:
    """The backend answered 101. `head` is its answer for the caller. Its connection is taken over with the protocol's
    `take_early` and `leave`, or else closed."""

    head: bytes
    headers: Headers
    protocol: AnswerProtocol

    @property
    def transport(self) -> asyncio.Transport | None:
        """The connection; None when the backend closed its stream right behind the 101."""
        transport = self.protocol.transport
        return None if transport is None or transport.is_closing() else transport

    def close(self) -> None:
        """Closes the connection."""
        self.protocol.close()


@dataclass(slots=True)
class Refused:
    """No WebSocket is opened; `head` and `body` are the answer for the caller, `error` the reason in words."""

    status: int
    head: bytes
    body: bytes
    headers: Headers
    error: str
    ours: bool = False
    """True when the cause is the relay and not the backend."""


class Upstream:
    """Dials backends. One per process; `tls` is the connector's.

    Every failure is a Refused: 504 for no answer in time, 502 for a backend that cannot be reached or understood,
    503 for a lack of file descriptors, else the backend's own answer. Redirects are answers like any other.
    """

    def __init__(self, connect_timeout: float, *, tls: bool) -> None:
        self._timeout = connect_timeout
        self._connector = Connector(tls=tls)

    async def dial(self, url: str, headers: Headers, *, own_host: bool, stopwatch: Stopwatch) -> Accepted | Refused:
        """Sends the upgrade request to `url`, which is used as it stands. `own_host`: Host names the backend."""
        place, target = _split(url)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        request = _request(target, headers, place.authority if own_host else None)
        protocol = AnswerProtocol(request, answered, stopwatch)
        try:
            async with asyncio.timeout(self._timeout):
                refused = await self._connect(place, protocol, stopwatch)
                if refused is not None:
                    return refused
                message, body = await answered
        except BaseException as problem:
            protocol.abort()
            let_go(problem)
            if isinstance(problem, TimeoutError):
                return _own(504, f"the backend did not answer within {self._timeout:g} s (the setting connect_timeout)")
            if isinstance(problem, ConnectionError):
                return _own(502, "the backend hung up without an answer")
            if isinstance(problem, (HttpProcessingError, ValueError)):
                return _own(502, _misunderstood(problem))
            raise
        if message.code != 101:
            return await _refusal(message, body, protocol, self._timeout)
        if not protocol.upgraded:
            protocol.close()
            return _own(502, "the backend answered 101 without switching to WebSocket")
        got = decode(message.raw_headers)
        return Accepted(_head(message, got), got, protocol)

    async def _connect(self, place: Place, protocol: AnswerProtocol, stopwatch: Stopwatch) -> Refused | None:
        try:
            await self._connector.connect(place, protocol, stopwatch)
        except OSError as problem:
            let_go(problem)
            return _no_connection(problem)
        return None


def own_host(url: str) -> str:
    """The Host header of a request to `url`, when it names the backend."""
    return _split(url)[0].authority


def _split(url: str) -> tuple[Place, str]:
    """Where a URL leads, and its request target, which is not parsed."""
    start = url.index("://") + 3
    end = min((at for at in (url.find("/", start), url.find("?", start)) if at >= 0), default=len(url))
    target = url[end:]
    return place_of(url[:end]), target if target.startswith("/") else f"/{target}"


def _request(target: str, headers: Headers, host: str | None) -> bytes:
    """The head of the request; `host` replaces the value of Host, where it is given."""
    lines = [f"GET {target} HTTP/1.1"]
    if host is not None and not any(name.lower() == "host" for name, _ in headers):
        lines.append(f"Host: {host}")
    for name, value in headers:
        lines.append(f"{name}: {value if host is None or name.lower() != 'host' else host}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def _no_connection(problem: OSError) -> Refused:
    if descriptors.ran_out(problem):
        return replace(_own(503, descriptors.words()), ours=True)
    if isinstance(problem, Unresolved):
        return _own(502, "the backend's host name could not be resolved")
    if isinstance(problem, ssl.SSLCertVerificationError):
        return _own(502, f"the backend's certificate was not accepted ({problem.verify_message})")
    if isinstance(problem, ssl.SSLError):  # its number is none of the system's
        reason = (problem.reason or type(problem).__name__).replace("_", " ").lower()
        return _own(502, f"no TLS connection with the backend ({reason})")
    return _own(502, f"no connection with the backend ({_reason(problem)})")


async def _refusal(
    message: RawResponseMessage, content: StreamReader, protocol: AnswerProtocol, timeout: float
) -> Refused:
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            while len(body) < REFUSAL_LIMIT and (part := await content.readany()):
                body += part
    except (TimeoutError, HttpProcessingError):
        body = body[:REFUSAL_LIMIT]  # what there is of it is still the backend's answer
    finally:
        protocol.close()
    headers = decode(message.raw_headers)
    return Refused(
        message.code,
        _head(message, to_caller(headers)),
        bytes(body[:REFUSAL_LIMIT]),
        headers,
        printable(f"the backend answered {message.code} {message.reason[:_PHRASE]}".rstrip()),
    )


def _head(message: RawResponseMessage, headers: Headers) -> bytes:
    lines = [f"HTTP/1.1 {message.code} {message.reason}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def _own(status: int, error: str) -> Refused:
    return Refused(status, *words(status, error), [], error)


def _misunderstood(problem: BaseException) -> str:
    """The fault of an answer, in words that quote nothing of it: its headers may be secrets."""
    found = limits.too_long(problem)
    if found is not None:
        return f"the backend's answer has {found}"
    if isinstance(problem, BadStatusLine):
        return "the backend's answer was not HTTP: it begins with no status line; does it expect wss://?"
    return "the backend's answer was not HTTP: its head is malformed"


def _reason(problem: OSError) -> str:
    """The reason in the system's words, which have no addresses in them; libraries' words do, and callers get these."""
    if problem.errno and problem.errno > 0:
        return os.strerror(problem.errno)
    return "it was closed" if isinstance(problem, ConnectionError) else "each of its addresses fails in its own way"
