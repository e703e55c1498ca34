"""Delivery log: counts of spans sent and failed, and a log line when batches begin to fail or arrive again.

Knows: the present state of delivery, and the cause of a failure as the OpenTelemetry libraries log it.
Must not know: spans, protocols, settings.
"""

import enum
import logging
import time
from collections.abc import Sequence
from http import HTTPStatus

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = logging.getLogger(__name__)
LIBRARY = logging.getLogger("opentelemetry")
PHRASES = frozenset(status.phrase for status in HTTPStatus)


class Delivery(SpanExporter):
    """Passes batches on to an exporter, counts their spans as sent or failed, and logs each change once."""

    def __init__(self, exporter: SpanExporter, causes: "Causes") -> None:
        self._exporter = exporter
        self._causes = causes
        self.failing_since: int | None = None
        """Wall nanoseconds at which batches began to fail; None while they arrive."""
        self.asked_since: int | None = None
        """Wall nanoseconds at which the batch under way was handed to the exporter; None between batches."""
        self._ended = False
        self.taken = 0
        """Number of spans that left the queue."""
        self.sent = 0
        self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        if not self._ended:
            self.asked_since = time.time_ns()
            try:
                result = self._exporter.export(spans)
            except Exception as problem:
                # Exporters let some errors of their libraries through, which the batch thread would log whole.
                self._causes.last = type(problem).__name__
            finally:
                self.asked_since = None
        if result is SpanExportResult.SUCCESS:
            self.sent += len(spans)
            if self.failing_since is not None:
                log.info("OTLP: spans arrive again, %d were lost", self.failed)
        else:
            self.failed += len(spans)
            if self.failing_since is None and not self._ended:
                log.warning("OTLP: spans do not arrive (%s); calls and recordings are not affected", self._causes.last)
        if result is SpanExportResult.SUCCESS:
            self.failing_since = None
        elif self.failing_since is None:
            self.failing_since = time.time_ns()
        return result

    def shutdown(self) -> None:
        """Shuts the exporter down, once; failures of later batches are counted and not logged."""
        if not self._ended:
            self._ended = True
            self._exporter.shutdown()


class Causes(logging.Handler):
    """Log handler that keeps the cause of the last failure from the records of the OpenTelemetry libraries.

    Their messages can quote URLs and headers, which may hold credentials; only status codes and names of errors
    are taken from them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last = "no cause given"

    def listen(self) -> None:
        """Attaches the handler: from now on the libraries' own lines do not reach the log."""
        LIBRARY.addHandler(self)
        LIBRARY.propagate = False

    def unlisten(self) -> None:
        LIBRARY.removeHandler(self)
        LIBRARY.propagate = not any(isinstance(one, Causes) for one in LIBRARY.handlers)

    def emit(self, record: logging.LogRecord) -> None:
        args = record.args if isinstance(record.args, tuple) else ()
        self.last = next((cause for cause in map(_cause, args) if cause), self.last)


def _cause(arg: object) -> str | None:
    if isinstance(arg, enum.Enum):
        return str(arg.name)
    if isinstance(arg, int):
        return f"HTTP {arg}"
    if isinstance(arg, BaseException):
        return type(arg).__name__
    return arg if isinstance(arg, str) and arg in PHRASES else None
