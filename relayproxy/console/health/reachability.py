"""Reachability: probes an address step by step as a client connects to it.

Knows: DNS, TCP, TLS and one plain HTTP request; how a relay is recognised; how to say in words what went wrong.
Must not know: routes, pages; the conclusion from the result.

Only a plain GET is ever sent. Opening a WebSocket would start an agent, and through the relay record a call.
"""

import asyncio
import errno
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

import aiohttp
import msgspec

from relayproxy.console.http.documents import Document
from relayproxy.settings.model import Settings
from relayproxy.settings.validators import split_address

T = TypeVar("T")
CheckState = Literal["ok", "warn", "bad", "unknown"]
AnsweredBy = Literal["relay", "other"]

TIMEOUT = 5.0
"""Seconds for each step."""
SOON = 14
"""Days before a certificate's end from which it is worth a warning."""
_BODY = 2048
_DAY = 86_400
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised here, never bound
_GATEWAY = {502, 503, 504}


class ProbeStep(Document, frozen=True):
    """One step of a probe and its result. The first one that is bad is the last."""

    name: Literal["DNS", "TCP", "TLS", "HTTP"]
    state: CheckState
    detail: str


@dataclass(frozen=True, slots=True)
class Probe:
    """All steps of a probe. `who` answered, None when nothing did."""

    steps: tuple[ProbeStep, ...]
    who: AnsweredBy | None = None
    status: int | None = None

    @property
    def state(self) -> CheckState:
        """The worst of the steps."""
        return worst(step.state for step in self.steps)


class RelayReadiness(msgspec.Struct, frozen=True):
    """A relay's answer to `/readyz`."""

    status: str
    journal: str
    live_calls: int
    limit: str | None = None
    """What it has no more of: `descriptors` or `connections`; None from one that takes calls."""


@dataclass(frozen=True, slots=True)
class RelayAnswer:
    """The answer of the relay of the settings: `said`, or `problem` in words. `url` is None when the
    settings do not tell its port."""

    url: str | None
    said: RelayReadiness | None = None
    problem: str | None = None
    silent: bool = False
    """The connection was taken, and nothing came."""


class _Failed(Exception):
    pass


def worst(states: Iterable[CheckState]) -> CheckState:
    """The state that matters most among these."""
    found = set(states)
    order: tuple[CheckState, ...] = ("bad", "warn", "unknown")
    return next((state for state in order if state in found), "ok")


async def probe(url: str, trust: ssl.SSLContext | None = None) -> Probe:
    """Goes to a `ws`, `wss`, `http` or `https` URL, without its query. `trust` says which certificates are good."""
    parts = urlsplit(url)
    secure = parts.scheme in ("wss", "https")
    context = (trust or ssl.create_default_context()) if secure else None
    steps: list[ProbeStep] = []
    try:
        steps.append(ProbeStep("DNS", "ok", await _resolve(parts)))
        steps.append(ProbeStep("TCP", "ok", await _connect(parts)))
        if context is not None:
            steps.append(await _certificate(parts, context))
        status, who = await _get(parts, context)
    except _Failed as problem:
        name = ("DNS", "TCP", "TLS", "HTTP")[len(steps) + (len(steps) == 2 and not secure)]
        return Probe((*steps, ProbeStep(name, "bad", str(problem))))  # type: ignore[arg-type]
    words = f"answers {status}" + (", as a relayproxy does" if who == "relay" else "")
    return Probe((*steps, ProbeStep("HTTP", "ok", words)), who, status)


async def ask_relay(settings: Settings) -> RelayAnswer:
    """Asks the relay of these settings for its state, at the address where it listens."""
    host, port = split_address(settings.listen)
    if port == 0:
        return RelayAnswer(None, problem="the settings leave its port open")
    host = _ANY.get(host, host)
    scheme = "https" if settings.tls_cert else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    limit = aiohttp.ClientTimeout(total=1.0)
    try:
        # Its certificate is for the public name; who it is shows in what it says.
        async with (
            aiohttp.ClientSession(timeout=limit) as client,
            client.get(f"{url}/.relayproxy/readyz", ssl=False, allow_redirects=False) as response,
        ):
            body = await response.content.read(_BODY)
    except TimeoutError:
        return RelayAnswer(url, problem="no answer within a second", silent=True)
    except (aiohttp.ClientError, OSError) as problem:
        return RelayAnswer(url, problem=_words(problem))
    try:
        return RelayAnswer(url, msgspec.json.decode(body, type=RelayReadiness))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return RelayAnswer(url, problem="something else answers there")


