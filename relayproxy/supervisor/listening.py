"""Listening sockets of the relays: opened once, and passed on to each process that listens on them.

Knows: which sockets an address needs for so many relays; why it cannot be listened on.
Must not know: processes; what is answered.

Each relay has sockets of its own on the same port (SO_REUSEPORT), among which the system spreads connections evenly.
They stay open here: what waits in their queues while a relay dies or is replaced is taken by the one that follows it.
"""

import socket
from dataclasses import dataclass, replace

from relayproxy.errors import SettingError, cannot_listen
from relayproxy.settings.validators import split_address
from relayproxy.supervisor.activation import activated

BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Listening:
    """Listening sockets: of each relay one for each address of the host. `port` is the one that was taken."""

    port: int
    of_each: tuple[tuple[socket.socket, ...], ...]

    def descriptors(self, relay: int) -> tuple[int, ...]:
        """Those of a relay, counted from 0, as numbers to be inherited."""
        return tuple(one.fileno() for one in self.of_each[relay])

    def close(self) -> None:
        """Closes them here. A relay goes on with its own until it has closed them as well."""
        for own in self.of_each:
            for one in own:
                one.close()


def listen(address: str, relays: int) -> Listening:
    """Listens at `address` (`HOST:PORT`, port 0 for any that is free). Raises SettingError, which says what to do, also
    when another program shares its own sockets there. Sockets that systemd has opened are taken instead: all relays
    listen on each of them."""
    if given := activated():
        return Listening(given[0].getsockname()[1], (given,) * relays)
    try:
        # One that nobody may share: else another relayproxy's relays would get some of the calls.
        alone = _bound(address, shared=False)
        port = alone[0].getsockname()[1]
        if relays == 1:
            found = Listening(port, (alone,))
        else:
            for one in alone:
                one.close()
            found = Listening(port, ())
            for _ in range(relays):
                found = replace(found, of_each=(*found.of_each, _bound(address, port, shared=True)))
        for own in found.of_each:
            for one in own:
                one.listen(BACKLOG)
    except OSError as problem:
        raise SettingError(_words("listen", address, problem)) from None
    return found


def taken(setting: str, address: str) -> str:
    """Why the address cannot be listened on, and what to do; empty when it can."""
    try:
        for one in _bound(address, shared=False):
            one.close()
    except OSError as problem:
        return _words(setting, address, problem)
    return ""


def _words(setting: str, address: str, problem: OSError) -> str:
    variable = "" if "." in setting else f" (make run {setting.upper()}=HOST:PORT)"
    return f"{cannot_listen(setting, address, problem)}{variable}"


def _bound(address: str, chosen: int = 0, *, shared: bool) -> tuple[socket.socket, ...]:
    host, port = split_address(address)
    port = port or chosen
    found: list[socket.socket] = []
    try:
        for family, kind, protocol, _, where in dict.fromkeys(
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        ):
            one = socket.socket(family, kind, protocol)
            found.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.setblocking(False)
            one.bind((where[0], port, *where[2:]))
            port = one.getsockname()[1]
    except OSError:
        for one in found:
            one.close()
        raise
    return tuple(found)
