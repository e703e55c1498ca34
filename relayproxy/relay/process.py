"""Relay process: starts the listener, drains, and stops.

Knows: putting listener, upstream, tape and writer together; signals and draining.
Must not know: how any of them works.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import uvloop

from relayproxy import __version__
from relayproxy.connection import EndingCause
from relayproxy.errors import cannot_listen
from relayproxy.journal.refused import write_refused
from relayproxy.journal.relay_report import RelayReport, write_relay_report
from relayproxy.journal.tape import Tape
from relayproxy.journal.writer import JournalWriter
from relayproxy.plural import plural
from relayproxy.refusals import RefusalCount
from relayproxy.relay import descriptors
from relayproxy.relay.handler import Relay
from relayproxy.relay.handshake.keyring import Keyring
from relayproxy.relay.handshake.targets import Targets
from relayproxy.relay.handshake.upstream import Upstream
from relayproxy.relay.handshake.verification import Verifier
from relayproxy.relay.listener.certificate import Certificate
from relayproxy.relay.listener.refusal_log import RefusalLog
from relayproxy.relay.listener.server import Listener
from relayproxy.settings.model import Settings
from relayproxy.settings.recording import recording
from relayproxy.settings.signatures import references_in_use, route_names, signature_rules, unverified_routes
from relayproxy.settings.treatment import treatment_warnings
from relayproxy.signals import REPLACED, signals_to

log = logging.getLogger(__name__)

POLL = 0.05
LIFE = 2.0
"""Seconds between two updates of the lock file, which show that the relay is alive."""
RENEW = 5.0
"""Seconds between two looks at the files that hold auth tokens and the certificate."""
HURRY = 6.0
"""Seconds that calls get to close before the process ends without waiting for them."""

SAME_SIGNAL = 0.5
"""Seconds within which the same signal counts once: systemd tells every process of a unit, and so does `serve`."""

Signals = asyncio.Queue[int]


def run(settings: Settings, sockets: Sequence[socket.socket] = (), name: str = "relay") -> None:
    """Relays until SIGTERM or SIGINT, then drains: no new calls, live ones may end within `drain_timeout`; a second
    signal closes them at once. Raises RelayproxyError when it cannot start.

    `sockets` are what it listens on, where it has inherited them; `name` is what it calls itself. `REPLACED` has it
    leave those sockets to its successor: no connection that it has accepted is refused, and calls may end as above.
    SIGTERM is no second signal then, SIGINT is. At any other signal it says on standard output that it drains:
    connections to such sockets would wait for as long as that takes unless somebody else accepts them.
    """
    descriptors.raise_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(settings, sockets, name))


async def _main(settings: Settings, sockets: Sequence[socket.socket], name: str) -> None:
    loop = asyncio.get_running_loop()
    signals = Signals()
    last: dict[int, float] = {}

    def note(number: int) -> None:
        stopping = bool(last) and (number == REPLACED or (number == signal.SIGTERM and REPLACED in last))
        if not stopping and loop.time() - last.get(number, -SAME_SIGNAL) >= SAME_SIGNAL:
            last[number] = loop.time()
            signals.put_nowait(number)

    with signals_to(note, REPLACED):
        await _relay(settings, signals, sockets, name)


async def _relay(settings: Settings, signals: Signals, sockets: Sequence[socket.socket], name: str) -> None:
    loop = asyncio.get_running_loop()
    certificate = _certificate(settings)
    writer = JournalWriter(settings.journal, quota=settings.journal_quota, segment_size=settings.journal_segment)
    tape = Tape(writer, settings.journal_buffer, loop.call_later)
    upstream = Upstream(settings.connect_timeout, tls=Targets(settings).tls)
    reporter = ThreadPoolExecutor(1)  # one report at a time, and not on the event loop: a disk can be slow
    refusals = RefusalLog(loop.call_later, lambda tallies: reporter.submit(_report, writer, tallies))
    keyring = Keyring(references_in_use(settings))
    relay = Relay(
        settings,
        tape,
        upstream,
        refusals,
        Verifier(keyring.key),
        lambda: writer.problem.name.lower() if writer.problem else None,
    )
    tls = certificate.context if certificate else None
    listener = Listener(relay.handle, relay.unreadable, settings.listen, tls, settings.max_handshakes, sockets)

    def report() -> RelayReport:
        status = "draining" if listener.left else relay.status()
        return RelayReport(name, os.getpid(), status, len(relay.live), __version__)

    tasks = [
        asyncio.create_task(_show_life(writer, report, reporter)),
        asyncio.create_task(_renew(keyring, certificate)),
    ]
    try:
        try:
            await listener.start()
        except OSError as problem:
            raise cannot_listen("listen", settings.listen, problem) from None
        # Objects made at start-up live as long as the process; garbage collections during calls need not visit them.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 50)
        print(f"{name} listening on {listener.url}", flush=True)
        _say_who_may_call(settings)
        if unrecorded := [name for name in route_names(settings) if recording(settings, name).record == "none"]:
            log.info("nothing is recorded of calls over %s (record = none)", ", ".join(unrecorded))
        for warning in treatment_warnings(settings):
            log.warning("%s", warning)
        if await signals.get() == REPLACED:
            await _hand_over(listener, signals)
        else:
            if sockets:
                with suppress(OSError):  # who would read it may be gone
                    os.write(1, f"{name} draining\n".encode())
            await _leave(relay, signals, settings.drain_delay)
        await _drain(relay, listener, signals, settings.drain_timeout)
    finally:
        await listener.close()
        await relay.shadows.close()
        refusals.flush()
        for task in tasks:
            task.cancel()
        tape.close()
        await asyncio.to_thread(writer.close)
        await asyncio.to_thread(reporter.shutdown)


def _say_who_may_call(settings: Settings) -> None:
    """Logs which routes anyone may call; a warning unless the settings say that this is meant."""
    routes = unverified_routes(settings)
    if routes:
        meant = all(signature_rules(settings, route).chosen for route in routes)
        log.log(
            logging.INFO if meant else logging.WARNING,
            "anyone may call%s: Twilio's signature is not checked%s",
            "" if routes == route_names(settings) else f" {plural(len(routes), 'route')} ({', '.join(routes)})",
            "" if meant else " (set auth_tokens, and verify to enforce; or verify to off where that is meant)",
        )


async def _show_life(writer: JournalWriter, report: Callable[[], RelayReport], reporter: ThreadPoolExecutor) -> None:
    loop = asyncio.get_running_loop()
    while True:
        writer.show_life()
        found = report()
        begun = loop.time()
        await loop.run_in_executor(reporter, _tell, writer, found)
        await asyncio.sleep(max(0.0, begun + LIFE - loop.time()))


def _tell(writer: JournalWriter, found: RelayReport) -> None:
    with suppress(OSError):  # the journal reports errors of the disk
        if writer.path is not None:
            write_relay_report(writer.path, found)


async def _renew(keyring: Keyring, certificate: Certificate | None) -> None:
    while keyring.has_files or certificate is not None:
        await asyncio.sleep(RENEW)
        await asyncio.to_thread(keyring.renew)
        if certificate is not None:
            await asyncio.to_thread(certificate.renew)


def _report(writer: JournalWriter, tallies: tuple[RefusalCount, ...]) -> None:
    with suppress(OSError):  # the journal reports errors of the disk
        if writer.path is not None:
            write_refused(writer.path, tallies)


async def _leave(relay: Relay, signals: Signals, delay: float) -> None:
    """Accepts calls for `delay` more seconds while readyz says draining; another signal ends this early."""
    relay.leaving = True
    if delay:
        log.info("readyz says draining; in %g s no new calls are taken", delay)
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                signals.put_nowait(await signals.get())


async def _hand_over(listener: Listener, signals: Signals) -> None:
    """Accepts nothing more; what was accepted may still ask for a call."""
    listener.stop_accepting()
    while listener.pending:
        if not signals.empty():
            return
        await asyncio.sleep(POLL)


async def _drain(relay: Relay, listener: Listener, signals: Signals, timeout: float) -> None:
    relay.draining = True
    listener.stop_accepting()
    if relay.live or relay.handshakes:
        live = len(relay.live)
        log.info("draining: %s may end within %g s; signal again to close now", plural(live, "call"), timeout)
    if not await _idle(relay, signals, timeout):
        cause: EndingCause = "drain" if signals.empty() else "shutdown"
        while not signals.empty():
            signals.get_nowait()
        for handshake in list(relay.handshakes):
            handshake.cancel()
        for splice in list(relay.live):
            splice.close(cause)
        await _idle(relay, signals, HURRY)


async def _idle(relay: Relay, signals: Signals, timeout: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while relay.live or relay.handshakes:
        if loop.time() >= deadline or not signals.empty():
            return False
        await asyncio.sleep(POLL)
    return True


def _certificate(settings: Settings) -> Certificate | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_cert, settings.tls_key)
