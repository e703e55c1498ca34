"""Backends: each is dialled as a call would dial it, and hung up on as soon as it has answered.

Knows: the request that the relay makes of Twilio's, what a good 101 is, what refusals usually mean.
Must not know: messages: none is sent.

A backend sees a WebSocket open and close without a setup message, with the header `x-relayproxy-doctor: 1`; a shadow's
second backend sees `x-relayproxy-shadow: 1` besides. Each is dialled directly, not through a relay, so no session is
recorded.
"""

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from relayproxy import __version__
from relayproxy.doctor.check import Result
from relayproxy.doctor.clock import Clocks
from relayproxy.errors import SettingError
from relayproxy.relay.handshake.forwarded import Public, forwarded, without_public_url
from relayproxy.relay.handshake.stopwatch import Stopwatch
from relayproxy.relay.handshake.targets import Target, Targets, is_secure
from relayproxy.relay.handshake.upstream import Accepted, Refused, Upstream, own_host
from relayproxy.relay.headers import Headers, value_of
from relayproxy.relay.shadow.shadows import HEADER as SHADOW
from relayproxy.settings.model import Settings
from relayproxy.settings.signatures import read_key, signature_rules
from relayproxy.settings.sources import mask
from relayproxy.signature import SignedForm, sign

HEADER = "x-relayproxy-doctor"
PATIENCE = 10.0
"""Seconds for a handshake, where connect_timeout allows more."""
GOODBYE = 2.0
"""Seconds that a backend gets to answer a close frame."""
_KEY_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
"""A close frame with code 1000, masked with zeros."""
_CLOSE_OPCODE = 0x88
_MEANINGS = {
    400: "it does not take the request: see its log",
    401: "it asks for credentials that a call has not either, unless they are in its URL",
    403: "it refuses who is not Twilio, perhaps: see which URL its signature check builds, and with which token",
    404: "it has no such path: name the path that Twilio gets with --path, or correct the backend's URL",
    405: "that path takes no GET: the WebSocket is elsewhere",
    426: "it does not understand the request as a WebSocket's: see what stands before it",
    429: "it takes no more connections now",
    500: "it fails on connecting: see its log",
    502: "what stands before it does not reach it",
    503: "it takes no calls now",
    504: "what stands before it does not reach it in time",
}


async def backend(settings: Settings, route: str, target: str, clocks: Clocks) -> list[Result]:
    """Dials a route's backend for a request to the relay with this target (`/r/sales/ws`)."""
    try:
        found = Targets(settings).match(target)
    except ValueError as problem:
        return [Result("backends", route, "failed", str(problem), "choose another --path")]
    assert found is not None
    return await _dialled(settings, route, target, found, (), clocks)


async def shadow(settings: Settings, route: str, target: str, clocks: Clocks) -> list[Result]:
    """Dials the second backend of a route's shadow, likewise."""
    name, targets = f"shadow of {route}", Targets(settings)
    try:
        first = targets.match(target)
    except ValueError:
        first = None
    found = targets.shadow(first) if first is not None else None
    if found is None:
        text = "a path that does not climb out of the second backend's is expected: calls with this one are not copied"
        return [Result("backends", name, "failed", text, "choose another --path")]
    return await _dialled(settings, name, target, found, (SHADOW,), clocks)


async def _dialled(
    settings: Settings, name: str, target: str, found: Target, more: Sequence[tuple[str, str]], clocks: Clocks
) -> list[Result]:
    headers, signed = _headers(settings, target, found)
    headers = [*headers, *more]
    upstream = Upstream(min(settings.connect_timeout, PATIENCE), tls=is_secure(found.url))
    asked_at = time.time()
    began = time.monotonic()
    answer = await upstream.dial(found.url, headers, own_host=found.host == "backend", stopwatch=Stopwatch())
    taken = (time.monotonic() - began) * 1000
    clocks.note(f"backend of {name}", value_of(answer.headers, "date"), asked_at)
    if isinstance(answer, Refused):
        return [_refused(name, found, answer, signed=signed)]
    return [await _accepted(name, found, answer, headers, taken)]


