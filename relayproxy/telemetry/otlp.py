"""OTLP exporter: sends spans to an OpenTelemetry collector.

Knows: the standard environment variables that turn export on and choose its protocol; that it must never hold up
its caller.
Must not know: how spans were derived; what else the process does.

Variables that are not read here (headers, timeouts, certificates, compression, batching) are read by the
OpenTelemetry libraries themselves.
"""

import logging
import threading
import time
from collections.abc import Iterable
from os import environ

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from relayproxy.conversation.measures.spans import Span
from relayproxy.errors import SettingError
from relayproxy.telemetry.delivery import Causes, Delivery
from relayproxy.telemetry.readable import readable, resource
from relayproxy.telemetry.variables import endpoint_of, first, place, wanted

log = logging.getLogger(__name__)

QUEUE = 16 * 1024
"""Maximum number of queued spans without OTEL_BSP_MAX_QUEUE_SIZE: a recorder that catches up makes bursts of them."""
UNANSWERED = 3_000_000_000
"""Nanoseconds after which a batch without an answer counts as a failure."""
SHUTDOWN = 2.0
"""Seconds that queued spans get to be sent at shutdown."""
PROTOCOLS: dict[str, type[HttpExporter] | type[GrpcExporter]] = {"http/protobuf": HttpExporter, "grpc": GrpcExporter}


class OtlpExporter:
    """Takes ended spans and sends them in batches from a thread of its own. Lost spans are counted, never retried
    beyond what the OTLP exporter does: the recording does not depend on them."""

    def __init__(self, exporter: SpanExporter, causes: Causes, queue: int, endpoint: str = "") -> None:
        self.endpoint = endpoint
        """Scheme, host and port of the collector; the rest of the URL may be secret."""
        self._resource = resource()
        self._causes = causes
        self._queue = queue
        self._accepted = 0
        self._delivery = Delivery(exporter, causes)
        self._processor = BatchSpanProcessor(self._delivery, max_queue_size=queue)
        self.dropped = 0
        """Number of spans dropped because the queue was full."""

    @classmethod
    def from_env(cls) -> "OtlpExporter | None":
        """The exporter that `OTEL_…` variables configure; None when they name no endpoint or turn export off. Raises
        `SettingError` for a value that cannot be used."""
        if not wanted(environ):
            return None
        name, protocol = first(environ, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
        chosen = PROTOCOLS.get(protocol or "http/protobuf")
        if chosen is None:
            raise SettingError(f"{name}={protocol}: http/protobuf or grpc is expected")
        causes = Causes()
        # Before the exporter is made, which logs the value of a header that it cannot parse.
        causes.listen()
        try:
            queue = int(environ.get("OTEL_BSP_MAX_QUEUE_SIZE") or QUEUE)
            return cls(chosen(), causes, queue, place(endpoint_of(environ)))
        except Exception as problem:
            causes.unlisten()
            raise SettingError(f"OTEL_EXPORTER_OTLP_…, OTEL_BSP_…: {problem}") from None

    @property
    def trouble(self) -> tuple[int, str] | None:
        """Start (wall nanoseconds) and cause of a failure of delivery; None while spans arrive. A batch without answer
        counts after `UNANSWERED`, long before the exporter gives it up."""
        failing, asked = self._delivery.failing_since, self._delivery.asked_since
        if failing is not None:
            return failing, self._causes.last
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
            if self._accepted - self._delivery.taken >= self._queue:
                if not self.dropped:
                    log.warning("OTLP: spans are dropped, the queue of %d is full", self._queue)
                self.dropped += 1
                continue
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
