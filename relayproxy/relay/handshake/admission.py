"""Admission: tells upgrade requests for calls from other requests, and words the refusal of those. Pure.

Knows: the opening handshake of a WebSocket (RFC 6455, 4.2.1), and how proxies in front of the relay change it.
Must not know: sockets, aiohttp, settings, routes.
"""

from collections.abc import Sequence
from typing import NamedTuple

from relayproxy.refusals import Reason
from relayproxy.relay.headers import has_body, hops, tokens
from relayproxy.signature import HEADERS

MAX_HOPS = 8
"""Relays named in `Via` from which on a request counts as a loop."""
_NGINX = 'nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'


class Objection(NamedTuple):
    """Reason for which a request is refused, with the HTTP status and the text of the answer. Of the request, `words`
    quote the method and nothing else."""

    reason: Reason
    status: int
    words: str


def objection(
    method: str, version: tuple[int, int], headers: Sequence[tuple[str, str]], *, own_name: str
) -> Objection | None:
    """The objection to relaying a request, or None. `own_name` is the name of this relay in `Via`."""
    if method != "GET":
        return Objection("method", 426, _wrong_method(method))
    missing = [
        words
        for words, there in (
            ("Upgrade: websocket", "websocket" in tokens(headers, "upgrade")),
            ("Connection: Upgrade", "upgrade" in tokens(headers, "connection")),
        )
        if not there
    ]
    meant = not missing or _is_meant_for_a_call(headers)
    if version < (1, 1) and meant:
        return Objection(
            "http_1_0",
            426,
            "a WebSocket needs HTTP/1.1, and this request came as HTTP/1.0: have the proxy in front speak 1.1 "
            f"({_NGINX})",
        )
    if missing and not meant:
        return Objection("no_upgrade", 426, "this is a WebSocket URL for Twilio ConversationRelay")
    if missing:
        return Objection(
            "no_upgrade",
            426,
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: have the proxy in front pass the "
            f"upgrade on ({_NGINX})",
        )
    if has_body(headers):
        return Objection("body", 400, "an upgrade request has no body")
    way = hops(headers)
    if own_name in way or sum(name.startswith("relayproxy-") for name in way) >= MAX_HOPS:
        return Objection(
            "loop",
            508,
            "this request has come back to the relay that sent it: set the backend to your ConversationRelay server's "
            "own address",
        )
    return None


def _is_meant_for_a_call(headers: Sequence[tuple[str, str]]) -> bool:
    """True when any sign of an upgrade is there: a proxy that removes `Upgrade` or `Connection` leaves the others."""
    return (
        is_signed(headers)
        or "websocket" in tokens(headers, "upgrade")
        or any(name.lower().startswith("sec-websocket-") for name, _ in headers)
    )


def is_signed(headers: Sequence[tuple[str, str]]) -> bool:
    """True when a request has Twilio's signature, right or wrong."""
    return any(name.lower() in HEADERS for name, _ in headers)


def _wrong_method(method: str) -> str:
    return (
        f"a WebSocket is asked for with GET, and this is {method}: the relay's URL belongs in the url of "
        "<ConversationRelay>, not where a webhook is expected"
    )
