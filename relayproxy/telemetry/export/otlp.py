"""OTLP exporter: sends spans to an OpenTelemetry collector.

Knows: the queue, and that it must never hold up its caller.
Must not know: how spans were derived; what else the process does; where settings come from.
"""

import logging
import threading
import time
from collections.abc import Iterable

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from relayproxy.conversation.measures.spans import Span
from relayproxy.settings.otel import Otel
from relayproxy.settings.otlp import Batching, Env, OtlpExport, batching, resource_attributes
from relayproxy.telemetry.export.causes import Causes
from relayproxy.telemetry.export.delivery import Delivery
from relayproxy.telemetry.export.exporters import span_exporter
from relayproxy.telemetry.export.readable import readable, resource

log = logging.getLogger(__name__)

UNANSWERED = 3_000_000_000
"""Nanoseconds after which a batch without an answer counts as a failure."""
SHUTDOWN = 2.0
"""Seconds that queued spans get to be sent at shutdown."""


class OtlpExporter:
    """Takes ended spans and sends them in batches from a thread of its own. Lost spans are counted, never retried
    beyond what the OTLP exporter does: the recording does not depend on them."""

    def __init__(
        self, exporter: SpanExporter, causes: Causes, batches: Batching, sender: Resource, endpoint: str = ""
    ) -> None:
        self.endpoint = endpoint
        """Scheme, host and port of the collector; the rest of the URL may be secret."""
        self._resource = sender
        self._causes = causes
        self._queue = batches.queue
        self._accepted = 0
        self._delivery = Delivery(exporter, causes)
        self._processor = BatchSpanProcessor(
            self._delivery,
            max_queue_size=batches.queue,
            schedule_delay_millis=batches.delay * 1000,
            max_export_batch_size=batches.batch,
        )
        self.dropped = 0
        """Number of spans dropped because the queue was full."""
        self._full = False

    @classmethod
    def to(cls, way: OtlpExport, otel: Otel, environ: Env | None = None) -> "OtlpExporter":
        """The exporter that sends spans that way."""
        causes = Causes()
        causes.listen()
        try:
            sender = resource(resource_attributes(otel, environ))
            return cls(span_exporter(way, causes), causes, batching(environ), sender, way.place)
        except BaseException:
            causes.unlisten()
            raise

    @property
    def trouble(self) -> tuple[int, str] | None:
        """Start (wall nanoseconds) and cause of a failure of delivery; None while spans arrive. A batch without answer
        counts after `UNANSWERED`, long before the exporter gives it up."""
        failing, asked = self._delivery.failing_since, self._delivery.asked_since
        if failing is not None:
            return failing, self._delivery.cause
        if asked is not None and time.time_ns() - asked > UNANSWERED:
            return asked, "the collector takes spans and does not answer"
        return None

    @property
    def sent(self) -> int:
        """Spans that the collector has accepted."""
        return self._delivery.sent

    @property
    def failed(self) -> int:
        """Spans that were sent without success, retries included."""
        return self._delivery.failed

    def export(self, spans: Iterable[Span]) -> None:
        """Queues the spans and returns at once; those that do not fit are dropped and counted."""
        for span in spans:
            waiting = self._accepted - self._delivery.taken
            if waiting >= self._queue:
                if not self._full:
                    log.warning("OTLP: spans are dropped, the queue of %d is full", self._queue)
                self._full = True
                self.dropped += 1
                continue
            # Once it has drained, that it is full is news again.
            self._full = self._full and waiting > self._queue // 2
            self._accepted += 1
            self._processor.on_end(readable(span, self._resource))

    def shutdown(self) -> None:
        """Sends queued spans and ends, after about `SHUTDOWN` seconds even when the collector does not answer."""
        # The processor itself would wait for 30 seconds.
        ending = threading.Thread(target=self._end, name="otlp-end", daemon=True)
        ending.start()
        ending.join(SHUTDOWN)
        if ending.is_alive():
            self._delivery.shutdown()
            log.warning("OTLP: %d spans had not left at the end", self._accepted - self.sent - self.failed)

    def _end(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]
        # Last: until then the libraries may log lines about every batch.
        self._causes.unlisten()
