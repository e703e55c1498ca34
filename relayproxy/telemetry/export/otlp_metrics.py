"""OTLP metrics: sends what a process counts, every so often.

Knows: the interval, and that it must never hold up its caller.
Must not know: how numbers are counted; what else the process does; where settings come from.

There is no queue: a snapshot that could not be sent is part of the next one.
"""

import logging
import threading
import time

from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter, MetricExportResult
from opentelemetry.sdk.resources import Resource

from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import Env, OtlpExport, Reading, reading, resource_attributes
from relayproxy.telemetry.export.causes import UNKNOWN, Causes
from relayproxy.telemetry.export.exporters import metric_exporter
from relayproxy.telemetry.export.metrics_data import TEMPORALITIES, metrics_data
from relayproxy.telemetry.export.readable import resource
from relayproxy.telemetry.metrics.tally import Snapshot

log = logging.getLogger(__name__)

REJECTED = "the collector rejects some of them"
STALE = 10.0
"""Seconds after which a snapshot is not of now any more, and is not sent."""
SHUTDOWN = 2.0
"""Seconds that the last snapshot gets to be sent at shutdown."""


class OtlpMetrics:
    """Sends the last snapshot that it was given, every `every` seconds, from a thread of its own."""

    def __init__(
        self, exporter: MetricExporter, causes: Causes, how: Reading, sender: Resource, endpoint: str = ""
    ) -> None:
        self.endpoint = endpoint
        """Scheme, host and port of the collector; the rest of the URL may be secret."""
        self.sent = 0
        """Snapshots that the collector has accepted."""
        self.failed = 0
        self._exporter = exporter
        self._causes = causes
        self._every = how.every
        self._temporality = TEMPORALITIES[how.temporality]
        self._resource = sender
        self._told: tuple[float, int, Snapshot] | None = None
        self._before: tuple[int, Snapshot] = (time.time_ns(), {})
        """From when on counts are told, and what had been counted then."""
        self._failing_since: int | None = None
        self._cause = UNKNOWN
        self._ended = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp-metrics", daemon=True)
        self._thread.start()

    @classmethod
    def to(cls, way: OtlpExport, otel: Otel, instance: str, environ: Env | None = None) -> "OtlpMetrics":
        """The sender that sends metrics that way, as the process with this name."""
        causes = Causes()
        causes.listen()
        try:
            sender = resource({"service.instance.id": instance, **resource_attributes(otel, environ)})
            return cls(metric_exporter(way, causes), causes, reading(otel, environ), sender, way.place)
        except BaseException:
            causes.unlisten()
            raise

    @property
    def trouble(self) -> tuple[int, str] | None:
        """Start (wall nanoseconds) and cause of a failure of delivery; None while metrics arrive."""
        return None if self._failing_since is None else (self._failing_since, self._cause)

    def take(self, told: Snapshot) -> None:
        """Takes what is to be sent next in place of what was. Returns at once."""
        self._told = time.monotonic(), time.time_ns(), told

    def shutdown(self) -> None:
        """Sends the last snapshot and ends, after about `SHUTDOWN` seconds even when the collector does not answer."""
        self._stop.set()
        self._thread.join(SHUTDOWN)
        self._ended = True
        if self._thread.is_alive():
            log.warning("OTLP: the last metrics had not left at the end")
        self._exporter.shutdown()
        # A batch that is broken off by this still tells of it.
        if not self._thread.is_alive():
            self._causes.unlisten()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._send()
        self._send()

    def _send(self) -> None:
        found = self._told
        if found is None or time.monotonic() - found[0] > STALE:
            return
        _, at, told = found
        since, before = self._before
        self._causes.forget()
        taken = False
        try:
            data = metrics_data(told, self._resource, (since, at), self._temporality, before)
            taken = self._exporter.export(data) is MetricExportResult.SUCCESS
        except Exception as problem:
            self._causes.last = type(problem).__name__
        self._cause = REJECTED if taken else self._causes.last
        self._note(arrived=taken and not self._causes.rejected)
        if taken and self._temporality is AggregationTemporality.DELTA:
            self._before = at, told

    def _note(self, *, arrived: bool) -> None:
        if arrived:
            self.sent += 1
            if self._failing_since is not None:
                log.info("OTLP: metrics arrive again")
            self._failing_since = None
            return
        self.failed += 1
        if self._failing_since is None:
            self._failing_since = time.time_ns()
            if not self._ended:
                log.warning("OTLP: metrics do not arrive (%s); calls and recordings are not affected", self._cause)
