"""Trusted proxies: which peers are believed about a request's origin in X-Forwarded-For. Pure.

Knows: addresses and networks, how proxies write addresses down.
Must not know: which settings name the proxies; what is done with an address.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

from relayproxy.settings.validators import Network


def is_trusted(address: str, proxies: Sequence[Network]) -> bool:
    """True when an IP address (without brackets and port) is in one of the networks; False for other text."""
    found = _parsed(address)
    return found is not None and any(found in network for network in proxies)


def believed(peer: str, told: Iterable[str], proxies: Sequence[Network]) -> list[str]:
    """The addresses that a request came by as far as they can be believed, the client's first and `peer` last.

    `told` are the values of X-Forwarded-For in order. Each trusted proxy vouches for the address before its own. Read
    from the end, the list stops at an address that is not trusted, and before an item that is no address: the rest may
    be forged.
    """
    chain = [peer]
    if not is_trusted(peer, proxies):
        return chain
    for part in reversed([part.strip() for value in told for part in value.split(",") if part.strip()]):
        found = _address(part)
        if found is None:
            break
        chain.insert(0, found)
        if not is_trusted(found, proxies):
            break
    return chain


@lru_cache(maxsize=1024)
def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _address(part: str) -> str | None:
    """`198.51.100.1`, `198.51.100.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711` as an address; else None.

    A zone (`%eth0`), which may be any text, means nothing on another machine.
    """
    if part.startswith("["):
        part = part[1:].partition("]")[0]
    elif part.count(":") == 1:
        part = part.partition(":")[0]
    try:
        return None if "%" in part else str(ipaddress.ip_address(part))
    except ValueError:
        return None
