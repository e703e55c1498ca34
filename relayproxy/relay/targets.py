"""From a request target to the backend URL.

Knows: `/r/<route>/<rest>`, the default backend, and the prefix reserved for the relay itself.
Must not know: sockets, HTTP.

The caller chooses among configured backends and nothing else: scheme, host and port always come from the settings,
and the caller's part is appended to them byte for byte.
"""

import ipaddress
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from relayproxy.config import Settings

RESERVED = "/.relayproxy/"
"""Targets below it are the relay's own and never reach a backend through the default route."""

DEFAULT_ROUTE = "default"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `url` is dialled as it stands."""

    route: str
    url: str
    host: Literal["preserve", "backend"]
    """Whose Host header the backend gets."""


class Targets:
    """The route table of `settings`."""

    def __init__(self, settings: Settings) -> None:
        self._routes = {
            name: (route.backend, _host_policy(route.backend, route.host_header or settings.host_header))
            for name, route in settings.routes.items()
        }
        self._default = (
            (settings.backend, _host_policy(settings.backend, settings.host_header)) if settings.backend else None
        )

    def match(self, raw: str) -> Target | None:
        """The target of a raw request target (origin form, as received), or None when no route takes it."""
        if not raw.startswith("/") or "#" in raw or raw.startswith(RESERVED):
            return None
        if raw.startswith("/r/"):
            end = min((at for at in (raw.find("/", 3), raw.find("?", 3)) if at >= 0), default=len(raw))
            found = self._routes.get(raw[3:end])
            if found is not None:
                return Target(raw[3:end], join(found[0], raw[end:]), found[1])
        if self._default is not None:
            return Target(DEFAULT_ROUTE, join(self._default[0], raw), self._default[1])
        return None


def join(backend: str, rest: str) -> str:
    """The backend URL followed by the caller's path and query.

    An empty rest or a bare `/` is the backend URL as configured. The backend's path is a prefix, less a trailing
    slash; a query configured there comes first.
    """
    if rest in ("", "/"):
        return backend
    base, mark, configured = backend.partition("?")
    path, asked, query = rest.partition("?")
    base = base.removesuffix("/") if path else base
    if not path and not urlsplit(base).path:
        base += "/"
    if mark:
        return f"{base}{path}?{configured}{'&' + query if asked else ''}"
    return base + rest


def _host_policy(backend: str, wanted: str) -> Literal["preserve", "backend"]:
    if wanted == "auto":
        return "backend" if _is_public_name(urlsplit(backend).hostname or "") else "preserve"
    return "backend" if wanted == "backend" else "preserve"


def _is_public_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host.rstrip(".") and not host.rstrip(".").endswith((".localhost", ".local", ".internal"))
    return False
