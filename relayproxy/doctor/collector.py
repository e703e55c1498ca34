"""Collector: whether the OTLP endpoints take what is sent, tried with a request that holds nothing.

Knows: what its refusals mean.
Must not know: OpenTelemetry.
"""

import time

from relayproxy.doctor.check import Result, in_thread
from relayproxy.doctor.clock import Clocks
from relayproxy.errors import SettingError
from relayproxy.settings.model import Settings
from relayproxy.settings.otlp import OtlpExport, Signal, otlp_export
from relayproxy.telemetry.export.trial import send_nothing

TIMEOUT = 5.0
"""Seconds for each signal."""
_SECRETS = "see otel.headers (OTEL_EXPORTER_OTLP_HEADERS): it does not take these credentials"
_SLOW = "it does not answer in time: see its log, and what stands between"
_ACTIONS = {
    "HTTP 401": _SECRETS,
    "HTTP 403": _SECRETS,
    "UNAUTHENTICATED": _SECRETS,
    "PERMISSION_DENIED": _SECRETS,
    "HTTP 404": "no OTLP is taken at that path: the endpoint is given without /v1/traces",
    "HTTP 405": "no OTLP is taken at that path",
    "UNIMPLEMENTED": "it takes none of these: set otel.traces_exporter or otel.metrics_exporter to none, or another",
    "SSLError": "see its certificate, and otel.certificate for one of a private authority",
    "ConnectionError": "nothing answers there: start the collector, or correct otel.endpoint",
    "UNAVAILABLE": "nothing answers there in gRPC: start the collector, or correct otel.endpoint and otel.protocol",
    "DEADLINE_EXCEEDED": _SLOW,
    "ReadTimeout": _SLOW,
    "ConnectTimeout": _SLOW,
}


async def collector(settings: Settings, signal: Signal, clocks: Clocks) -> list[Result]:
    """The endpoint of one signal."""
    name = "spans" if signal == "traces" else signal
    try:
        way = otlp_export(settings.otel, signal)
    except SettingError as problem:
        return [Result("telemetry", name, "failed", str(problem), "`serve` does not start before")]
    if way is None:
        return [Result("telemetry", name, "skipped", "none are sent: there is no endpoint for them")]
    return [await _try(name, way, signal, clocks)]


async def _try(name: str, way: OtlpExport, signal: Signal, clocks: Clocks) -> Result:
    asked_at = time.time()
    found = await in_thread(lambda: send_nothing(way, signal, TIMEOUT))
    clocks.note("collector", found.date, asked_at)
    if found.cause is None:
        return Result("telemetry", name, "ok", f"{way.place} takes them over {way.protocol} (it was sent none)")
    action = _ACTIONS.get(found.cause, "see the collector's log; calls and recordings do not depend on it")
    return Result("telemetry", name, "failed", f"{way.place} does not take them ({found.cause})", action)
