"""Upstream handshake: connects to the backend and performs the WebSocket upgrade.

Knows: dialling with aiohttp so that the request goes out as it came in, and the answer to the caller for each failure.
Must not know: routes, the journal, what happens after the 101.

`set_parser` hands over the bytes that aiohttp had already read past the 101. It has a public name and no
documentation, which is why aiohttp's minor version is pinned and tests check this.
"""

import asyncio
import os
import ssl
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from aiohttp import (
    ClientHandlerType,
    ClientMiddlewareType,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.client_proto import ResponseHandler
from multidict import CIMultiDict
from yarl import URL

from relayproxy.relay import descriptors, limits
from relayproxy.relay.answers import head_and_body
from relayproxy.relay.failures import let_go
from relayproxy.relay.handshake.stopwatch import Stopwatch, tracing
from relayproxy.relay.headers import Headers, decode, printable, to_caller

REFUSAL_LIMIT = 1024 * 1024
"""Bytes of a refusal's body that are passed on."""
_PHRASE = 200
"""Characters of a refusal's reason phrase that go into `error`; it may be as long as any line."""


class Collector:
    """Payload parser for aiohttp that keeps the bytes unparsed."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """The stream's end is learnt from the transport."""

    def is_eof(self) -> bool:
        return True

    def set_exception(self, *_: object) -> None:
        """The stream's end is learnt from the transport."""


@dataclass(slots=True)
class Accepted:
    """The backend answered 101. `head` is its answer for the caller; `collector` takes the bytes that followed. To be
    kept until its transport has another protocol; then `leave` is called, or else `response.close`."""

    response: aiohttp.ClientResponse
    head: bytes
    headers: Headers
    transport: asyncio.Transport | None
    """None when the backend closed its stream right behind the 101."""
    protocol: ResponseHandler
    collector: Collector

    def leave(self) -> None:
        """Ends aiohttp's part in the connection, whose transport has another protocol by now."""
        self.protocol.transport = None  # or it would be closed
        self.response.close()
        self.protocol.connection_lost(None)


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


class _NoDescriptors(Exception):
    pass


class Upstream:
    """Dials backends. One per process; close it at the end.

    `tls`: backends are reached over TLS. The certificates that are trusted are read at once then, which takes 30 ms.
    """

    def __init__(self, connect_timeout: float, *, tls: bool) -> None:
        self._timeout = connect_timeout
        self._session = ClientSession(
            connector=TCPConnector(limit=0, force_close=True, ssl=ssl.create_default_context() if tls else True),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            timeout=ClientTimeout(total=None, sock_connect=None),
            trace_configs=[tracing()],
            max_line_size=limits.LINE,
            max_field_size=limits.LINE,
            max_headers=limits.HEADERS,
        )

    async def close(self) -> None:
        await self._session.close()

    async def dial(self, url: str, headers: Headers, *, own_host: bool, stopwatch: Stopwatch) -> Accepted | Refused:
        """Sends the upgrade request to `url`, which is used as it stands. `own_host`: Host names the backend.

        Every failure is a Refused: 504 for no answer in time, 502 for a backend that cannot be reached or understood,
        503 for a lack of file descriptors, else the backend's own answer. Redirects are answers like any other.
        """
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    response = await self._request(url, headers, own_host, stopwatch)
                except BaseException as problem:
                    let_go(problem)
                    if isinstance(problem, OSError) and descriptors.ran_out(problem):
                        raise _NoDescriptors from None
                    raise
                stopwatch.answered()
        except _NoDescriptors:
            return replace(_own(503, descriptors.words()), ours=True)
        except TimeoutError:
            return _own(504, f"the backend did not answer within {self._timeout:g} s (the setting connect_timeout)")
        except aiohttp.ClientConnectorCertificateError as problem:
            return _own(502, f"the backend's certificate was not accepted ({_reason(problem.certificate_error)})")
        except aiohttp.ClientConnectorDNSError:
            return _own(502, "the backend's host name could not be resolved")
        except aiohttp.ClientConnectorSSLError as problem:
            return _own(502, f"no TLS connection with the backend ({_reason(problem.os_error)})")
        except aiohttp.ClientConnectorError as problem:
            return _own(502, f"no connection with the backend ({_reason(problem.os_error)})")
        except (aiohttp.ServerDisconnectedError, ConnectionError):
            return _own(502, "the backend hung up without an answer")
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            return _own(502, _misunderstood(problem))
        return _accepted(response) if response.status == 101 else await _refusal(response, self._timeout)

    async def _request(
        self, url: str, headers: Headers, own_host: bool, stopwatch: Stopwatch
    ) -> aiohttp.ClientResponse:
        wanted: CIMultiDict[str] = CIMultiDict()
        spelling: dict[str, str] = {}
        for name, value in headers:
            if not (own_host and name.lower() == "host"):
                # aiohttp drops the earlier of two lines whose names differ in case only.
                wanted.add(spelling.setdefault(name.lower(), name), value)
        return await self._session.request(
            "GET",
            exact_url(url),
            headers=wanted,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            allow_redirects=False,
            middlewares=(_once(),),
            trace_request_ctx=stopwatch,
        )


def own_host(url: str) -> str:
    """The Host header of a request to `url`, when it names the backend."""
    return exact_url(url).host_port_subcomponent or ""


def exact_url(url: str) -> URL:
    """The URL without any parsing of its path and query: yarl would drop an empty query."""
    scheme, _, rest = url.replace("ws", "http", 1).partition("://")
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    return URL.build(scheme=scheme, authority=rest[:end], path=rest[end:] or "/", encoded=True)


def _once() -> ClientMiddlewareType:
    """Middleware against aiohttp's second attempt at a GET when the server hangs up: a call reaches a backend once."""
    failure: Exception | None = None

    async def once(request: aiohttp.ClientRequest, send: ClientHandlerType) -> aiohttp.ClientResponse:
        nonlocal failure
        if failure is not None:
            raise failure
        try:
            return await send(request)
        except (aiohttp.ClientError, OSError) as problem:
            failure = problem
            raise

    return once


def _accepted(response: aiohttp.ClientResponse) -> Accepted | Refused:
    connection = response.connection
    protocol: Any = connection.protocol if connection is not None else None
    if protocol is None or not protocol.upgraded:
        response.close()
        return _own(502, "the backend answered 101 without switching to WebSocket")
    protocol.read_timeout = None
    collector = Collector()
    transport: asyncio.Transport | None = protocol.transport
    if transport is not None and transport.is_closing():
        transport = None
    protocol.set_parser(collector, collector)
    headers = decode(response.raw_headers)
    return Accepted(response, _head(response, headers), headers, transport, protocol, collector)


async def _refusal(response: aiohttp.ClientResponse, timeout: float) -> Refused:
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            while len(body) < REFUSAL_LIMIT and (part := await response.content.readany()):
                body += part
    except (TimeoutError, aiohttp.ClientError):
        body = body[:REFUSAL_LIMIT]  # what there is of it is still the backend's answer
    finally:
        response.close()
    headers = decode(response.raw_headers)
    return Refused(
        response.status,
        _head(response, to_caller(headers)),
        bytes(body[:REFUSAL_LIMIT]),
        headers,
        printable(f"the backend answered {response.status} {(response.reason or '')[:_PHRASE]}".rstrip()),
    )


def _head(response: aiohttp.ClientResponse, headers: Headers) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {response.reason or ''}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def _own(status: int, error: str) -> Refused:
    head, body = head_and_body(status, error)
    return Refused(status, head, body, [], error)


def _misunderstood(problem: BaseException) -> str:
    """The fault of an answer, in words that quote nothing of it: its headers may be secrets."""
    found = limits.too_long(problem)
    if found is not None:
        return f"the backend's answer has {found}"
    return f"the backend's answer was not HTTP ({type(problem).__name__})"


def _reason(problem: BaseException) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return problem.verify_message
    if isinstance(problem, OSError) and problem.errno and problem.errno > 0:
        return os.strerror(problem.errno)
    return str(problem) or type(problem).__name__