async def _resolve(parts: SplitResult) -> str:
    loop = asyncio.get_running_loop()
    try:
        found = await _within(loop.getaddrinfo(parts.hostname or "", _port(parts), type=socket.SOCK_STREAM))
    except socket.gaierror:
        raise _Failed(f"there is no host named {parts.hostname}") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    more = f" and {len(addresses) - 3} more" if len(addresses) > 3 else ""
    return ", ".join(addresses[:3]) + more


async def _connect(parts: SplitResult) -> str:
    began = time.perf_counter()
    try:
        _, writer = await _within(asyncio.open_connection(parts.hostname, _port(parts)))
    except OSError as problem:
        raise _Failed(f"port {_port(parts)}: {_words(problem)}") from None
    taken = time.perf_counter() - began
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return f"port {_port(parts)} open, {taken * 1000:.0f} ms"


async def _certificate(parts: SplitResult, context: ssl.SSLContext) -> ProbeStep:
    try:
        _, writer = await _within(asyncio.open_connection(parts.hostname, _port(parts), ssl=context))
    except ssl.SSLCertVerificationError as problem:
        raise _Failed(f"the certificate is not valid: {problem.verify_message}") from None
    except ssl.SSLError as problem:
        reason = (problem.reason or type(problem).__name__).replace("_", " ").lower()
        raise _Failed(f"no TLS there ({reason})") from None
    except OSError as problem:
        raise _Failed(_words(problem)) from None
    found = writer.get_extra_info("peercert") or {}
    writer.transport.abort()
    ends = str(found.get("notAfter", ""))
    if not ends:
        return ProbeStep("TLS", "ok", "certificate valid")
    left = int((ssl.cert_time_to_seconds(ends) - time.time()) // _DAY)
    words = f"certificate valid, {left} more {'day' if left == 1 else 'days'}"
    return ProbeStep("TLS", "warn" if left < SOON else "ok", words)


async def _get(parts: SplitResult, context: ssl.SSLContext | None) -> tuple[int, AnsweredBy]:
    url = f"{'https' if context else 'http'}://{parts.netloc.rpartition('@')[2]}{parts.path or '/'}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as client,
            client.get(url, ssl=context or True, allow_redirects=False) as response,
        ):
            body = await response.content.read(_BODY)
            ours = body.startswith(b"relayproxy: ") and response.status not in _GATEWAY
            return response.status, "relay" if ours else "other"
    except TimeoutError:
        raise _Failed(f"no answer within {TIMEOUT:g} s") from None
    except (aiohttp.ClientError, OSError) as problem:
        raise _Failed(_words(problem)) from None


async def _within(step: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(step, TIMEOUT)
    except TimeoutError:
        raise _Failed(f"no answer within {TIMEOUT:g} s") from None


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme in ("wss", "https") else 80)


def _words(problem: BaseException) -> str:
    """A refusal in the system's own words, without the addresses that libraries put around them."""
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return "no such host"
    if isinstance(problem, aiohttp.ClientConnectorError):
        problem = problem.os_error
    if isinstance(problem, ConnectionRefusedError):
        return "connection refused"
    if isinstance(problem, aiohttp.ServerDisconnectedError | ConnectionResetError):
        return "the connection was closed without an answer"
    if isinstance(problem, OSError) and problem.errno is not None and problem.errno in errno.errorcode:
        words = os.strerror(problem.errno)
        return words[0].lower() + words[1:]
    return "cannot be reached" if isinstance(problem, OSError) else "what comes back is not HTTP"
