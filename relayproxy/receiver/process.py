"""Receiver process: listens, writes and passes on until it is told to stop.

Knows: where it listens, which threads there are, and in which order they stop.
Must not know: OTLP; what is kept of a span.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from aiohttp import web

from relayproxy.errors import cannot_listen
from relayproxy.memory import keep_little
from relayproxy.private_http import Connections, listen
from relayproxy.receiver import http_app
from relayproxy.receiver.grpc_service import GrpcService
from relayproxy.receiver.intake import Intake
from relayproxy.receiver.passing_on import PassingOn
from relayproxy.receiver.report import Reporter
from relayproxy.receiver.requests import Requests
from relayproxy.receiver.span_writer import SpanWriter
from relayproxy.receiver.spans.trimming import Bounds
from relayproxy.receiver.unjoined import Unjoined
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import policy
from relayproxy.settings.model import Settings
from relayproxy.settings.otlp import OtlpExport, Signal, otlp_export
from relayproxy.settings.receiver import receiver_token
from relayproxy.settings.recording import recording
from relayproxy.settings.validators import split_address
from relayproxy.signals import signals_to
from relayproxy.store.engine import open_engine
from relayproxy.store.read.health.heartbeat import HeartbeatWriter
from relayproxy.store.write.backend_span_store import BackendSpanStore

log = logging.getLogger(__name__)

NICE = 10
"""Calls and recordings come first where there are few processors."""
_SHUTDOWN = 2.0
"""Seconds from a signal to the end, in all."""
_SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")


def run(settings: Settings) -> None:
    """Receives until SIGTERM or SIGINT. Says where it listens in one line on stdout. Raises SettingError when it cannot
    listen there."""
    os.nice(NICE)
    keep_little()
    with suppress(KeyboardInterrupt):
        asyncio.run(_receive(settings))


async def _receive(settings: Settings) -> None:
    stop = asyncio.Event()
    with signals_to(lambda _: stop.set()):
        await serve(settings, stop)


async def serve(
    settings: Settings, stop: asyncio.Event, ready: Callable[[str, int | None], object] = lambda _url, _grpc: None
) -> None:
    """As `run`, until the event is set; `ready` gets the URL where it listens, and the port of gRPC."""
    given = settings.receiver
    assert given.listen is not None
    token = receiver_token(given)
    intake, passing_on = Intake(), PassingOn(ways(settings))
    requests = Requests(intake, passing_on, Bounds(given.span_attributes, given.attribute_bytes))
    store = BackendSpanStore(open_engine(settings.database, create=False))
    writer = SpanWriter(
        intake,
        Unjoined(given.unjoined_spans, given.unjoined_for),
        store,
        rules_by_route(settings),
        session_spans=given.session_spans,
        guesses=given.guess,
    )
    app = http_app.build(requests, given.request_limit, token)
    runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN / 4)
    await runner.setup()
    listening: asyncio.Server | None = None
    grpc: GrpcService | None = None
    threads: list[threading.Thread] = []
    reporter: Reporter | None = None
    try:
        try:
            listening, url = await listen(runner, Connections("receiver"), *split_address(given.listen))
        except OSError as problem:
            raise cannot_listen("receiver.listen", given.listen, problem) from None
        if given.grpc is not None:
            grpc = GrpcService(requests, given.grpc, given.request_limit, token)
            await grpc.start()
            log.info("OTLP/gRPC: listening on port %d", grpc.port)
        await passing_on.start()
        threads = [threading.Thread(target=writer.run, name="spans", daemon=True)]
        threads[0].start()
        heartbeats = HeartbeatWriter(open_engine(settings.database, create=False))
        reporter = Reporter(heartbeats, (url, given.grpc), requests, intake, writer, passing_on)
        reporter.start()
        print(f"receiver listening on {url}", flush=True)
        ready(url, None if grpc is None else grpc.port)
        await stop.wait()
    finally:
        until = time.monotonic() + _SHUTDOWN
        if listening is not None:
            listening.close()
        if grpc is not None:
            await grpc.stop()
        await runner.cleanup()
        intake.close()
        writer.stop()
        sent = asyncio.create_task(passing_on.stop())
        for thread in threads:
            await asyncio.to_thread(thread.join, max(0.0, until - time.monotonic()))
        await sent
        if reporter is not None:
            await asyncio.to_thread(reporter.stop, max(0.1, until - time.monotonic()))
        if not any(thread.is_alive() for thread in threads):
            store.close()


def ways(settings: Settings) -> dict[Signal, OtlpExport]:
    """Where what is received is passed on to, by signal."""
    found = {signal: otlp_export(settings.otel, signal) for signal in _SIGNALS}
    return {signal: way for signal, way in found.items() if way is not None}


def rules_by_route(settings: Settings) -> Callable[[str], Rules]:
    """The rules of redaction of each route."""

    @cache
    def of(route: str) -> Rules:
        found = recording(settings, route)
        return Rules(found.record, found.keys, policy(found.fields, found.patterns))

    # Only names of routes that the settings have are remembered: others come out of the database.
    return lambda route: of(route if route in settings.routes else "")
