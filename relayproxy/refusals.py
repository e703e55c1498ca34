"""Refusals: the reasons for which the relay answers a request itself, and their counts.

Knows: what is kept of one, as plain values with a JSON form, and how they are counted.
Must not know: HTTP, files, SQL; what is to be done about them.

A public port gets any number of such requests, so they are counted by reason and only the last of each is kept.
"""

from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

Reason = Literal[
    "no_upgrade",
    "http_1_0",
    "method",
    "no_route",
    "target",
    "body",
    "too_long",
    "not_http",
    "timeout",
    "loop",
    "draining",
    "descriptors",
    "connections",
    "peer_connections",
    "handshakes",
    "unknown_route",
    "untrusted_proxy",
    "wrong_signature",
    "not_signed",
    "backend_refused",
    "no_setup",
    "not_recorded",
]
"""`no_upgrade`: `Upgrade` or `Connection` does not ask for a WebSocket. `target`: a path that no backend may get.
`too_long`: a request line or headers beyond the limits. `timeout`: a head that began and did not end.
`loop`: the relay's own request came back to it.
`descriptors`: the relay had none left. `connections`, `peer_connections`, `handshakes`: a limit was reached, of
connections in all, of those of one address, of requests that wait for a backend.
`wrong_signature`, `not_signed`: of a route that enforces Twilio's signature.
Only counted because there were so many: `backend_refused`, no connection with the backend came about; `no_setup`, one
did, and ended without a setup message.
Relayed all the same: `unknown_route`, below `/r/` without a route of that name, went to the default backend;
`untrusted_proxy` came with X-Forwarded-… headers of a peer that is not trusted; `not_recorded` was a call of a route
with `record = none`, of which the count is all that is kept."""
REASONS: tuple[str, ...] = get_args(Reason)


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request that was refused, or relayed all the same for a reason worth a note (see `Reason`)."""

    at: int
    """Wall nanoseconds."""
    reason: str
    """A `Reason`, or one that another version knows."""
    status: int
    """HTTP status of the answer; 0 for a request that was relayed all the same."""
    words: str
    """Explanation in words for who runs the relay: the text of the answer, where that may tell all of it."""
    peer: str
    """Address of the TCP peer (`203.0.113.9:4711`)."""
    target: str = ""
    """Path and query, with the values of the query masked; empty where they could not be read."""
    signed: bool = False
    """It had an `X-Twilio-Signature`, so that it probably was a call."""


class RefusalCount(msgspec.Struct, frozen=True):
    """All requests of one reason, with a signature or without one, and the last of them."""

    count: int
    last: Refusal


def add(tallies: Iterable[RefusalCount], refusal: Refusal) -> tuple[RefusalCount, ...]:
    """The tallies with one more request."""
    return merged([*tallies, RefusalCount(1, refusal)])


def merged(tallies: Iterable[RefusalCount]) -> tuple[RefusalCount, ...]:
    """One tally for each reason and signature: those with a signature first, then the most recent first."""
    found: dict[tuple[str, bool], RefusalCount] = {}
    for one in tallies:
        key = (one.last.reason, one.last.signed)
        known = found.get(key, RefusalCount(0, one.last))
        found[key] = RefusalCount(known.count + one.count, max(known.last, one.last, key=lambda last: last.at))
    return tuple(sorted(found.values(), key=lambda one: (not one.last.signed, -one.last.at)))
