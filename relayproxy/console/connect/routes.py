"""Routes of the Connect page: the addresses, the last call and the last check of each.

Knows: which fields of a route's last call show its setup; that checks run one round at a time.
Must not know: HTTP requests, HTML, SQL; how an address is checked.
"""

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import msgspec

from relayproxy.connection import Opening, SignatureState, signature_state
from relayproxy.console.connect.addresses import RelayAddress, backend_of, connect
from relayproxy.console.health.diagnosis.signatures import RouteSignatures, SignatureNote
from relayproxy.console.health.reachability import Probe, probe
from relayproxy.conversation.model import Conversation
from relayproxy.redaction.values import Record
from relayproxy.settings.model import Settings
from relayproxy.settings.recording import WORDS
from relayproxy.store.read.latest_by_route import Arrival
from relayproxy.store.schema.rows import SessionRow

AGAIN = 3.0
"""Seconds within which a second check gives the first one's results."""
AT_ONCE = 8
_conversation = msgspec.json.Decoder(Conversation)
_opening = msgspec.json.Decoder(Opening)


@dataclass(frozen=True, slots=True)
class LastCall:
    """The newest call of a route. `signature`: the state of Twilio's, None when that is not known.
    `events`: what only the attribute `events` gives came in it."""

    session: SessionRow
    signature: SignatureState | None
    events: bool

    @property
    def talked(self) -> bool:
        """It came far enough to tell whether events are on."""
        return self.session.turns > 0


@dataclass(frozen=True, slots=True)
class RouteCheck:
    """Probes of the relay and of the backend. `at` is wall nanoseconds."""

    at: int
    public: Probe | None
    """None without a public URL."""
    backend: Probe


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """A route, its newest call, its last check, and its signatures."""

    target: RelayAddress
    call: LastCall | None
    checked: RouteCheck | None
    signatures: RouteSignatures
    note: SignatureNote | None = None
    """What is to be said of its signatures."""
    record: Record = "redacted"
    recorded: str = WORDS["redacted"]
    """What is recorded of its calls: the setting, and in words."""
    shadow: str | None = None
    faults: str | None = None
    """What is copied to a second backend, and which faults are injected: sentences without their ends."""

    @property
    def own_check(self) -> Literal["holds", "resigned", "path", "none"]:
        """What a usual check of the backend's own finds: it holds as Twilio signed; or by the relay's signature; its
        path is another than the one signed; there is no signature for it."""
        mode = self.signatures.rules.signature
        if mode == "strip":
            return "none"
        if mode == "resign":
            return "resigned"
        return "holds" if self.target.signed_path == self.target.backend_path else "path"


class RouteChecker:
    """Runs the checks, one round at a time, and keeps what the last one found."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._busy = asyncio.Lock()
        self._some = asyncio.Semaphore(AT_ONCE)
        self._until = 0.0
        self.found: dict[str, RouteCheck] = {}
        self.host = socket.gethostname()

    async def check(self) -> None:
        """Probes relay and backend of every route, from this machine; only configured hosts."""
        async with self._busy:
            if time.monotonic() < self._until:
                return
            targets = connect(self._settings).targets
            found = await asyncio.gather(*(self._check(target) for target in targets))
            self.found = {target.route: one for target, one in zip(targets, found, strict=True)}
            self._until = time.monotonic() + AGAIN

    async def _check(self, target: RelayAddress) -> RouteCheck:
        public = self._probe(target.url) if self._settings.public_url else _nothing()
        there, beyond = await asyncio.gather(public, self._probe(backend_of(self._settings, target.route)))
        assert beyond is not None
        return RouteCheck(time.time_ns(), there, beyond)

    async def _probe(self, url: str) -> Probe | None:
        async with self._some:
            return await probe(url)


async def _nothing() -> None:
    return None


def last_call(arrival: Arrival | None) -> LastCall | None:
    """The newest call of a route; None without one."""
    if arrival is None:
        return None
    signature: SignatureState | None = None
    events = False
    # What another version wrote in another shape tells nothing, and the page is there all the same.
    with suppress(msgspec.DecodeError):
        events = _conversation.decode(arrival.session.detail).tier == "B"
        signature = signature_state(_opening.decode(arrival.opening or ""))
    return LastCall(arrival.session, signature, events)
