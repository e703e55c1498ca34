"""Capacity: limits on open connections, in all and by caller, and on handshakes that wait for a backend.

Knows: what is open, and from when on another one is refused.
Must not know: sockets, aiohttp, how a request is answered.

Callers are told apart by IP address; IPv6 ones by their network of 64 bits, of which one caller has all addresses.
Trusted proxies are not limited: behind them the caller is the address that they vouch for.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from relayproxy.plural import plural
from relayproxy.refusals import Reason
from relayproxy.settings.model import Settings

_IPV6_PREFIX = 64


class Full(NamedTuple):
    """The limit that another connection would exceed."""

    reason: Reason
    words: str


class Capacity:
    """The open connections of one relay, handshakes included."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.max_connections
        self._by_peer = settings.max_connections_per_peer
        self._handshakes = settings.max_handshakes
        self._open: Counter[str] = Counter()
        self.connections = 0
        """Number of connections."""

    @property
    def full(self) -> bool:
        """True when no other connection is taken from anybody."""
        return self.connections >= self._limit

    def exceeded(self, caller: str | None, handshakes: int) -> Full | None:
        """The limit that a connection of `caller` would exceed while so many handshakes wait; None when it may come.
        `caller` is an IP address, None for one that is not limited."""
        if self.full:
            return Full("connections", f"the relay has {plural(self.connections, 'connection')}, its limit")
        if caller is not None and self._open[_network(caller)] >= self._by_peer:
            return Full("peer_connections", f"{plural(self._by_peer, 'connection')} of one address are the limit")
        if handshakes >= self._handshakes:
            wait = "waits" if handshakes == 1 else "wait"
            return Full("handshakes", f"{plural(handshakes, 'handshake')} {wait} for a backend, the relay's limit")
        return None

    def take(self, caller: str | None) -> Callable[[], None]:
        """Counts one connection of `caller` until the function that it returns is called."""
        key = None if caller is None else _network(caller)
        self.connections += 1
        if key is not None:
            self._open[key] += 1
        return partial(self._release, key)

    def _release(self, key: str | None) -> None:
        self.connections -= 1
        if key is not None:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return address if found.version == 4 else str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False))
