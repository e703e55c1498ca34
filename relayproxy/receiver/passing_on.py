"""Passing on: what was received goes to the configured endpoint as it came.

Knows: how much may wait, what is tried again and for how long; that the proxy must not send to itself in a circle.
Must not know: what is passed on; settings' names.
"""

import asyncio
import logging
import secrets
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from relayproxy import __version__
from relayproxy.settings.otlp import OtlpExport, Signal

log = logging.getLogger(__name__)

MAX_PARCELS, MAX_BYTES = 2000, 32 * 1024 * 1024
WORKERS = 4
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try."""
LONGEST_PAUSE = 30.0
"""Seconds that an endpoint can ask for with Retry-After."""
SHUTDOWN = 1.5
"""Seconds that what waits gets to be sent at the end."""
VIA = "X-Relayproxy-Via"
"""Header with the names of the receivers that passed a request on."""
MAX_VIA = 512
_AGAIN = frozenset({408, 429, 502, 503, 504})
_SERVICES: dict[Signal, str] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_AGAIN_GRPC = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"})


@dataclass(frozen=True, slots=True)
class Parcel:
    """A request as it came. `inflated` is its body without content encoding, for endpoints of gRPC."""

    signal: Signal
    body: bytes
    content_type: str
    encoding: str = ""
    via: str = ""
    inflated: bytes | None = None


class _AgainError(Exception):
    """It may work later."""

    def __init__(self, cause: str, after: float = 0.0) -> None:
        super().__init__(cause)
        self.after = after


class _RefusedError(Exception):
    """It will not work."""


class PassingOn:
    """A bounded queue of parcels and those who send them. `put` may be called from any thread, the rest on the event
    loop. `ways` are the endpoints by signal."""

    def __init__(self, ways: Mapping[Signal, OtlpExport]) -> None:
        self._ways = ways
        self._name = secrets.token_hex(8)
        self._waiting: deque[Parcel] = deque()
        self._size = 0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._come = asyncio.Event()
        self._idle = asyncio.Event()
        self._sending = 0
        self._workers: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self._channels: dict[Signal, Any] = {}
        self.sent = 0
        """Requests that an endpoint has taken."""
        self.failed = 0
        """Requests that it did not take."""
        self.dropped = 0
        """Requests that did not fit into the queue, or had come from here."""
        self.trouble: str | None = None
        """Why the last request was not taken; None while they are."""

    @property
    def places(self) -> tuple[str, ...]:
        """Scheme, host and port of the endpoints."""
        return tuple(dict.fromkeys(way.place for way in self._ways.values()))

    def put(self, parcel: Parcel) -> bool:
        """Queues a parcel and returns at once; False when there is no endpoint for it."""
        if parcel.signal not in self._ways:
            return False
        with self._lock:
            if self._name in parcel.via.split(","):
                self._drop("what was passed on comes back here: the endpoint leads to this receiver")
            elif len(self._waiting) >= MAX_PARCELS or self._size + len(parcel.body) > MAX_BYTES:
                self._drop("more is received than its endpoint takes")
            else:
                self._waiting.append(parcel)
                self._size += len(parcel.body)
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._come.set)
        return True

    async def start(self) -> None:
        """Begins to send."""
        self._loop = asyncio.get_running_loop()
        if not self._ways:
            return
        timeout = max(way.timeout for way in self._ways.values())
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout),
            headers={"User-Agent": f"relayproxy/{__version__}"},
            connector=aiohttp.TCPConnector(limit=WORKERS * 2),
            trust_env=True,  # proxies, as for spans of calls
        )
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def stop(self) -> None:
        """Sends what waits, for `SHUTDOWN` seconds at most."""
        if self._workers:
            self._idle.clear()
            if self._waiting or self._sending:
                with suppress(TimeoutError):
                    async with asyncio.timeout(SHUTDOWN):
                        await self._idle.wait()
            left = len(self._waiting) + self._sending
            if left:
                log.warning("%d requests had not been passed on at the end", left)
            for worker in self._workers:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        for channel in self._channels.values():
            channel.close()

    def _drop(self, why: str) -> None:
        self.dropped += 1
        self._ill(why)

    async def _work(self) -> None:
        while True:
            parcel = self._next()
            if parcel is None:
                if not self._sending:
                    self._idle.set()
                self._come.clear()
                await self._come.wait()
                continue
            self._sending += 1
            try:
                await self._deliver(parcel)
            finally:
                self._sending -= 1

    def _next(self) -> Parcel | None:
        with self._lock:
            if not self._waiting:
                return None
            parcel = self._waiting.popleft()
            self._size -= len(parcel.body)
            return parcel

    async def _deliver(self, parcel: Parcel) -> None:
        cause = ""
        for pause in (*PAUSES, None):
            try:
                await self._send(parcel, self._ways[parcel.signal])
            except _AgainError as problem:
                cause = str(problem)
                self._ill(cause)
                if pause is not None:
                    await asyncio.sleep(max(pause, min(problem.after, LONGEST_PAUSE)))
            except _RefusedError as problem:
                cause = str(problem)
                break
            except Exception as problem:
                # Such as a header of the sender's that cannot be sent: others must go on.
                cause = type(problem).__name__
                break
            else:
                self.sent += 1
                self._well()
                return
        self.failed += 1
        self._ill(cause)

    async def _send(self, parcel: Parcel, way: OtlpExport) -> None:
        if way.protocol == "grpc":
            await self._call(parcel, way)
            return
        assert self._session is not None
        via = ",".join([*filter(None, parcel.via[:MAX_VIA].split(",")), self._name])
        headers = {**dict(way.headers), "Content-Type": parcel.content_type, VIA: via}
        if parcel.encoding:
            headers["Content-Encoding"] = parcel.encoding
        try:
            async with self._session.post(
                way.endpoint, data=parcel.body, headers=headers, ssl=_tls(way), allow_redirects=False
            ) as answer:
                status, after = answer.status, answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, OSError, TimeoutError) as problem:
            raise _AgainError(type(problem).__name__) from None
        if status in _AGAIN:
            raise _AgainError(f"HTTP {status}", float(after) if after.isdecimal() and len(after) < 6 else 0.0)
        if not 200 <= status < 300:
            raise _RefusedError(f"HTTP {status}")

    async def _call(self, parcel: Parcel, way: OtlpExport) -> None:
        import grpc  # which takes a third of a second

        if parcel.content_type.startswith("application/json") or parcel.inflated is None:
            raise _RefusedError("JSON cannot be passed on over gRPC")
        channel = self._channels.get(parcel.signal)
        if channel is None:
            channel = self._channels[parcel.signal] = _channel(way)
        export: Callable[..., Any] = channel.unary_unary(_SERVICES[parcel.signal])
        metadata = [*way.headers, (VIA.lower(), self._name)]
        try:
            await asyncio.to_thread(export, parcel.inflated, timeout=way.timeout, metadata=metadata)
        except grpc.RpcError as problem:
            code = problem.code().name
            raise (_AgainError if code in _AGAIN_GRPC else _RefusedError)(f"gRPC {code}") from None

    def _ill(self, cause: str) -> None:
        if self.trouble is None:
            log.warning("what is received is not passed on: %s (calls and what is kept are not affected)", cause)
        self.trouble = cause

    def _well(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            log.info("what is received is passed on again; %d requests were lost", self.failed + self.dropped)


def _tls(way: OtlpExport) -> ssl.SSLContext | bool:
    if urlsplit(way.endpoint).scheme != "https" or not (way.certificate or way.client_certificate):
        return True
    context = ssl.create_default_context(cafile=way.certificate)
    if way.client_certificate:
        context.load_cert_chain(way.client_certificate, way.client_key)
    return context


def _channel(way: OtlpExport) -> Any:
    import grpc

    url = urlsplit(way.endpoint)
    if url.scheme == "http":
        return grpc.insecure_channel(url.netloc)

    def content(path: str | None) -> bytes | None:
        if path is None:
            return None
        with open(path, "rb") as file:  # noqa: PTH123 (a path as it was given)
            return file.read()

    chain = content(way.client_certificate)
    # A chain's file may hold the key as well.
    credentials = grpc.ssl_channel_credentials(content(way.certificate), content(way.client_key) or chain, chain)
    return grpc.secure_channel(url.netloc, credentials)
