"""Request origins: the client address behind trusted proxies, and protection against cross-origin requests.

Knows: trusted proxies and their headers; how browsers say what made them send a request; DNS rebinding.
Must not know: principals.

A page of another site can make its reader's browser send requests here, to a console on the reader's own machine
too. Browsers say so: `Sec-Fetch-Site` where they send it, else `Origin`. Programs send neither. A name of another
site that was pointed at this machine after its page was loaded ("DNS rebinding") looks like our own page, but for the
name in `Host`.
"""

import re
import socket
from urllib.parse import urlsplit

from aiohttp import web

from relayproxy.console.http.middleware import Problem
from relayproxy.proxies import believed, is_trusted
from relayproxy.settings.model import Settings
from relayproxy.settings.validators import is_address, is_loopback, split_address, split_names, split_networks

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]*)?")


class Origins:
    """Checks the origin of requests against the settings."""

    def __init__(self, settings: Settings) -> None:
        self._proxies = split_networks(settings.console_proxies)
        self._url = settings.console_url
        self._names, self._by_address = _own_names(settings)

    def trusted(self, request: web.Request) -> bool:
        """True when the other end of the connection is a trusted proxy."""
        return is_trusted(request.remote or "", self._proxies)

    def address(self, request: web.Request) -> str:
        """The client's address: of what trusted proxies tell, the last one that is not a proxy's own."""
        return believed(request.remote or "", request.headers.getall("X-Forwarded-For", []), self._proxies)[0]

    def secure(self, request: web.Request) -> bool:
        """True when the browser came over https."""
        if request.secure:
            return True
        told = request.headers.get("X-Forwarded-Proto", "")
        return self.trusted(request) and told.partition(",")[0].strip().lower() == "https"

    def check(self, request: web.Request) -> None:
        """Raises a 403 Problem for what a page of another site made its reader's browser send, or a name that is not
        ours. Links from elsewhere are let through: they only open a page, which the other site cannot look into."""
        self._check_host(request)
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None:
            if site == "same-origin" or self._is_visit(request):
                return
        else:
            origin = request.headers.get("Origin")
            if origin is None or self._is_ours(request, origin):
                return
        raise Problem(403, "cross_origin", "This was sent by a page of another site, and is refused.")

    def _is_visit(self, request: web.Request) -> bool:
        if request.method not in ("GET", "HEAD"):
            return False
        headers = request.headers
        typed = headers["Sec-Fetch-Site"] == "none"
        return typed or (headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document")

    def _is_ours(self, request: web.Request, origin: str) -> bool:
        if origin == self._url:
            return True
        url = urlsplit(origin) if origin.isascii() and origin.count("://") == 1 else None
        return url is not None and url.scheme in ("http", "https") and url.netloc.lower() == request.host.lower()

    def _check_host(self, request: web.Request) -> None:
        name = _host_name(request.host)
        if name in self._names or is_loopback(name) or (self._by_address and is_address(name)):
            return
        raise Problem(
            403,
            "unknown_host",
            f"The console does not go by the name {name[:64]!r}; the setting console_url or console_hosts gives it "
            "one.",
        )


def _own_names(settings: Settings) -> tuple[frozenset[str], bool]:
    """The names that the console goes by besides those of loopback, and whether it goes by any IP address as well: an
    address cannot be bound to another machine, but who listens on loopback has no others."""
    host = split_address(settings.console)[0].lower()
    names = {host, *split_names(settings.console_hosts)}
    if settings.console_url:
        names.add(urlsplit(settings.console_url).hostname or "")
    if is_loopback(host):
        return frozenset(names), False
    machine = socket.gethostname().lower()
    short = machine.partition(".")[0]
    return frozenset(names | {machine, short, f"{short}.local"}), True


def _host_name(host: str) -> str:
    """The name in a Host header, or the address in front of a port, without brackets and without a last dot. What has
    another form is returned as it is, and is nobody's name."""
    found = _HOST.fullmatch(host.lower())
    return (found[1] or found[2].removesuffix(".")) if found else host
