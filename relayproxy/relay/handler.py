"""One upgrade request, from its head to the end of the call.

Knows: the order of things: match, dial, answer, splice, record how it opened and how it ended.
Must not know: messages; how the journal is written; when the process stops.
"""

import asyncio
import itertools
import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import Literal

import msgspec
from aiohttp import web

from relayproxy.config import Settings
from relayproxy.connection import Ending, Opening
from relayproxy.journal.format import Kind
from relayproxy.journal.tape import Tape
from relayproxy.relay import headers as header_policy
from relayproxy.relay.headers import Headers, mask, mask_query
from relayproxy.relay.splice import Splice
from relayproxy.relay.stopwatch import Stopwatch
from relayproxy.relay.targets import RESERVED, Target, Targets
from relayproxy.relay.upstream import Accepted, Collector, Refused, Upstream

log = logging.getLogger(__name__)


First = Literal["twilio", "backend", "proxy"]
_GONE = "the caller was gone before the backend had answered"
_STOPPED = "relayproxy was stopped before the backend had answered"


class Sent(web.StreamResponse):
    """A response that has been written on the transport already: aiohttp has nothing left to send."""

    def __init__(self, status: int) -> None:
        super().__init__(status=status)
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing to send."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing to send."""


class Relay:
    """The request handler. `live` holds every call in progress; `handshakes` counts those not yet answered."""

    def __init__(self, settings: Settings, tape: Tape, upstream: Upstream, journal_problem: Callable[[], str | None]):
        self._targets = Targets(settings)
        self._tape = tape
        self._upstream = upstream
        self._journal_problem = journal_problem
        self._traceparent = settings.traceparent
        self._public = settings.public_url.partition("://")[::2] if settings.public_url else None
        self._numbers = itertools.count(1)
        self.live: set[Splice] = set()
        self.handshakes: set[asyncio.Task[object]] = set()
        self.draining = False

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Relays one request; returns when the call is over."""
        if request.raw_path.startswith(RESERVED):
            return self._own_page(request)
        if self.draining:
            return _words(503, "shutting down")
        got = header_policy.decode(request.raw_headers)
        if not _is_utf8(request.raw_path):
            return _words(400, "the path has bytes that are not UTF-8 and could not be passed on unchanged")
        target = self._targets.match(request.raw_path)
        if target is None:
            return _words(404, "no route takes this path; see the relay URL that the console shows")
        if request.method != "GET" or not header_policy.is_websocket_upgrade(got):
            return _words(426, "this is a WebSocket URL for Twilio ConversationRelay", {"Upgrade": "websocket"})
        if header_policy.has_body(got):
            return _words(400, "an upgrade request has no body")
        return await self._relay(request, target, got)

    async def _relay(self, request: web.BaseRequest, target: Target, got: Headers) -> web.StreamResponse:
        opened, opened_at = time.monotonic_ns(), time.time_ns()
        opening, traceparent = self._opening(request, target, got, opened_at)
        sent = header_policy.to_backend(got, traceparent=traceparent, **self._observed(request, got))
        number = next(self._numbers)
        stopwatch = Stopwatch()
        answer = await self._dial(target, sent, opening, number, opened, stopwatch)
        opening = msgspec.structs.replace(
            opening,
            response_headers=mask(answer.headers),
            connected_after=time.monotonic_ns() - opened,
            dial=stopwatch.dial(),
        )
        if isinstance(answer, Refused):
            return self._refuse(request, answer, opening, number, opened)
        transport = request.transport
        if transport is None or transport.is_closing():
            answer.response.close()
            self._note_attempt(number, opened, msgspec.structs.replace(opening, error=_GONE), first="twilio")
            return Sent(499)
        splice = self._splice(request, transport, answer, number, opened, opening)
        # aiohttp cancels this handler once Twilio's end is gone; the backend's end may still have bytes to take.
        await asyncio.shield(splice.finished)
        return Sent(101)

    async def _dial(
        self, target: Target, headers: Headers, opening: Opening, number: int, opened: int, stopwatch: Stopwatch
    ) -> Accepted | Refused:
        task = asyncio.current_task()
        assert task is not None
        self.handshakes.add(task)
        try:
            return await self._upstream.dial(
                target.url, headers, own_host=target.host == "backend", stopwatch=stopwatch
            )
        except asyncio.CancelledError:
            # By aiohttp, because Twilio hung up, or by a stop that waits no longer.
            error = _STOPPED if self.draining else _GONE
            first: First = "proxy" if self.draining else "twilio"
            self._note_attempt(number, opened, msgspec.structs.replace(opening, error=error), first)
            raise
        finally:
            self.handshakes.discard(task)

    def _splice(
        self,
        request: web.BaseRequest,
        twilio: asyncio.Transport,
        answer: Accepted,
        number: int,
        opened: int,
        opening: Opening,
    ) -> Splice:
        collector = Collector()
        request.protocol.keep_alive(False)
        request.protocol.set_parser(collector)  # type: ignore[arg-type]
        splice = Splice(
            number=number,
            tape=self._tape,
            opened=opened,
            twilio=twilio,
            twilio_protocol=request.protocol,
            backend=answer.transport,
            backend_protocol=answer.protocol,
            on_end=lambda ending: self._note_ending(number, opened, ending),
        )
        opening = msgspec.structs.replace(opening, status=101)
        self._tape.note(Kind.OPENING, number, opened, msgspec.json.encode(opening))
        self.live.add(splice)
        splice.finished.add_done_callback(lambda _: self.live.discard(splice))
        splice.finished.add_done_callback(lambda _: answer.response.close())
        splice.start(answer.head, bytes(collector.data), bytes(answer.collector.data))
        return splice

    def _refuse(
        self, request: web.BaseRequest, answer: Refused, opening: Opening, number: int, opened: int
    ) -> web.StreamResponse:
        log.warning("route %s: %s", opening.route, answer.error)
        opening = msgspec.structs.replace(opening, status=answer.status, error=answer.error)
        self._note_attempt(number, opened, opening, first="backend")
        if request.transport is not None:
            request.transport.write(answer.head + answer.body)
        return Sent(answer.status)

    def _note_attempt(self, number: int, opened: int, opening: Opening, first: First) -> None:
        self._tape.note(Kind.OPENING, number, opened, msgspec.json.encode(opening))
        self._note_ending(number, opened, Ending(t=time.monotonic_ns() - opened, first=first))

    def _note_ending(self, number: int, opened: int, ending: Ending) -> None:
        self._tape.note(Kind.ENDING, number, opened + ending.t, msgspec.json.encode(ending))

    def _opening(
        self, request: web.BaseRequest, target: Target, got: Headers, opened_at: int
    ) -> tuple[Opening, str | None]:
        trace = header_policy.trace_of(got)
        trace_id, parent = trace if trace else (secrets.token_hex(16), None)
        span_id = secrets.token_hex(8)
        opening = Opening(
            connection_id=secrets.token_hex(16),
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent,
            route=target.route,
            backend=mask_query(target.url),
            target=mask_query(request.raw_path),
            opened_at=opened_at,
            peer=_peer(request),
            request_headers=mask(got),
        )
        wanted = self._traceparent and header_policy.value_of(got, "traceparent") is None
        return opening, f"00-{trace_id}-{span_id}-01" if wanted else None

    def _observed(self, request: web.BaseRequest, got: Headers) -> dict[str, str]:
        if self._public is not None:
            scheme, host = self._public
            host, proto = host.partition("/")[0], "https" if scheme == "wss" else "http"
        else:
            tls = request.transport is not None and request.transport.get_extra_info("ssl_object") is not None
            host, proto = header_policy.value_of(got, "host") or "", "https" if tls else "http"
        return {"peer": _peer(request).rpartition(":")[0].strip("[]"), "host": host, "proto": proto}

    def _own_page(self, request: web.BaseRequest) -> web.StreamResponse:
        page = request.raw_path.removeprefix(RESERVED).partition("?")[0]
        if page == "healthz":
            return _own(200, "ok\n")
        if page == "readyz":
            problem = self._journal_problem()
            state = "draining" if self.draining else "degraded" if problem else "ready"
            report = {"status": state, "journal": problem or "ok", "live_calls": len(self.live)}
            return _own(503 if self.draining else 200, json.dumps(report) + "\n", "application/json")
        return _words(404, "only healthz and readyz are here")


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _peer(request: web.BaseRequest) -> str:
    name = request.transport.get_extra_info("peername") if request.transport is not None else None
    if not isinstance(name, tuple):
        return "unknown:0"
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def _words(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return _own(status, f"relayproxy: {text}\n", headers=headers)


def _own(
    status: int, text: str, content_type: str = "text/plain", headers: dict[str, str] | None = None
) -> web.Response:
    response = web.Response(status=status, text=text, content_type=content_type, headers=headers)
    response.headers["Server"] = "relayproxy"
    response.force_close()
    return response
