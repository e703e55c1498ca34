"""Recorder process: starts and stops the play loop.

Knows: putting store, exporter and play loop together; that there is one recorder for a data folder; signals.
Must not know: how any of them works.
"""

import fcntl
import gc
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relayproxy.connection import sampled_by_caller
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.measures.spans import SpanOptions
from relayproxy.errors import RelayproxyError
from relayproxy.memory import keep_little
from relayproxy.recorder.background.deletion import DeletionThread
from relayproxy.recorder.background.moving import MovingThread
from relayproxy.recorder.background.rolling_up import RollupThread
from relayproxy.recorder.heartbeat import Beat, Reporter, process_name
from relayproxy.recorder.names import name_finder
from relayproxy.recorder.recorder import Recorder
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import NameFinder
from relayproxy.settings.model import Settings, slow_turn_and_stall, version_from
from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import otlp_export, sampler
from relayproxy.settings.recording import recording, rules_of
from relayproxy.settings.recordings import recordings_place
from relayproxy.settings.retention import days_by_route
from relayproxy.settings.signatures import DEFAULT_ROUTE
from relayproxy.signals import NUMBERS, ignore_signals, stop_event
from relayproxy.store.engine import open_engine, write_back
from relayproxy.store.read.health.heartbeat import HeartbeatWriter
from relayproxy.store.read.health.integrity import FileWatch, Integrity
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.write.archive import Archive

if TYPE_CHECKING:
    from relayproxy.telemetry.export.otlp import OtlpExporter
    from relayproxy.telemetry.export.otlp_metrics import OtlpMetrics


def rules_by_route(settings: Settings, finder: Callable[[str], NameFinder] = name_finder) -> Callable[[str], Rules]:
    """The rules of redaction of each route. `finder` loads a model, each once and now: what is missing is told at the
    start. Raises SettingError."""
    load = cache(finder)

    @cache
    def rules(route: str) -> Rules:
        found = recording(settings, route)
        return rules_of(found, None if found.names is None else load(found.names))

    for route in (DEFAULT_ROUTE, *settings.routes):
        rules(route)
    return rules


COURTESY = 10
"""Niceness: on a machine with few processors calls come first, and recording catches up."""
_POLL = 0.05
"""Seconds between two looks whether another recorder still works."""


class _ToldToStopError(Exception):
    """It was told to stop while another recorder still worked."""


def run(settings: Settings, *, waits: bool = False) -> None:
    """Runs the recorder until SIGTERM or SIGINT; then the rest of the journal is still recorded, within a few seconds.

    A database that is away or has no schema yet is waited for, and with `waits` another recorder that works on the data
    folder or the journal. Raises RelayproxyError when another one does and is not waited for, or the folder cannot be
    used, or names are to be found and what that needs is not installed, or the database file has been deleted, replaced
    or damaged.
    """
    stop = stop_event(*NUMBERS)
    os.nice(COURTESY)
    keep_little()
    rules_of = rules_by_route(settings)
    with suppress(_ToldToStopError), alone(settings.data_dir, settings.journal, stop if waits else None) as recorder_id:
        engine = open_engine(settings.database)
        exporter, metrics = exporter_of(settings), _metrics(settings)
        writer = HeartbeatWriter(open_engine(settings.database))
        deletion = DeletionThread(settings.database, settings.journal, days_by_route(settings))
        moving = MovingThread(settings.database, recordings_place(settings))
        rolling_up = RollupThread(settings.database)
        reporter = Reporter(
            writer,
            settings.data_dir,
            settings.journal_quota,
            exporter,
            lambda: deletion.state,
            recordings=lambda: moving.state,
            journal=settings.journal,
            recorder=recorder_id,
            metrics=metrics,
        )
        watch = FileWatch(Integrity(settings.database).look)

        def check() -> None:
            watch.check()
            check_schema(engine)

        def beat(look: Callable[[], Beat]) -> None:
            watch.check()
            reporter.beat(look)

        recorder = recorder_of(
            settings,
            Archive(engine, recorder_id),
            settings.journal,
            check,
            rules_of,
            exporter=exporter,
            stop=stop,
            beat=beat,
            routes=(DEFAULT_ROUTE, *settings.routes),
        )
        # Objects made at start-up live as long as the process. Those of calls go when nothing refers to them; a search
        # for others takes some milliseconds each time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 50)
        print(f"recorder following {settings.journal}", flush=True)
        try:
            recorder.run()
        finally:
            deletion.close()
            moving.close()
            rolling_up.close()
            reporter.close()
            shut_down(exporter, metrics)
            write_back(engine)
            engine.dispose()
    ignore_signals()


