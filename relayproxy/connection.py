"""Connection facts: how one WebSocket connection opened and how it ended, without its bytes.

Knows: the facts that the relay observes and the recorder stores, as plain values with a JSON form.
Must not know: messages, files, sockets, SQL.

Times are nanoseconds. `opened_at` is wall time since the epoch; every other time is a distance from it,
taken from one monotonic clock, so that order never inverts when the wall clock is set.
"""

import re
from typing import Literal

import msgspec

REDACTED = "<redacted>"
"""Placeholder of a secret within recorded headers and URLs."""

Side = Literal["twilio", "backend"]
"""The two ends of a relayed connection. A message's side is the end that sent it."""

SideEnd = Literal["eof", "reset", "timeout", "closed_by_proxy"]
"""End of one side's TCP stream: FIN, RST or a network error, a write that could not be finished in time, or closed by
the proxy."""

EndingCause = Literal[
    "drain",
    "shutdown",
    "relay_died",
    "fault",
    "shadow_slow",
    "shadow_flood",
    "shadow_limit",
    "shadow_extensions",
    "shadow_failed",
]
"""Cause of an ending by the proxy: the drain timeout was over, it was stopped at once, its process vanished, or a fault
was injected. From `shadow_slow` on, of shadows: the second backend did not keep up with the call, sent more than any
conversation, had sent or been sent as much as is recorded, negotiated another encoding; or a bug."""


SignatureState = Literal["valid", "wrong", "missing", "unchecked"]
"""Result of looking for Twilio's signature: one that holds, one that does not, none; or one that was not checked."""


class SignatureCheck(msgspec.Struct, frozen=True, omit_defaults=True):
    """Check of the signature of an upgrade request. No secret and no signature is in it."""

    state: SignatureState
    url: str | None = None
    """The URL that it was checked for, with the values of its query masked."""
    form: str | None = None
    """The way in which that URL was written for signing, in words; of a valid one."""
    key: str | None = None
    """The reference of the key that it was made with; of a valid one."""
    problem: str | None = None
    """The reason in words why it is wrong, as far as that is known. Of the URL's path and query nothing is in it."""
    signed_url: str | None = None
    """The URL that a wrong one is for, where that was found: whoever made it has the key. Masked alike."""


class Dial(msgspec.Struct, frozen=True, omit_defaults=True):
    """Parts of the time until the backend's answer, nanoseconds. None: that part did not happen."""

    dns: int | None = None
    connect: int | None = None
    """TCP and, with `wss`, TLS."""
    upgrade: int | None = None
    """Request sent → answer read."""


class Opening(msgspec.Struct, frozen=True, omit_defaults=True):
    """Opening of a connection. `status` is the HTTP status of the answer to Twilio: 101 once the relay splices."""

    connection_id: str
    """32 lower-case hex digits, random."""
    trace_id: str
    """32 lower-case hex digits: the trace id of the `traceparent` that the backend got."""
    span_id: str
    """16 lower-case hex digits: the parent id of that `traceparent`, hence the id of the conversation span."""
    route: str
    backend: str
    """The URL that was dialled, with the values of its query masked."""
    target: str
    """The request target as the caller sent it, with the values of its query masked."""
    opened_at: int
    """Wall time at which the upgrade request had been read."""
    peer: str
    """Address of the TCP peer (`203.0.113.9:4711`)."""
    caller: str = ""
    """IP address that it came from, as far as trusted front ends vouch for it; empty where that was not recorded."""
    signature_digest: str | None = None
    """SHA-256 of the signature that it came with, right or wrong, in hex digits. Twilio signs a URL always alike, and
    nobody else can: two connections with one digest come from one sender."""
    parent_span_id: str | None = None
    """The caller's own span when its request already carried a `traceparent`."""
    request_headers: tuple[tuple[str, str], ...] = ()
    """As received, in order; secrets replaced by `<redacted>`."""
    status: int | None = None
    response_headers: tuple[tuple[str, str], ...] = ()
    connected_after: int | None = None
    """From `opened_at` to the backend's answer being read."""
    dial: Dial | None = None
    signature: SignatureCheck | None = None
    """None where an earlier version recorded it; see `signature_state`."""
    record: str | None = None
    """What is recorded of it, when that is not everything: `redacted` (without secrets) or `metadata` (without words).
    """
    shadow_of: str | None = None
    """The connection id of the call that this one is a shadow of: its backend is a second one, which nobody hears."""
    faults: tuple[str, ...] = ()
    """The faults, each in words, that the call is treated with."""
    error: str | None = None
    """Reason in words for the lack of a relayed connection; set when the backend could not be reached or refused."""


def is_treated(opening: Opening) -> bool:
    """True for what is no ordinary call, and counts in no figure: a shadow, or a call into which faults are
    injected."""
    return opening.shadow_of is not None or bool(opening.faults)


def signature_state(opening: Opening) -> SignatureState:
    """The state of a connection's signature; of one that an earlier version recorded, what its headers tell."""
    if opening.signature is not None:
        return opening.signature.state
    signed = any(name.lower() == "x-twilio-signature" for name, _ in opening.request_headers)
    return "unchecked" if signed else "missing"


def sampled_by_caller(opening: Opening) -> bool | None:
    """What the caller's own `traceparent` says about sampling; None without one that was believed."""
    if opening.parent_span_id is None:
        return None
    header = next((value for name, value in opening.request_headers if name.lower() == "traceparent"), "")
    found = re.match(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-([0-9a-f]{2})", header)
    return bool(int(found[1], 16) & 1) if found else None


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ending of a connection, as its two TCP streams showed it. Close frames are messages, not part of this."""

    t: int
    """Nanoseconds from `opened_at` to the moment both streams were finished."""
    first: Literal["twilio", "backend", "proxy"] | None = None
    """Side whose stream finished first; `proxy`: it closed both. None: not known, because the relay vanished."""
    twilio: SideEnd | None = None
    backend: SideEnd | None = None
    twilio_bytes: int = 0
    """Bytes received from Twilio after the handshake."""
    backend_bytes: int = 0
    cause: str | None = None
    """Cause for which the proxy ended it, if it did: an `EndingCause`, or one that another version knows."""
    twilio_t: int | None = None
    """Nanoseconds from `opened_at` until Twilio's stream was finished; None where that was not recorded."""
    backend_t: int | None = None
