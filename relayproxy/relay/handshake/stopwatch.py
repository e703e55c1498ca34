"""Stopwatch of a backend handshake: DNS, connect and upgrade.

Knows: the events of a dial.
Must not know: URLs, headers, the content of the answer.
"""

from time import monotonic_ns

from relayproxy.connection import Dial


class Stopwatch:
    """Durations of one dial, measured from its events."""

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

    def dns_begins(self) -> None:
        """Event: the resolution of the host name begins."""
        self._dns_at = monotonic_ns()

    def dns_ends(self) -> None:
        """Event: the host name is resolved; nothing, where its addresses were known."""
        if self._dns_at:
            self._dns = monotonic_ns() - self._dns_at

    def connect_begins(self) -> None:
        """Event: the making of a connection begins; this includes DNS."""
        self._connect_at = monotonic_ns()

    def connect_ends(self) -> None:
        """Event: the connection is made, and the request is about to be sent."""
        self._request_at = monotonic_ns()
        self._connect = self._request_at - self._connect_at - (self._dns or 0)

    def answered(self) -> None:
        """Event: the head of the answer is read."""
        self._answer_at = monotonic_ns()
