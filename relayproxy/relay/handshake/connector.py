"""Connector: makes the TCP connection with a backend, with TLS where its URL asks for that.

Knows: where a URL leads; looking up host names, and which of several addresses is tried when.
Must not know: requests, answers, routes.
"""

import asyncio
import ipaddress
import itertools
import socket
import ssl
from collections.abc import Awaitable
from functools import lru_cache, partial
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from aiohappyeyeballs import AddrInfoType, start_connection

from relayproxy.relay.handshake.stopwatch import Stopwatch

LOOKED_UP = 10.0
"""Seconds for which the addresses of a name are kept: of many calls that begin at once one looks them up."""
NEXT_ADDRESS = 0.25
"""Seconds after which the next address is tried beside the one that has not answered yet (RFC 8305)."""
_TLS_HANDSHAKE = 3600.0
"""Seconds for the TLS handshake alone: whoever connects has a limit for all of it."""


class Place(NamedTuple):
    """Where a backend is. `host` is an address or a name, `authority` what its own Host header says."""

    host: str
    port: int
    secure: bool
    literal: bool
    authority: str


@lru_cache(maxsize=1024)
def place_of(origin: str) -> Place:
    """The place that `ws://host:port` or `wss://host:port` names."""
    parts = urlsplit(origin)
    host, secure = parts.hostname or "", parts.scheme == "wss"
    usual = 443 if secure else 80
    port = parts.port or usual
    try:
        literal = bool(ipaddress.ip_address(host))
    except ValueError:
        literal = False
    written = f"[{host}]" if ":" in host else host
    return Place(host, port, secure, literal, written if port == usual else f"{written}:{port}")


class Unresolved(OSError):
    """The name of a backend's host could not be looked up."""


class Connector:
    """Connects with backends. `tls`: some are reached over TLS. The certificates that are trusted are read at once
    then, which takes 30 ms."""

    def __init__(self, *, tls: bool) -> None:
        self._tls = ssl.create_default_context() if tls else None
        self._lookups: dict[tuple[str, int], asyncio.Future[list[AddrInfoType]]] = {}
        self._turns = itertools.count()

    async def connect(self, place: Place, protocol: asyncio.Protocol, stopwatch: Stopwatch) -> None:
        """Connects `protocol`; raises OSError (of TLS ssl.SSLError), or Unresolved."""
        loop = asyncio.get_running_loop()
        stopwatch.connect_begins()
        addresses = [] if place.literal else await self._look_up(place, stopwatch)
        make = partial(
            loop.create_connection,
            lambda: protocol,
            ssl=self._tls if place.secure else None,
            server_hostname=place.host.rstrip(".") if place.secure else None,
            ssl_handshake_timeout=_TLS_HANDSHAKE if place.secure else None,
        )
        if len(addresses) > 1:
            await make(sock=await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS, loop=loop))
        else:
            await make(str(addresses[0][4][0]) if addresses else place.host, place.port)

    async def _look_up(self, place: Place, stopwatch: Stopwatch) -> list[AddrInfoType]:
        """The addresses of a name; those who ask one after the other begin with another one each."""
        key = place.host, place.port
        lookup = self._lookups.get(key)
        if lookup is None:
            loop = asyncio.get_running_loop()
            asked = loop.getaddrinfo(*key, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            lookup = self._lookups[key] = asyncio.ensure_future(cast(Awaitable[list[AddrInfoType]], asked))
            lookup.add_done_callback(partial(self._looked_up, key))
        if not lookup.done():
            stopwatch.dns_begins()
        try:
            addresses = await asyncio.shield(lookup)
        except (OSError, UnicodeError):
            raise Unresolved from None
        stopwatch.dns_ends()
        first = next(self._turns) % len(addresses)
        return [*addresses[first:], *addresses[:first]]

    def _looked_up(self, key: tuple[str, int], lookup: asyncio.Future[list[AddrInfoType]]) -> None:
        kept = 0.0 if lookup.cancelled() or lookup.exception() is not None else LOOKED_UP
        asyncio.get_running_loop().call_later(kept, self._lookups.pop, key, None)
