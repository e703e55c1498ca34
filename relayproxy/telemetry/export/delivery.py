"""Delivery log: counts of spans sent and failed, and a log line when batches begin to fail or arrive again.

Knows: the present state of delivery.
Must not know: what spans hold, protocols, settings.
"""

import logging
import time
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from relayproxy.telemetry.export.causes import REJECTED, UNKNOWN, Causes

log = logging.getLogger(__name__)


TOO_LARGE = "HTTP 413"
SPLITS = 32
"""Requests that are made of one batch at most when the collector finds it too large."""


class Delivery(SpanExporter):
    """Passes batches on to an exporter, counts their spans as sent or failed, and logs each change once. A batch that
    the collector finds too large is sent in parts."""

    def __init__(self, exporter: SpanExporter, causes: Causes) -> None:
        self._exporter = exporter
        self._causes = causes
        self.failing_since: int | None = None
        """Wall nanoseconds at which batches began to fail; None while they arrive."""
        self.cause = UNKNOWN
        """The cause of the last failure."""
        self.asked_since: int | None = None
        """Wall nanoseconds at which the batch under way was handed to the exporter; None between batches."""
        self._ended = False
        self.taken = 0
        """Number of spans that left the queue."""
        self.sent = 0
        self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        parts, requests, lost = [spans], 0, 0
        while parts and not self._ended:
            part = parts.pop()
            requests += 1
            arrived = self._arriving(part)
            self.sent += arrived
            if self.cause == TOO_LARGE and not arrived and len(part) > 1 and requests + len(parts) + 2 <= SPLITS:
                half = len(part) // 2
                parts += part[half:], part[:half]
            else:
                lost += len(part) - arrived
        lost += sum(map(len, parts))
        self.failed += lost
        self._tell(arrived=not lost)
        return SpanExportResult.FAILURE if lost else SpanExportResult.SUCCESS

    def _arriving(self, spans: Sequence[ReadableSpan]) -> int:
        """Sends these, and returns how many of them arrived."""
        self._causes.forget()
        self.asked_since = time.time_ns()
        try:
            if self._exporter.export(spans) is SpanExportResult.SUCCESS:
                if self._causes.rejected:
                    self.cause = REJECTED
                return max(0, len(spans) - self._causes.rejected)
        except Exception as problem:
            # Exporters let some errors of their libraries through, which the batch thread would log whole.
            self._causes.last = type(problem).__name__
        finally:
            self.asked_since = None
        self.cause = self._causes.last
        return 0

    def _tell(self, *, arrived: bool) -> None:
        if arrived:
            if self.failing_since is not None:
                log.info("OTLP: spans arrive again, %d were lost", self.failed)
            self.failing_since = None
        elif self.failing_since is None:
            if not self._ended:
                log.warning("OTLP: spans do not arrive (%s); calls and recordings are not affected", self.cause)
            self.failing_since = time.time_ns()

    def shutdown(self) -> None:
        """Shuts the exporter down, once; failures of later batches are counted and not logged."""
        if not self._ended:
            self._ended = True
            self._exporter.shutdown()
