"""Health of what is sent over OTLP: spans, and metrics.

Knows: what the recorders tell of either.
Must not know: how anything is sent; HTML.
"""

from collections.abc import Callable
from typing import Literal

from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthCheck, HealthFacts, age
from relayproxy.store.read.health.heartbeat import Heartbeat, OtlpHeartbeat

Sent = Literal["spans", "metrics"]

_TOLD: dict[Sent, Callable[[Heartbeat], OtlpHeartbeat | None]] = {
    "spans": lambda heartbeat: heartbeat.otlp,
    "metrics": lambda heartbeat: heartbeat.otlp_metrics,
}
_NONE_YET: dict[Sent, str] = {
    "spans": "No span has been sent to {} yet",
    "metrics": "No metrics have been sent to {} yet",
}


def check(what: Sent, facts: HealthFacts) -> HealthCheck:
    """Whether they arrive."""
    name = what.capitalize()
    if not facts.working:
        return HealthCheck(what, "unknown", f"Whether {what} are sent is not known", "No recorder reports.")
    told = (_TOLD[what](report.heartbeat) for report in facts.working)
    sending = [one for one in told if one is not None]
    if not sending:
        elsewhere = " `/metrics` has them for Prometheus." if what == "metrics" else ""
        detail = f"`OTEL_EXPORTER_OTLP_ENDPOINT` turns it on.{elsewhere}"
        return HealthCheck(what, "ok", f"{name} are not sent", detail)
    one = next((otlp for otlp in sending if otlp.failing_since is not None), sending[0])
    sent, lost = sum(otlp.sent for otlp in sending), sum(otlp.failed + otlp.dropped for otlp in sending)
    # Metrics that did not arrive are part of the next ones.
    counts = f"{sent:,} sent, {lost:,} {'lost' if what == 'spans' else 'in vain'} since the recorder started"
    if one.failing_since is None:
        title = f"{name} arrive at {one.endpoint}" if sent else _NONE_YET[what].format(one.endpoint)
        return HealthCheck(what, "ok", title, counts)
    return HealthCheck(
        what,
        "warn",
        f"{name} have not arrived at {one.endpoint} for {age((facts.now - one.failing_since) / SECOND)}",
        f"{one.cause or 'No cause given'}; {counts}. Recordings are not affected.",
        "See whether the collector runs, whether the `OTEL_EXPORTER_OTLP_…` variables of the recorder are right, and "
        "whether it may reach that address.",
    )
