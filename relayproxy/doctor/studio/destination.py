"""Destination: where the URL of a relay widget leads. Pure.

Knows: which URLs Twilio takes, how they lie below the relay's, and that Liquid in them is known to Studio alone.
Must not know: widgets, flows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from relayproxy.doctor.studio.flow import Path
from relayproxy.doctor.studio.references import has_liquid, without_liquid
from relayproxy.doctor.studio.remark import Remark
from relayproxy.relay.handshake.targets import RESERVED, Targets
from relayproxy.settings.model import Settings, relay_urls
from relayproxy.settings.requirements import DEFAULT_PORTS
from relayproxy.settings.signatures import DEFAULT_ROUTE
from relayproxy.settings.validators import websocket_url

_LIQUID = "known-to-studio-alone"
"""The mark of what is not known of a URL; like no part of anybody's."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The route that a URL leads to, None where that is not known; and what is to be said of the URL."""

    route: str | None
    remarks: tuple[Remark, ...]


def destination(url: object, path: Path, settings: Settings) -> Destination:
    """The destination of a widget's URL, which stands at `path`."""
    remarks = tuple(_remarks(url, path, settings))
    broken = any(one.severity == "error" and one.code != "url_not_wss" for one in remarks)
    return Destination(None if broken or not isinstance(url, str) else _route(url, settings), remarks)


def _remarks(url: object, path: Path, settings: Settings) -> Iterator[Remark]:
    if not isinstance(url, str) or not url.strip():
        yield Remark("error", "url_missing", path, f"has no URL; the relay's is expected: {_examples(settings)}")
        return
    known = without_liquid(url, _LIQUID)
    if has_liquid(url):
        text = "has Liquid in its URL, so that what Studio puts there cannot be checked; the relay's URLs are: "
        yield Remark("note", "url_liquid", path, text + _examples(settings))
        if _LIQUID in known.partition("://")[0]:
            return
    try:
        websocket_url(known)
    except ValueError as problem:
        yield Remark("error", "url_wrong", path, f"has a URL that Twilio cannot connect to: {problem}")
        return
    parts = urlsplit(known)
    if parts.scheme.lower() != "wss":
        yield Remark("error", "url_not_wss", path, "has a ws:// URL; Twilio connects to wss:// alone")
    if _LIQUID in parts.netloc:
        return
    if settings.public_url is None:
        text = "is not compared with the relay's host: set public_url (--public-url)"
        yield Remark("note", "no_public_url", path, text)
    elif wrong := [*_origin(known, path, settings.public_url, settings)]:
        yield from wrong
        if wrong[0].severity == "error":
            return
    yield from _target(known, path, settings)


def _origin(url: str, path: Path, public_url: str, settings: Settings) -> Iterator[Remark]:
    parts, ours = urlsplit(url), urlsplit(public_url)
    port = parts.port or DEFAULT_PORTS["wss"]
    if (parts.hostname, port) != (ours.hostname, ours.port or DEFAULT_PORTS["wss"]):
        text = f"leads to {parts.netloc} and not to this relay; expected: {_examples(settings)}"
        yield Remark("error", "url_elsewhere", path, text)
    elif not f"{parts.path}/".startswith(f"{ours.path}/"):
        text = f"does not begin with the path of this relay's URL, {ours.path}; expected: {_examples(settings)}"
        yield Remark("error", "url_elsewhere", path, text)
    elif parts.netloc != ours.netloc and parts.netloc.lower() == ours.netloc.lower():
        text = (
            f"writes {parts.netloc} where public_url writes {ours.netloc}; Twilio signs it as written: write it alike"
        )
        yield Remark("warning", "url_spelling", path, text)


def _target(url: str, path: Path, settings: Settings) -> Iterator[Remark]:
    if settings.backend is None and not settings.routes:
        text = "is not compared with routes: the settings have none (--config, --route, --backend)"
        yield Remark("note", "no_routes", path, text)
        return
    target = _below(url, settings)
    name = _named(target)
    if target.startswith(RESERVED):
        text = f"leads to the relay's own {RESERVED}, where no calls are taken; expected: {_examples(settings)}"
        yield Remark("error", "url_reserved", path, text)
    elif name is not None and _LIQUID not in name and name not in settings.routes:
        so = ", so that the default backend gets its calls" if settings.backend else ""
        text = f"names the route {name}, which there is not{so}; there are: {_examples(settings)}"
        yield Remark("error", "url_unknown_route", path, text)
    elif name is None and settings.backend is None and _LIQUID not in target:
        yield Remark("error", "url_no_route", path, f"leads to no route; there are: {_examples(settings)}")
    else:
        try:
            Targets(settings).match(target)
        except ValueError as problem:
            yield Remark("error", "url_no_route", path, f"leads to no backend: {problem}")


def _route(url: str, settings: Settings) -> str | None:
    known = without_liquid(url, _LIQUID)
    if "://" not in known or (settings.backend is None and not settings.routes):
        return None
    target = _below(known, settings)
    name = _named(target)
    if _LIQUID in known.partition("://")[0] + urlsplit(known).netloc or (
        _LIQUID in target.partition("?")[0] and name is None
    ):
        return None
    if name is not None:
        return name if name in settings.routes else None
    return DEFAULT_ROUTE if settings.backend else None


def _below(url: str, settings: Settings) -> str:
    """Path and query as the relay gets them."""
    netloc = urlsplit(url).netloc
    target = url.partition("://")[2].removeprefix(netloc)
    if settings.public_url is not None:
        target = target.removeprefix(urlsplit(settings.public_url).path)
    return target if target.startswith("/") else f"/{target}"


def _named(target: str) -> str | None:
    """The name of the route that a target names."""
    segments = target.partition("?")[0].split("/")
    return segments[2] if segments[1] == "r" and len(segments) > 2 else None


def _examples(settings: Settings) -> str:
    return ", ".join(relay_urls(settings, "wss://<your relay>").values()) or "wss://<your relay>/"
