"""Relay addresses: the exact URLs to give to Twilio, and conclusions from an attempt to reach them.

Knows: whether Twilio can reach a URL, and the backend that it leads to.
Must not know: HTML; how an address is probed.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from relayproxy.console.health.reachability import CheckState, Probe
from relayproxy.settings.model import Settings, relay_urls
from relayproxy.settings.sources import mask
from relayproxy.settings.validators import ANY_HOST, split_address

_UPGRADE, _NO_ROUTE = 426, 404
_GATEWAY = (502, 503, 504)


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """One URL to paste, and the backend that it leads to (the values of its query masked)."""

    route: str
    url: str
    backend: str

    @property
    def signed_path(self) -> str:
        """The path that Twilio signs when it is given this URL."""
        return urlsplit(self.url).path or "/"

    @property
    def backend_path(self) -> str:
        """The path that the backend then sees."""
        return urlsplit(self.backend).path or "/"


@dataclass(frozen=True, slots=True)
class Connect:
    """`public`: the URLs are under the configured public URL; else they are this machine's own address, which
    Twilio reaches only through a tunnel or a reverse proxy. `secure`: they are `wss://`, which Twilio insists on."""

    public: bool
    secure: bool
    targets: tuple[RelayAddress, ...]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The meaning of a probe for calls."""

    state: CheckState
    sentence: str


def of_public(probe: Probe) -> Conclusion:
    """The conclusion from a plain GET at the URL that Twilio is given."""
    failed = _failed(probe, "Twilio does not get through")
    if failed:
        return failed
    if probe.who == "relay" and probe.status == _UPGRADE:
        return Conclusion(probe.state, "It leads to a relayproxy that takes calls.")
    if probe.who == "relay" and probe.status == _NO_ROUTE:
        return Conclusion("bad", "A relayproxy answers, and has no such route: is it the one with these settings?")
    if probe.who == "relay":
        return Conclusion("warn", f"A relayproxy answers {probe.status}, so it takes no calls at present.")
    if probe.status in _GATEWAY:
        return Conclusion("bad", f"A front end answers {probe.status}: it does not reach the relay.")
    return Conclusion("warn", f"Something answers {probe.status}, but not as a relayproxy does: is that the relay?")


def of_backend(probe: Probe) -> Conclusion:
    """The conclusion from a plain GET at the backend. Any status will do: it is no WebSocket request that was sent."""
    failed = _failed(probe, "calls do not get through")
    if failed:
        return failed
    if probe.status in _GATEWAY:
        return Conclusion("warn", f"It answers {probe.status}, as a front end does that does not reach its server.")
    return Conclusion(probe.state, "It can be reached. Whether it takes calls shows in the first one.")


def _failed(probe: Probe, so: str) -> Conclusion | None:
    return Conclusion("bad", f"It cannot be reached, so {so}.") if probe.state == "bad" else None


def connect(settings: Settings) -> Connect:
    """The addresses in force. With neither a backend nor routes there is no target."""
    urls = relay_urls(settings, _local(settings))
    targets = tuple(RelayAddress(route, url, mask(backend_of(settings, route))) for route, url in urls.items())
    return Connect(settings.public_url is not None, all(t.url.startswith("wss://") for t in targets), targets)


def backend_of(settings: Settings, route: str) -> str:
    """The backend's URL, including secrets."""
    return settings.routes[route].backend if route in settings.routes else settings.backend or ""


def _local(settings: Settings) -> str:
    host, port = split_address(settings.listen)
    host = "localhost" if host in ANY_HOST else f"[{host}]" if ":" in host else host
    return f"{'wss' if settings.tls_cert else 'ws'}://{host}:{port}"