def span_options(otel: Otel) -> SpanOptions:
    """What spans are to be like by these settings."""
    return SpanOptions(otel.trace_shape, otel.content, otel.semconv == "experimental")


def recorder_of(
    settings: Settings,
    archive: Archive,
    folder: Path,
    check: Callable[[], None],
    rules: Callable[[str], Rules],
    **more: Any,
) -> Recorder:
    """A recorder with these settings; for the others see `Recorder`."""
    chosen = sampler(settings.otel)
    return Recorder(
        archive,
        folder,
        message_limit=settings.message_limit,
        size_limit=2 * settings.session_limit,  # of both sides
        patience=settings.journal_quota // 4,
        check=check,
        thresholds=lambda route: Thresholds.of_seconds(*slow_turn_and_stall(settings, route)),
        version_from=lambda route: version_from(settings, route),
        rules=rules,
        span_options=span_options(settings.otel),
        sampled=lambda opening: chosen.sampled(opening.trace_id, sampled_by_caller(opening)),
        **more,
    )


def exporter_of(settings: Settings) -> "OtlpExporter | None":
    """What sends spans; None where none are sent."""
    way = otlp_export(settings.otel, "traces")
    if way is None:
        return None
    from relayproxy.telemetry.export.otlp import OtlpExporter

    return OtlpExporter.to(way, settings.otel)


def _metrics(settings: Settings) -> "OtlpMetrics | None":
    way = otlp_export(settings.otel, "metrics")
    if way is None:
        return None
    from relayproxy.telemetry.export.otlp_metrics import OtlpMetrics

    return OtlpMetrics.to(way, settings.otel, process_name(settings.data_dir))


def shut_down(*senders: "OtlpExporter | OtlpMetrics | None") -> None:
    """Ends them at the same time: each has its own bound."""
    ends = [threading.Thread(target=one.shutdown) for one in senders if one is not None]
    for end in ends:
        end.start()
    for end in ends:
        end.join()


@contextmanager
def alone(data_dir: Path, journal: Path, waits: threading.Event | None = None) -> Iterator[str]:
    """Gives the name by which a database that several recorders write knows this one: that of its data folder. Raises
    RelayproxyError when the folder cannot be used, or another recorder works on it or on this journal. With `waits`
    that one is waited for, which is told, until the event is set; then it raises _ToldToStopError."""
    path = data_dir / "recorder.lock"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise RelayproxyError(f"data_dir={data_dir}: a folder to write in is expected ({problem.strerror})") from None
    try:
        _lock(lock, f"data_dir={data_dir}: another recorder works on this folder", waits)
        try:
            name = _name(lock)
        except OSError as problem:
            raise RelayproxyError(f"data_dir={data_dir}: cannot be written ({problem.strerror})") from None
        with _journal_alone(journal, waits):
            yield name
    finally:
        os.close(lock)


@contextmanager
def _journal_alone(journal: Path, waits: threading.Event | None) -> Iterator[None]:
    with suppress(OSError):
        journal.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        lock = os.open(journal, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # there is nothing to be played by anybody
        yield
        return
    try:
        _lock(lock, f"journal_dir={journal}: another recorder plays this journal", waits)
        yield
    finally:
        os.close(lock)


def _lock(file: int, other: str, waits: threading.Event | None) -> None:
    """Locks it once nobody else has. `other`: what is so as long as somebody has. Raises as `alone`."""
    told = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waits is None:
                raise RelayproxyError(f"{other}; one is enough for any number of relays") from None
            if not told:
                print(f"recorder waiting for the end of another one ({other})", flush=True)
                told = True
            if waits.wait(_POLL):
                raise _ToldToStopError from None
        else:
            return


def _name(file: int) -> str:
    found = os.pread(file, 64, 0).decode("ascii", "replace")
    if not found:
        found = secrets.token_hex(8)
        os.pwrite(file, found.encode(), 0)
    return found