def _headers(settings: Settings, target: str, found: Target) -> tuple[Headers, bool]:
    """The request's headers, and whether Twilio's signature is among them."""
    public = Public.of(settings.public_url) if settings.public_url else None
    host = public.host if public and found.host == "preserve" else own_host(found.url)
    told = forwarded([], peer="127.0.0.1", tls=True, target=target, public=public, proxies=())
    rules = signature_rules(settings, found.route)
    authority = len(urlsplit(found.url).netloc)
    scheme, _, rest = found.url.partition("://")
    seen = f"{scheme}://{host}{rest[authority:] or '/'}"
    asked = f"{settings.public_url}{target}" if settings.public_url else None
    url = {"preserve": asked, "resign": seen, "strip": None}[rules.signature]
    signature = _signature(rules.references, url) if url else None
    if rules.signature == "resign" or public is None:
        told = without_public_url(told)
    headers = [
        ("Host", host),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", base64.b64encode(os.urandom(16)).decode()),
        ("User-Agent", f"relayproxy/{__version__} doctor"),
        (HEADER, "1"),
        *([("X-Twilio-Signature", signature)] if signature else []),
        *told,
    ]
    return headers, signature is not None


def _signature(references: tuple[str, ...], url: str) -> str | None:
    for reference in references:
        with suppress(SettingError):
            key = read_key(reference)
            if key.id is None:
                return sign(SignedForm(path="slash").text(url), key.secret)
    return None


def _refused(name: str, found: Target, answer: Refused, *, signed: bool) -> Result:
    where = mask(found.url)
    if answer.status == 403 and not signed and not answer.ours:
        text = f"{where} answers 403 to a request without Twilio's signature, as a backend does that checks it"
        action = "set auth_tokens and public_url, and it is asked with a signature; else nothing is wrong with that"
        return Result("backends", name, "warning", text, action)
    by_itself = answer.error.startswith("the backend answered")
    meaning = _MEANINGS.get(answer.status) if by_itself else None
    if meaning is None and by_itself and 300 <= answer.status < 400:
        meaning = "it leads elsewhere, and no redirect is followed: name the place that it leads to"
    action = meaning or ("see its log" if by_itself else "start it, or correct its URL; see its certificate and name")
    return Result("backends", name, "failed", f"{where}: {answer.error}", action)


async def _accepted(name: str, found: Target, answer: Accepted, headers: Headers, taken: float) -> Result:
    where = mask(found.url)
    try:
        if value_of(answer.headers, "sec-websocket-accept") != _accept(dict(headers)):
            text = f"{where} answers 101 with a wrong Sec-WebSocket-Accept, which Twilio does not take"
            return Result("backends", name, "failed", text, "see what stands before it; it may answer from a cache")
        closed = await _say_goodbye(answer)
    finally:
        answer.close()
    secure = " over TLS" if urlsplit(found.url).scheme == "wss" else ""
    text = f"{where} takes calls: 101{secure} after {taken:.0f} ms, and "
    if closed:
        return Result("backends", name, "ok", f"{text}hung up in order")
    action = "nothing, if it waits for the setup message; else it does not notice when a caller hangs up"
    return Result("backends", name, "warning", f"{text}no answer to a close frame within {GOODBYE:g} s", action)


def _accept(headers: Mapping[str, str]) -> str:
    key = headers["Sec-WebSocket-Key"] + _KEY_GUID
    return base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()  # noqa: S324 - as RFC 6455 has it


async def _say_goodbye(answer: Accepted) -> bool:
    """Closes the WebSocket; True when the backend closes it, too."""
    transport = answer.transport
    if transport is None:
        return True
    goodbye = _Goodbye(answer.protocol)
    transport.set_protocol(goodbye)
    goodbye.data_received(answer.protocol.take_early())
    transport.write(_CLOSE)
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE):
            await goodbye.over.wait()
            return True
    return False


class _Goodbye(asyncio.Protocol):
    """Waits for a close frame, or for the end of the connection. Other frames are skipped unread."""

    def __init__(self, before: asyncio.BaseProtocol) -> None:
        self._before = before
        self._head = bytearray()
        self._skip = 0
        self.over = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._head += data[self._skip :]
        self._skip = max(0, self._skip - len(data))
        while len(self._head) >= 2 and not self.over.is_set():
            if self._head[0] == _CLOSE_OPCODE:
                self.over.set()
                return
            length, size = self._head[1] & 0x7F, 2
            if length > 125:
                size += 2 if length == 126 else 8
                if len(self._head) < size:
                    return
                length = int.from_bytes(self._head[2:size])
            self._skip = max(0, size + length - len(self._head))
            del self._head[: size + length]

    def connection_lost(self, problem: Exception | None) -> None:
        self._before.connection_lost(problem)
        self.over.set()
