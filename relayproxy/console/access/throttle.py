"""Throttle: limits attempts to sign in, by address and by name.

Knows: the free attempts, how waits grow and are forgotten, and a bound on memory.
Must not know: HTTP, which users exist, how a password is checked.

Three counts are kept of failed attempts: for an address, for a name, and for a name from an address. The first two
allow more, because others share them: a wrong password in the next room, or a stranger who guesses at a name, should
keep nobody out for long. An address from which a name has signed in before is not held up by what others do to that
name.
"""

import hashlib
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` failures cost nothing; each further one makes the next attempt wait, twice as long each time, up to
    `longest` seconds. A count is forgotten `memory` seconds after its last failure."""

    free: int
    longest: float
    memory: float = 3600.0


PAIR = Limit(free=5, longest=900.0)
ADDRESS = Limit(free=20, longest=300.0)
NAME = Limit(free=10, longest=30.0)
MAX_TRACKED = 10_000
"""Counts kept of each kind; beyond it the one that was touched longest ago is forgotten."""


@dataclass(slots=True)
class _Count:
    failures: int
    last: float
    until: float


class _Counts:
    def __init__(self, limit: Limit, most: int) -> None:
        self._limit = limit
        self._most = most
        self._counts: OrderedDict[bytes, _Count] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def wait(self, key: bytes, now: float) -> float:
        count = self._counts.get(key)
        return max(0.0, count.until - now) if count else 0.0

    def add(self, key: bytes, now: float) -> None:
        count = self._counts.setdefault(key, _Count(0, now, now))
        if now - count.last > self._limit.memory:
            count.failures = 0
        count.failures += 1
        count.last = now
        over = count.failures - self._limit.free
        count.until = now + min(self._limit.longest, 2.0 ** min(over, 30)) if over >= 0 else now
        self._counts.move_to_end(key)
        while len(self._counts) > self._most:
            self._counts.popitem(last=False)

    def take_back(self, key: bytes) -> None:
        """One failure that turned out to be none."""
        count = self._counts.get(key)
        if count:
            count.failures -= 1
            count.until = count.last
            if count.failures <= 0:
                del self._counts[key]

    def forget(self, key: bytes) -> None:
        self._counts.pop(key, None)


class Throttle:
    """Counts failed attempts. For one thread; nothing waits in here."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MAX_TRACKED) -> None:
        self._clock = clock
        self._pairs, self._addresses, self._names = (_Counts(limit, most) for limit in (PAIR, ADDRESS, NAME))
        self._most = most
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        """The number of counts that are kept."""
        return len(self._pairs) + len(self._addresses) + len(self._names) + len(self._known)

    def enter(self, address: str, name: str) -> float:
        """0 when an attempt may be made now, else the seconds to wait.

        An attempt that may be made counts as failed from here on, so that many at the same time are not all free; a
        refused one does not count. `succeeded` takes it back.
        """
        now = self._clock()
        place, who, pair = _keys(address, name)
        wait = max(self._addresses.wait(place, now), self._pairs.wait(pair, now))
        if pair not in self._known:
            wait = max(wait, self._names.wait(who, now))
        if wait > 0:
            return wait
        self._addresses.add(place, now)
        self._pairs.add(pair, now)
        if pair not in self._known:
            self._names.add(who, now)
        return 0.0

    def succeeded(self, address: str, name: str) -> None:
        """The attempt that `enter` let pass had the right password.

        What was counted for the name and the address before stays: a user who has an account of their own, or waits for
        the owner of another one to sign in, gains no attempts by it.
        """
        place, who, pair = _keys(address, name)
        self._addresses.take_back(place)
        self._pairs.forget(pair)
        if pair not in self._known:
            self._names.take_back(who)
        self._known[pair] = None
        self._known.move_to_end(pair)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


def _keys(address: str, name: str) -> tuple[bytes, bytes, bytes]:
    # Digests: what is remembered must not grow with what is sent.
    place, who = _digest(_network(address)), _digest(name)
    return place, who, place + who


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=12).digest()


def _network(address: str) -> str:
    """The address, or the /64 of an IPv6 address: one subscriber has all addresses of it."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
