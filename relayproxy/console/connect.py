"""How to connect a call: the exact URLs to give to Twilio.

Knows: what a reader needs besides the URLs themselves: whether Twilio can reach them, and where each leads.
Must not know: HTML; whether anything answers at these URLs.
"""

from dataclasses import dataclass

from relayproxy.config import Settings, relay_urls, split_address
from relayproxy.sources import mask

_ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - recognised here, never bound


@dataclass(frozen=True, slots=True)
class Target:
    """One URL to paste, and the backend that it leads to (the values of its query masked)."""

    route: str
    url: str
    backend: str


@dataclass(frozen=True, slots=True)
class Connect:
    """`public`: the URLs are under the configured public URL; else they are this machine's own address, which
    Twilio reaches only through a tunnel or a reverse proxy. `secure`: they are `wss://`, which Twilio insists on."""

    public: bool
    secure: bool
    targets: tuple[Target, ...]


def connect(settings: Settings) -> Connect:
    """What is in force. With neither a backend nor routes there is no target."""
    urls = relay_urls(settings, _local(settings))
    targets = tuple(Target(route, url, mask(_backend(settings, route))) for route, url in urls.items())
    return Connect(settings.public_url is not None, all(t.url.startswith("wss://") for t in targets), targets)


def _backend(settings: Settings, route: str) -> str:
    return settings.routes[route].backend if route in settings.routes else settings.backend or ""


def _local(settings: Settings) -> str:
    host, port = split_address(settings.listen)
    host = "localhost" if host in _ANY_HOST else f"[{host}]" if ":" in host else host
    return f"{'wss' if settings.tls_cert else 'ws'}://{host}:{port}"
