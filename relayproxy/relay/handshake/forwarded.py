"""Forwarded headers: X-Forwarded-For, -Host, -Proto and -Uri for the backend. Pure.

Knows: which sources of these values are trusted, and that backends rebuild the URL that Twilio signed from them.
Must not know: sockets, aiohttp, settings.

Host, protocol and URI are one value each, never a list: many backends read a list as a whole, or its wrong end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from relayproxy.proxies import believed, is_trusted
from relayproxy.relay.headers import Headers, value_of
from relayproxy.settings.validators import Network

_PROTOCOLS = ("http", "https", "ws", "wss")


@dataclass(frozen=True, slots=True)
class Public:
    """The URL at which Twilio reaches the relay: `https` or `http`, host with port, path without a trailing slash."""

    proto: str
    host: str
    path: str

    @classmethod
    def of(cls, url: str) -> "Public":
        """The parts of a `wss://` or `ws://` URL."""
        parts = urlsplit(url)
        return cls("https" if parts.scheme == "wss" else "http", parts.netloc, parts.path.rstrip("/"))

    def uri(self, target: str) -> str:
        """The request target that Twilio sent when the relay receives `target`: the public path is put back where a
        front end has removed it."""
        below = target == self.path or target.startswith((f"{self.path}/", f"{self.path}?"))
        return target if below else self.path + target


def forwarded(
    headers: Sequence[tuple[str, str]],
    *,
    peer: str,
    tls: bool,
    target: str,
    public: Public | None,
    proxies: Sequence[Network],
) -> Headers:
    """The four headers for a request that came from the IP address `peer` for `target` (path and query).

    They are those of the public URL where there is one: many front ends pass on an X-Forwarded-Uri that a stranger
    sent, with which one signature would open every path. Without one they are what a trusted front end says, else what
    the relay saw itself.
    """
    told = headers if is_trusted(peer, proxies) else ()
    said_host, said_proto = _first(told, "x-forwarded-host"), _first(told, "x-forwarded-proto").lower()
    if public is not None:
        host, proto, uri = public.host, public.proto, public.uri(target)
    else:
        host = said_host or value_of(headers, "host") or ""
        proto = said_proto if said_proto in _PROTOCOLS else "https" if tls else "http"
        said_uri = value_of(told, "x-forwarded-uri") or ""
        uri = said_uri if said_uri.startswith("/") else target
    way = believed(peer, [value for name, value in told if name.lower() == "x-forwarded-for"], proxies)
    return [
        ("X-Forwarded-For", ", ".join(way)),
        ("X-Forwarded-Host", host),
        ("X-Forwarded-Proto", proto),
        ("X-Forwarded-Uri", uri),
    ]


def without_public_url(forwarded: Sequence[tuple[str, str]]) -> Headers:
    """Those of the headers that do not tell the URL that Twilio was given: a backend that gets a signature for its own
    URL must not take it for the public one."""
    return [(name, value) for name, value in forwarded if name == "X-Forwarded-For"]


def public_urls(forwarded: Sequence[tuple[str, str]], public: Public | None) -> tuple[str, ...]:
    """The URLs that Twilio may have been given, by the `forwarded` headers, those of `public` if there is one.

    Twilio connects to `wss` only, and not every front end says that it ended TLS. A front end that takes the path of
    the public URL away leaves `/` of it, with which it may have ended or not.
    """
    value = dict(forwarded)
    secure = value["X-Forwarded-Proto"] in ("https", "wss")
    schemes = ("wss",) if secure else ("ws",) if public else ("wss", "ws")
    path, mark, query = value["X-Forwarded-Uri"].partition("?")
    paths = (path, path.removesuffix("/")) if public and public.path and path == f"{public.path}/" else (path,)
    return tuple(f"{scheme}://{value['X-Forwarded-Host']}{one}{mark}{query}" for scheme in schemes for one in paths)


def mistakable_urls(headers: Sequence[tuple[str, str]], target: str) -> tuple[str, ...]:
    """URLs that a caller's own headers tell, believed or not: what Twilio was given, where settings say otherwise."""
    hosts = (value_of(headers, "host") or "", _first(headers, "x-forwarded-host"))
    said_uri = _first(headers, "x-forwarded-uri")
    targets = (target, said_uri) if said_uri.startswith("/") else (target,)
    return tuple(f"wss://{host}{one}" for host in dict.fromkeys(hosts) if host for one in dict.fromkeys(targets))


def _first(headers: Sequence[tuple[str, str]], name: str) -> str:
    """The first item of a header that is a list, written by the outermost front end; empty without the header."""
    return (value_of(headers, name) or "").partition(",")[0].strip()
