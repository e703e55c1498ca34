"""Attempts: connections that ended without a setup message, of which a flood is counted instead of kept.

Knows: how many of them are kept, by where they came from and whether Twilio signed them; what the count says.
Must not know: the journal, the database.

A failed call is what people look for, so an attempt is a session like any other. But anybody can make thousands in a
second, and then each caller's first ones stand for all: the others are counted, with the last as an example, and
dropped. Time is that of the attempts, so that it makes no difference when they are played.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from relayproxy.connection import Opening, SignatureState, signature_state
from relayproxy.refusals import Refusal, RefusalCount, add

REMEMBERED = 1000
"""Callers whose rate is remembered; the one that was heard of longest ago is forgotten first."""

_GONE = 499
"""nginx's status for a client that closed the connection before the response."""


class Rate(NamedTuple):
    """A number of attempts at once, and of further ones per second."""

    burst: float
    per_second: float


RATES: dict[SignatureState, tuple[Rate, Rate]] = {
    "valid": (Rate(1000, 10), Rate(1000, 10)),
    "unchecked": (Rate(100, 1), Rate(300, 3)),
    "wrong": (Rate(20, 0.1), Rate(60, 0.3)),
    "missing": (Rate(20, 0.1), Rate(60, 0.3)),
}
"""Attempts that are kept of one caller and of all callers, by their signature."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: int

    def refill(self, rate: Rate, at: int) -> None:
        self.left = min(rate.burst, self.left + max(0, at - self.at) * rate.per_second / 1e9)
        self.at = max(self.at, at)


class Attempts:
    """Decides which attempts are kept, and counts the others."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[tuple[SignatureState, str], _Bucket] = OrderedDict()
        self.tallies: tuple[RefusalCount, ...] = ()
        """Those that were not kept."""

    def keep(self, opening: Opening, ended_at: int) -> bool:
        """True when the attempt is kept; else it is counted now. `ended_at` is wall nanoseconds."""
        state = signature_state(opening)
        of_one, of_all = RATES[state]
        one = self._bucket((state, caller(opening)), of_one, opening.opened_at)
        every = self._bucket((state, ""), of_all, opening.opened_at)
        if one.left >= 1 and every.left >= 1:
            one.left -= 1
            every.left -= 1
            return True
        self.tallies = add(self.tallies, _counted(opening, ended_at, signed=state in ("valid", "unchecked")))
        return False

    def _bucket(self, key: tuple[SignatureState, str], rate: Rate, at: int) -> _Bucket:
        found = self._buckets.setdefault(key, _Bucket(rate.burst, at))
        self._buckets.move_to_end(key)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        found.refill(rate, at)
        return found


def caller(opening: Opening) -> str:
    """The address that a connection came from."""
    return opening.caller or opening.peer.rpartition(":")[0]


def _counted(opening: Opening, ended_at: int, *, signed: bool) -> Refusal:
    refused = opening.error is not None
    return Refusal(
        at=ended_at,
        reason="backend_refused" if refused else "no_setup",
        status=opening.status or _GONE,
        words=opening.error or "it ended without a setup message",
        peer=opening.peer,
        target=opening.target,
        signed=signed,
    )
