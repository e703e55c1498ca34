"""Process metrics: a recorder's report as metrics.

Knows: which metric takes what of a report.
Must not know: how reports are made; where metrics go.
"""

from collections import Counter
from collections.abc import Iterator

from relayproxy.refusals import REASONS
from relayproxy.store.read.health.heartbeat import Heartbeat, OtlpHeartbeat, RetentionHeartbeat
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.memory import resident_memory
from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.tally import Point, Snapshot


def process_metrics(told: Heartbeat) -> Snapshot:
    """What the report says of the process, its journals and its disk."""
    found: dict[str, list[Point]] = {}
    for metric, value, *labels in _values(told):
        found.setdefault(metric.name, []).append(Point(tuple(labels), float(value)))
    return {name: tuple(points) for name, points in found.items()}


def _values(told: Heartbeat) -> Iterator[tuple[Metric, float, *tuple[str, ...]]]:
    alive = [one for one in told.journals if one.alive]
    yield metrics.LAG, told.lag_ms / 1000
    yield metrics.STARTED, told.started_at / 1e9
    yield metrics.RELAYS, len(alive)
    calls: Counter[tuple[str, str]] = Counter()
    for relay in (one.relay for one in alive if one.relay is not None):
        calls[relay.name, relay.status] += relay.live_calls
    for labels, count in calls.items():
        yield metrics.RELAY_CALLS, count, *labels
    yield metrics.RELAY_SILENCE, max((one.silent_ms for one in alive), default=0) / 1000
    yield metrics.JOURNAL_BYTES, sum(one.bytes for one in told.journals)
    yield metrics.JOURNAL_UNREAD, sum(one.unread for one in told.journals)
    yield metrics.JOURNAL_QUOTA, told.quota
    yield metrics.DISK_FREE, told.disk_free
    yield metrics.DISK_SIZE, told.disk_total
    refused = {(reason, signed): 0 for reason in REASONS for signed in (False, True)}
    refused |= {(one.last.reason, one.last.signed): one.count for one in told.refused}
    for (reason, signed), count in refused.items():
        yield metrics.REFUSED, count, reason, "yes" if signed else "no"
    if told.otlp is not None:
        yield from _spans(told.otlp)
    if told.otlp_metrics is not None:
        yield metrics.EXPORTS, told.otlp_metrics.sent, "sent"
        yield metrics.EXPORTS, told.otlp_metrics.failed, "failed"
    if told.retention is not None:
        yield from _retention(told.retention)
    if told.recordings is not None:
        yield metrics.RECORDINGS_WAITING, told.recordings.waiting
        yield metrics.RECORDINGS_MOVED, told.recordings.moved
        yield metrics.RECORDINGS_DELETIONS, told.recordings.deletions
        yield metrics.RECORDINGS_FAILING, told.recordings.problem is not None
    memory = resident_memory()
    if memory is not None:
        yield metrics.RECORDER_MEMORY, memory


def _spans(told: OtlpHeartbeat) -> Iterator[tuple[Metric, float, *tuple[str, ...]]]:
    yield metrics.SPANS, told.sent, "sent"
    yield metrics.SPANS, told.failed, "failed"
    yield metrics.SPANS, told.dropped, "dropped"
    yield metrics.SPANS_FAILING, told.failing_since is not None


def _retention(told: RetentionHeartbeat) -> Iterator[tuple[Metric, float, *tuple[str, ...]]]:
    yield metrics.CONTENT_DELETED, told.content
    yield metrics.SESSIONS_DELETED, told.sessions
    yield metrics.RETENTION_DUE, told.due
    yield metrics.ERASURES_OPEN, told.erasures
    yield metrics.RETENTION_FAILING, told.problem is not None
    if told.ran_at is not None:
        yield metrics.RETENTION_RAN, told.ran_at / 1e9
