"""Stopwatch of a backend handshake: DNS, connect and upgrade.

Knows: the events of a request that aiohttp reports.
Must not know: URLs, headers, the content of the answer.
"""

from collections.abc import Awaitable, Callable
from time import monotonic_ns
from types import SimpleNamespace

from aiohttp import ClientSession, TraceConfig

from relayproxy.connection import Dial


class Stopwatch:
    """Durations of one dial, measured from the events that aiohttp reports."""

    def __init__(self) -> None:
        self._dns_at = self._connect_at = self._request_at = self._answer_at = 0
        self._dns: int | None = None
        self._connect: int | None = None

    def dial(self) -> Dial | None:
        """The durations so far in nanoseconds; None before DNS or connect is over."""
        upgrade = self._answer_at - self._request_at if self._answer_at and self._request_at else None
        if self._dns is None and self._connect is None:
            return None
        return Dial(self._dns, self._connect, upgrade)

    def answered(self) -> None:
        """Event: the head of the answer is read."""
        self._answer_at = monotonic_ns()

    def dns_begins(self) -> None:
        """Event: the resolution of the host name begins."""
        self._dns_at = monotonic_ns()

    def dns_ends(self) -> None:
        """Event: the host name is resolved."""
        self._dns = monotonic_ns() - self._dns_at

    def connect_begins(self) -> None:
        """Event: the making of a connection begins; this includes DNS."""
        self._connect_at = monotonic_ns()

    def connect_ends(self) -> None:
        """Event: the connection is made, and the request is sent."""
        self._request_at = monotonic_ns()
        self._connect = self._request_at - self._connect_at - (self._dns or 0)


def tracing() -> TraceConfig:
    """aiohttp's tracing of a session whose requests carry a `Stopwatch` as their `trace_request_ctx`."""
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
