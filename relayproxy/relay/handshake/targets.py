"""Targets: from a request target to the backend URL. Pure.

Knows: `/r/<route>/<rest>`, the default backend, and the prefix reserved for the relay itself.
Must not know: sockets, HTTP.

The caller chooses among configured backends and nothing else: scheme, host and port always come from the settings,
and the caller's part is appended to them byte for byte.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

from relayproxy.settings.model import Settings
from relayproxy.settings.signatures import DEFAULT_ROUTE, route_names
from relayproxy.settings.treatment import shadow_of

RESERVED = "/.relayproxy/"
"""Targets below it are the relay's own and never reach a backend through the default route."""

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Destination of a request: the name of its route, and the URL, which is dialled unchanged."""

    route: str
    url: str
    host: Literal["preserve", "backend"]
    """Host header for the backend: the caller's (`preserve`), or the host of `url` (`backend`)."""
    rest: str = field(default="", compare=False)
    """The caller's part of it: path and query."""


_Backend = tuple[str, Literal["preserve", "backend"]]


class Targets:
    """The route table of `settings`."""

    def __init__(self, settings: Settings) -> None:
        self._routes = {
            name: (route.backend, _host_policy(route.backend, _wanted_host(settings, name)))
            for name, route in settings.routes.items()
        }
        self._default = (
            (settings.backend, _host_policy(settings.backend, settings.host_header)) if settings.backend else None
        )

        self._shadows = {
            route: (shadow.backend, _host_policy(shadow.backend, _wanted_host(settings, route)))
            for route in route_names(settings)
            if (shadow := shadow_of(settings, route)) is not None and shadow.backend is not None
        }

    @property
    def tls(self) -> bool:
        """Whether a backend is reached over TLS."""
        backends = [*self._routes.values(), *self._shadows.values(), *([self._default] if self._default else [])]
        return any(is_secure(backend) for backend, _ in backends)

    def shadow(self, target: Target) -> Target | None:
        """The same target at the second backend of its route; None without one, or where the path would climb out of
        that one's."""
        found = self._shadows.get(target.route)
        try:
            return None if found is None else _target(target.route, found, target.rest)
        except ValueError:
            return None

    def match(self, target: str) -> Target | None:
        """The target of a request's path and query (as received), or None when no route takes it.

        Raises ValueError, worded for the caller, for a path that climbs out of the backend's.
        """
        if target.startswith("/r/"):
            end = min((at for at in (target.find("/", 3), target.find("?", 3)) if at >= 0), default=len(target))
            found = self._routes.get(target[3:end])
            if found is not None:
                return _target(target[3:end], found, target[end:])
        return _target(DEFAULT_ROUTE, self._default, target) if self._default is not None else None


def is_secure(url: str) -> bool:
    """Whether a backend of this URL is reached over TLS."""
    return urlsplit(url).scheme == "wss"


def origin_form(raw: str) -> str:
    """Path and query of a request target, in origin form or an absolute URL, of which scheme and host are ignored.

    Raises ValueError, worded for the caller, for a target in another form, with a `#`, or that is not UTF-8.
    """
    absolute = _ABSOLUTE.match(raw)
    target = raw[absolute.end() :] if absolute else raw
    if absolute and not target.startswith("/"):
        target = f"/{target}"
    if not target.startswith("/") or "#" in target:
        raise ValueError("a target that begins with / and has no # is expected")
    if not target.isascii() and any("\ud800" <= character <= "\udfff" for character in target):
        raise ValueError("the path has bytes that are not UTF-8 and could not be passed on unchanged")
    return target


def join(backend: str, rest: str) -> str:
    """The backend URL followed by the caller's path and query.

    An empty path or a bare `/` adds nothing to the backend's path. Any other is appended to the backend's path, less a
    trailing slash. The query of the backend URL comes first.
    """
    base, mark, configured = backend.partition("?")
    path, asked, query = rest.partition("?")
    if path == "/":
        path = ""
    if path:
        base = base.removesuffix("/")
    elif asked and not urlsplit(base).path:
        base += "/"
    both = [*([configured] if mark else []), *([query] if asked else [])]
    return f"{base}{path}{'?' if both else ''}{'&'.join(both)}"


def climbs(path: str) -> bool:
    """True when a path leaves the folder that it begins in, by any spelling of `..` that a server may understand."""
    depth = 0
    for segment in re.split(r"[/\\]", unquote(path)):
        name = segment.partition(";")[0]
        if name == "..":
            depth -= 1
        elif name not in ("", "."):
            depth += 1
        if depth < 0:
            return True
    return False


def _target(route: str, backend: _Backend, rest: str) -> Target:
    url, host = backend
    if urlsplit(url).path not in ("", "/") and climbs(rest.partition("?")[0]):
        raise ValueError("a path that does not climb out of the backend's is expected")
    return Target(route, join(url, rest), host, rest)


def _wanted_host(settings: Settings, route: str) -> str:
    own = settings.routes.get(route)
    return (own and own.host_header) or settings.host_header


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
