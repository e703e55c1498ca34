"""Header policy: which headers the backend gets, which are recorded, which are answered. Pure.

Knows: hop-by-hop headers (RFC 9110, 7.6.1), which headers tell where a request came from, traceparent (W3C Trace
Context), which values are secrets.
Must not know: sockets, aiohttp, settings; what is to be told of where a request came from.

Headers are lists of (name, value) in wire order. Text is UTF-8 with surrogateescape, so that any bytes survive.
"""

import re
from collections.abc import Iterable, Sequence

from relayproxy.connection import REDACTED
from relayproxy.settings.validators import is_secret

Headers = list[tuple[str, str]]

_HOP_BY_HOP = {
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
}
_NEGOTIATED = {"upgrade", "keep-alive", "close"}
"""What `Connection` may name: options of the connection itself."""
_ORIGIN = re.compile(r"x-forwarded-.*|forwarded|x-real-ip", re.IGNORECASE)
"""Headers that tell where a request came from, which only a trusted front end knows."""
_USERINFO = re.compile(r"(?<=://)[^/?#\s@]+@")
_LONG = 32
"""A subprotocol longer than this is no name but a credential that had no other place in a browser's handshake."""
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def decode(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Header lines as text, reversibly."""
    return [(name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")) for name, value in raw]


def value_of(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """The first value of a header, by any case of its name."""
    return next((value for key, value in headers if key.lower() == name), None)


def tokens(headers: Sequence[tuple[str, str]], name: str) -> set[str]:
    """The comma-separated tokens of all lines of a header, lower-case."""
    return {
        token.strip().lower() for key, value in headers if key.lower() == name for token in value.split(",") if token
    }


def has_body(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether a request body is announced; an upgrade request has none."""
    return value_of(headers, "transfer-encoding") is not None or (value_of(headers, "content-length") or "0") != "0"


def to_backend(
    headers: Headers, *, forwarded: Sequence[tuple[str, str]], trusted: bool, via: str, traceparent: str | None
) -> Headers:
    """The request headers for the backend: all of them, less hop-by-hop, in their order.

    `forwarded` take the places of the headers of these names. Of a peer that is not `trusted` nothing else stays that
    claims where the request came from. `traceparent`, if any, takes the place of the one that came. `via` is this
    relay's name in `Via`. Upgrade and Connection stay: they are what is being negotiated. But of several protocols only
    the WebSocket is relayed, and Connection cannot name headers that the next hop would drop.
    """
    ours = {name.lower(): value for name, value in forwarded}
    if traceparent is not None:
        ours["traceparent"] = traceparent
    left_out = _HOP_BY_HOP | ({"tracestate"} if traceparent is not None else set())
    kept: Headers = []
    written: set[str] = set()
    for name, value in headers:
        key = name.lower()
        if key in ours:
            if key not in written:
                kept.append((name, ours[key]))
            written.add(key)
        elif key == "connection":
            if options := _connection(value):
                kept.append((name, options))
        elif key == "upgrade":
            if key not in written:
                kept.append((name, value if value.strip().lower() == "websocket" else "websocket"))
            written.add(key)
        elif key not in left_out and (trusted or not _ORIGIN.fullmatch(name)):
            kept.append((name, value))
    kept += [(name, value) for name, value in forwarded if name.lower() not in written]
    kept.append(("Via", f"1.1 {via}"))
    if traceparent is not None and "traceparent" not in written:
        kept.append(("traceparent", traceparent))
    return kept


def _connection(value: str) -> str:
    """What `Connection` may say; a line without anything left would be an error to some servers."""
    named = [token.strip() for token in value.split(",")]
    options = [token for token in named if token.lower() in _NEGOTIATED]
    return value if len(options) == len(named) else ", ".join(options)


def hops(headers: Sequence[tuple[str, str]]) -> list[str]:
    """By whom a request has come, as `Via` names them."""
    received = (part.split() for name, value in headers if name.lower() == "via" for part in value.split(","))
    return [words[1] for words in received if len(words) > 1]


def to_caller(headers: Headers) -> Headers:
    """The headers of a refusal for the caller: the body is sent as it is and ended by closing the connection."""
    hop_by_hop = (_HOP_BY_HOP - {"proxy-authenticate"}) | {"connection", "upgrade"}
    return [(name, value) for name, value in headers if name.lower() not in hop_by_hop] + [("Connection", "close")]


def trace_of(headers: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """Trace id and span id of a valid `traceparent` that the caller sent."""
    found = _TRACEPARENT.fullmatch(value_of(headers, "traceparent") or "")
    return (found[1], found[2]) if found else None


def printable(text: str) -> str:
    """Text that can be written anywhere: undecodable bytes become the replacement character."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def mask(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headers fit for a record: values of secrets replaced, undecodable bytes replaced."""
    return tuple((printable(name), _masked(name, value)) for name, value in headers)


def _masked(name: str, value: str) -> str:
    if is_secret(name):
        return REDACTED
    if name.lower() == "sec-websocket-protocol":
        offered = (token.strip() for token in value.split(","))
        return ", ".join(REDACTED if len(token) > _LONG else printable(token) for token in offered)
    return mask_query(_USERINFO.sub(f"{REDACTED}@", value))


def mask_query(url: str) -> str:
    """A URL or request target fit for a record: query values are often credentials."""
    path, mark, query = url.partition("?")
    if not mark:
        return printable(url)
    parts = (
        name + REDACTED if (name := "".join(part.partition("=")[:2])).endswith("=") else REDACTED
        for part in query.split("&")
    )
    return printable(path) + "?" + printable("&".join(parts))
