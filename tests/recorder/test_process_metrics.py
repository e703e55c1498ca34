"""What a recorder's report says of itself, as metrics."""

import msgspec
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from relayproxy.recorder.process_metrics import process_metrics
from relayproxy.refusals import REASONS, Refusal, RefusalCount
from relayproxy.store.read.health.heartbeat import (
    Heartbeat,
    JournalHeartbeat,
    OtlpHeartbeat,
    RecordingsHeartbeat,
    RelayHeartbeat,
    RetentionHeartbeat,
)
from relayproxy.telemetry.export.metrics_data import TEMPORALITIES, metrics_data
from relayproxy.telemetry.export.readable import resource
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.metrics import METRICS
from relayproxy.telemetry.metrics.tally import Snapshot

HEARTBEAT = Heartbeat(
    version="1",
    host="here",
    pid=1,
    started_at=1_800_000_000_500_000_000,
    data_dir="/data",
    journals=(JournalHeartbeat("a", True, 2, 4096, 96, 150), JournalHeartbeat("b", False, 1, 1000, 4, 9_000_000)),
    quota=1 << 30,
    lag_ms=250,
    disk_free=50,
    disk_total=100,
    otlp=OtlpHeartbeat("http://collector:4318", 7, 2, 1, 5, "HTTP 503"),
    otlp_metrics=OtlpHeartbeat("http://collector:4318", 3, 0, 0),
    refused=(RefusalCount(3, Refusal(1, "no_route", 404, "words", "203.0.113.9:1", "/x?+15550100001")),),
    retention=RetentionHeartbeat(ran_at=1_800_000_000_000_000_000, due=2, content=5, sessions=1, erasures=1),
    recordings=RecordingsHeartbeat("s3://calls", waiting=9, moved=4, deletions=2, problem="away", problem_at=5),
)


def of(found: Snapshot, metric: Metric) -> dict[tuple[str, ...], float]:
    return {point.labels: point.value for point in found[metric.name]}


def test_the_process_its_journals_and_its_disk() -> None:
    found = process_metrics(HEARTBEAT)

    assert of(found, metrics.LAG) == {(): 0.25}
    assert of(found, metrics.STARTED) == {(): 1_800_000_000.5}
    assert (of(found, metrics.RELAYS), of(found, metrics.RELAY_SILENCE)) == ({(): 1}, {(): 0.15})
    assert (of(found, metrics.JOURNAL_BYTES), of(found, metrics.JOURNAL_UNREAD)) == ({(): 5096}, {(): 100})
    assert (of(found, metrics.DISK_FREE), of(found, metrics.DISK_SIZE)) == ({(): 50}, {(): 100})
    assert of(found, metrics.SPANS) == {("sent",): 7, ("failed",): 2, ("dropped",): 1}
    assert of(found, metrics.SPANS_FAILING) == {(): 1}
    assert of(found, metrics.EXPORTS) == {("sent",): 3, ("failed",): 0}
    assert of(found, metrics.CONTENT_DELETED) == {(): 5}
    assert of(found, metrics.RETENTION_FAILING) == {(): 0}
    assert of(found, metrics.RETENTION_RAN) == {(): 1_800_000_000}
    assert (of(found, metrics.RECORDINGS_WAITING), of(found, metrics.RECORDINGS_MOVED)) == ({(): 9}, {(): 4})
    assert (of(found, metrics.RECORDINGS_DELETIONS), of(found, metrics.RECORDINGS_FAILING)) == ({(): 2}, {(): 1})
    assert 1e6 < of(found, metrics.RECORDER_MEMORY)[()] < 1e10


def test_calls_of_each_relay_that_lives_by_what_it_says() -> None:
    def journal(name: str, status: str, calls: int, *, alive: bool = True) -> JournalHeartbeat:
        return JournalHeartbeat(name, alive, 1, 10, 0, relay=RelayHeartbeat(name, 7, status, calls, "1.0"))

    told = (
        journal("relay-1", "ready", 2),
        journal("relay-2", "draining", 5),
        journal("relay-2", "ready", 1),
        journal("relay-2", "draining", 3),
        journal("relay-1", "ready", 9, alive=False),
    )
    found = process_metrics(msgspec.structs.replace(HEARTBEAT, journals=told))
    assert of(found, metrics.RELAYS) == {(): 4}
    assert of(found, metrics.RELAY_CALLS) == {
        ("relay-1", "ready"): 2,
        ("relay-2", "draining"): 8,
        ("relay-2", "ready"): 1,
    }


def test_every_reason_of_a_refusal_is_there_before_it_first_counts() -> None:
    refused = of(process_metrics(HEARTBEAT), metrics.REFUSED)

    assert refused.keys() == {(reason, signed) for reason in REASONS for signed in ("yes", "no")}
    assert {labels: count for labels, count in refused.items() if count} == {("no_route", "no"): 3}


def test_what_is_not_done_is_not_told() -> None:
    found = process_metrics(msgspec.structs.replace(HEARTBEAT, otlp=None, otlp_metrics=None, retention=None))

    for metric in (metrics.SPANS, metrics.SPANS_FAILING, metrics.EXPORTS, metrics.RETENTION_DUE):
        assert metric.name not in found


def test_all_of_it_can_be_stored_and_sent_and_names_nobody() -> None:
    found = process_metrics(HEARTBEAT)
    stored = msgspec.json.encode(found)

    assert msgspec.json.decode(stored, type=Snapshot) == found
    assert b"203.0.113" not in stored
    assert b"5550100" not in stored
    assert found.keys() <= METRICS.keys()
    encode_metrics(metrics_data(found, resource({}), (1, 2), TEMPORALITIES["cumulative"], {}))
