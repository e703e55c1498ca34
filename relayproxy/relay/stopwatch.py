"""Stopwatch of a backend handshake: DNS, connect and upgrade.

Knows: the moments of a request that aiohttp tells of.
Must not know: URLs, headers, what the answer says.
"""

from collections.abc import Awaitable, Callable
from time import monotonic_ns
from types import SimpleNamespace

from aiohttp import ClientSession, TraceConfig

from relayproxy.connection import Dial


class Stopwatch:
    """Times one dial by the moments that aiohttp tells of."""

    def __init__(self) -> None:
        self._dns_at = self._connect_at = self._request_at = self._answer_at = 0
        self._dns: int | None = None
        self._connect: int | None = None

    def dial(self) -> Dial | None:
        """The parts so far; None before the first is over."""
        upgrade = self._answer_at - self._request_at if self._answer_at and self._request_at else None
        if self._dns is None and self._connect is None:
            return None
        return Dial(self._dns, self._connect, upgrade)

    def answered(self) -> None:
        """The head of the answer has been read."""
        self._answer_at = monotonic_ns()

    def dns_begins(self) -> None:
        """The host name is being resolved."""
        self._dns_at = monotonic_ns()

    def dns_ends(self) -> None:
        """It has been."""
        self._dns = monotonic_ns() - self._dns_at

    def connect_begins(self) -> None:
        """A connection is being made."""
        self._connect_at = monotonic_ns()

    def connect_ends(self) -> None:
        """It stands; the request goes out."""
        self._request_at = monotonic_ns()
        self._connect = self._request_at - self._connect_at - (self._dns or 0)


def tracing() -> TraceConfig:
    """For a session whose requests carry a `Stopwatch` as their `trace_request_ctx`."""
    config = TraceConfig()
    config.on_dns_resolvehost_start.append(_on_event(Stopwatch.dns_begins))
    config.on_dns_resolvehost_end.append(_on_event(Stopwatch.dns_ends))
    config.on_connection_create_start.append(_on_event(Stopwatch.connect_begins))
    config.on_connection_create_end.append(_on_event(Stopwatch.connect_ends))
    return config


def _on_event(note: Callable[[Stopwatch], None]) -> Callable[[ClientSession, SimpleNamespace, object], Awaitable[None]]:
    async def event(_session: ClientSession, context: SimpleNamespace, _what: object) -> None:
        note(context.trace_request_ctx)

    return event
