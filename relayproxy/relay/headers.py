"""Header policy: the headers that go to the backend, to the caller and into the record. Pure.

Knows: hop-by-hop headers (RFC 9110, 7.6.1), which headers tell where a request came from, traceparent (W3C Trace
Context), which values are secrets.
Must not know: sockets, aiohttp, settings; the values of X-Forwarded-… headers.

Headers are lists of (name, value) in wire order. Text is UTF-8 with surrogateescape, so that any bytes survive.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence

from relayproxy.connection import REDACTED
from relayproxy.settings.validators import is_secret
from relayproxy.signature import HEADERS
from relayproxy.text import shortened
from relayproxy.urls import masked_url, without_userinfo

Headers = list[tuple[str, str]]

RECORDED_TEXT = 2048
RECORDED_HEAD = 16 * 1024
"""Characters of one name, value or target, and of all headers of a head, that are recorded."""
CUT = "…"
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
"""Options that `Connection` may name: those of the connection itself."""
_ORIGIN = re.compile(r"x-forwarded-.*|forwarded|x-real-ip", re.IGNORECASE)
"""Headers that tell where a request came from, which only a trusted front end knows."""
_LONG = 32
"""Characters of a subprotocol above which it is taken for a credential, which browsers can put nowhere else."""
_NUMBER = re.compile(r"\d(?:(?:[ ./_+-]|%[0-9a-f]{2})?\d){5,}", re.IGNORECASE)
_AT = re.compile(r"@|%40")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


def decode(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Header lines as text, UTF-8 with surrogateescape, which loses nothing."""
    return [(name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")) for name, value in raw]


def value_of(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    """The first value of a header, or None. `name` is in lower case and matches any case."""
    size = len(name)
    for key, value in headers:
        if len(key) == size and key.lower() == name:
            return value
    return None


def tokens(headers: Sequence[tuple[str, str]], name: str) -> set[str]:
    """The comma-separated tokens of all lines of a header, lower-case."""
    size = len(name)
    values = [value for key, value in headers if len(key) == size and key.lower() == name]
    return {token.strip().lower() for value in values for token in value.split(",") if token}


def has_body(headers: Sequence[tuple[str, str]]) -> bool:
    """True when a body is announced by Transfer-Encoding, or by a Content-Length other than 0."""
    return value_of(headers, "transfer-encoding") is not None or (value_of(headers, "content-length") or "0") != "0"


def without_origin(headers: Headers) -> Headers:
    """The headers without those that tell where a request came from, save `X-Forwarded-For` and `X-Real-IP`."""
    kept = ("x-forwarded-for", "x-real-ip")
    return [(name, value) for name, value in headers if name.lower() in kept or not _ORIGIN.fullmatch(name)]


def to_backend(
    headers: Headers, *, forwarded: Sequence[tuple[str, str]], trusted: bool, via: str, traceparent: str | None
) -> Headers:
    """The request headers for the backend: all of them, less hop-by-hop, in their order.

    `forwarded` replace the headers of the same names. Other headers that tell where a request came from are kept for a
    `trusted` peer only. `traceparent`, if any, replaces the one received and removes `tracestate`. `via` is the name of
    this relay in `Via`. Upgrade and Connection are kept, as they negotiate the WebSocket; but Upgrade names nothing
    besides `websocket`, and Connection no headers, which the next hop would drop.
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
    """The options of a `Connection` line that are kept; empty when none is: some servers reject an empty line."""
    named = [token.strip() for token in value.split(",")]
    options = [token for token in named if token.lower() in _NEGOTIATED]
    return value if len(options) == len(named) else ", ".join(options)


def hops(headers: Sequence[tuple[str, str]]) -> list[str]:
    """Names of the proxies that a request has passed, in order, from `Via`."""
    received = (part.split() for name, value in headers if name.lower() == "via" for part in value.split(","))
    return [words[1] for words in received if len(words) > 1]


def to_caller(headers: Headers) -> Headers:
    """The headers of a refusal for the caller: the body is sent as it is and ended by closing the connection."""
    hop_by_hop = (_HOP_BY_HOP - {"proxy-authenticate"}) | {"connection", "upgrade"}
    return [(name, value) for name, value in headers if name.lower() not in hop_by_hop] + [("Connection", "close")]


def trace_of(headers: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """Trace id and span id of a valid `traceparent` that the caller sent, or None."""
    found = _TRACEPARENT.fullmatch(value_of(headers, "traceparent") or "")
    return (found[1], found[2]) if found else None


def printable(text: str) -> str:
    """Text of a header that can be encoded as UTF-8: undecodable bytes become the replacement character."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def mask(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headers for the record: secrets become `<redacted>`, undecodable bytes the replacement character. Names and
    values are cut at `RECORDED_TEXT` characters, all of them at `RECORDED_HEAD`: a head may have a megabyte."""
    kept: list[tuple[str, str]] = []
    left = RECORDED_HEAD
    for name, value in headers:
        one = cut(printable(name)), cut(_masked(name, value))
        left -= len(one[0]) + len(one[1])
        if left < 0:
            kept.append((CUT, f"{len(headers) - len(kept)} more headers"))
            break
        kept.append(one)
    return tuple(kept)


def cut(text: str) -> str:
    """Text for the record, cut at `RECORDED_TEXT` characters; then `…` is its end."""
    return shortened(text, RECORDED_TEXT)


def signature_digest(headers: Sequence[tuple[str, str]]) -> str | None:
    """SHA-256 of the values of Twilio's signature headers, in hex digits; None without one."""
    values = sorted({value for name, value in headers if name.lower() in HEADERS})
    if not values:
        return None
    return hashlib.sha256("\n".join(values).encode("utf-8", "surrogateescape")).hexdigest()


def _masked(name: str, value: str) -> str:
    if is_secret(name):
        return REDACTED
    if name.lower() == "sec-websocket-protocol":
        offered = (token.strip() for token in value.split(","))
        return ", ".join(REDACTED if len(token) > _LONG else printable(token) for token in offered)
    return mask_query(without_userinfo(value))


def mask_query(url: str) -> str:
    """A URL or request target for the record: values of its query, often credentials, become `<redacted>`."""
    return printable(masked_url(url))


def without_personal(path: str) -> str:
    """A path for counts and the log, which are not redacted later: digits that may be anybody's number, and what may be
    an address, become `…`."""
    return "/".join(CUT if _AT.search(part) else part for part in _NUMBER.sub(CUT, path).split("/"))
