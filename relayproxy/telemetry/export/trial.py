"""Trial: one export with nothing in it, to see whether an endpoint takes more.

Knows: that an empty request is a good one.
Must not know: what follows from the answer.
"""

from dataclasses import dataclass, replace

from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace.export import SpanExportResult

from relayproxy.settings.otlp import OtlpExport, Signal
from relayproxy.telemetry.export.causes import Causes
from relayproxy.telemetry.export.exporters import metric_exporter, span_exporter


@dataclass(frozen=True, slots=True)
class Trial:
    """The result: None where the request was taken, else its cause (`HTTP 401`, `UNAVAILABLE`); and the Date header of
    an answer over HTTP."""

    cause: str | None
    date: str | None


def send_nothing(way: OtlpExport, signal: Signal, timeout: float) -> Trial:
    """Sends an empty request of that signal, again for as long as `timeout` seconds where the endpoint asks for it."""
    causes = Causes()
    causes.listen()
    way = replace(way, timeout=min(way.timeout, timeout))
    try:
        if signal == "metrics":
            metrics = metric_exporter(way, causes, most=None)
            taken = metrics.export(MetricsData(resource_metrics=[])) is MetricExportResult.SUCCESS
            metrics.shutdown()
        else:
            spans = span_exporter(way, causes)
            taken = spans.export([]) is SpanExportResult.SUCCESS
            spans.shutdown()
    except Exception as problem:
        # Exporters let some errors of their libraries through.
        return Trial(type(problem).__name__, causes.date)
    finally:
        causes.unlisten()
    return Trial(None if taken else causes.last, causes.date)
