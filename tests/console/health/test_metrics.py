"""`/metrics` on a real database: what recorders told, and nothing of those that are silent."""

from collections.abc import Iterator
from hashlib import sha256

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from relayproxy.console.app import build
from relayproxy.console.health import health_page as monitoring
from relayproxy.settings.alerts import Alert, Webhook
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine
from relayproxy.store.read.health.heartbeat import Heartbeat, HeartbeatWriter
from relayproxy.store.read.health.receiver_heartbeat import PassedOn, ReceiverHeartbeat
from relayproxy.store.read.queries import Queries
from relayproxy.store.write.alert_store import Firing, open_alert
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.tally import Point, Snapshot
from tests.console.conftest import Client
from tests.console.samples import ago

NUMBERS: Snapshot = {metrics.LAG.name: (Point((), 0.25),), metrics.JOURNAL_DAMAGE.name: (Point(("torn",), 2),)}
HERE, THERE = "recorder:here:1-1", "recorder:there:1-1"


@pytest.fixture
def settings(tmp_path: object) -> Settings:
    # Nothing listens on port 1.
    return Settings(data_dir=f"{tmp_path}/data", backend="ws://127.0.0.1:1", listen="127.0.0.1:1")  # type: ignore[arg-type]


@pytest.fixture
def told(settings: Settings, archive: Archive) -> Iterator[HeartbeatWriter]:
    writer = HeartbeatWriter(open_engine(settings.database))
    yield writer
    writer.close()


def heartbeat(numbers: object = NUMBERS, *, ended: bool = False) -> Heartbeat:
    raw = msgspec.Raw(msgspec.json.encode(numbers))
    return Heartbeat("1", "here", 1, ago(60), "/data", ended=ended, metrics=raw)


async def scraped(client: Client, **headers: str) -> dict[str, Family]:
    async with client.get("/metrics", headers=headers) as response:
        assert response.status == 200
        text = await response.text()
        wanted = response.headers["Content-Type"].startswith("application/openmetrics-text")
        assert wanted == ("openmetrics" in headers.get("Accept", ""))
    return {family.name: family for family in (open_metrics if wanted else plain)(text)}


def by_recorder(family: Family) -> dict[str, float]:
    return {sample.labels["recorder"]: sample.value for sample in family.samples}


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0; charset=utf-8"])
async def test_all_recorders_and_the_console_in_one_answer(client: Client, told: HeartbeatWriter, accept: str) -> None:
    told.write(HERE, heartbeat())
    told.write(THERE, heartbeat())
    found = await scraped(client, Accept=accept)

    assert by_recorder(found["relayproxy_recorder_up"]) == {HERE: 1, THERE: 1}
    assert by_recorder(found["relayproxy_recorder_lag_seconds"]) == {HERE: 0.25, THERE: 0.25}
    assert by_recorder(found["relayproxy_journal_damage"]) == {HERE: 2, THERE: 2}
    assert found["relayproxy_database_up"].samples[0].value == 1
    checks = {sample.labels["check"]: sample.value for sample in found["relayproxy_health_check"].samples}
    assert (checks["database"], checks["relay"]) == (0, 2)


async def test_of_a_recorder_that_is_silent_nothing_is_told_but_that_it_is(
    client: Client, told: HeartbeatWriter
) -> None:
    told.write(HERE, heartbeat())
    told.write(THERE, heartbeat(), at=ago(60))
    found = await scraped(client)

    assert by_recorder(found["relayproxy_recorder_up"]) == {HERE: 1, THERE: 0}
    assert by_recorder(found["relayproxy_recorder_lag_seconds"]) == {HERE: 0.25}
    assert by_recorder(found["relayproxy_journal_damage"]) == {HERE: 2}


async def test_one_that_was_stopped_in_order_is_not_missed_while_others_work(
    client: Client, told: HeartbeatWriter
) -> None:
    told.write(HERE, heartbeat())
    told.write(THERE, heartbeat(ended=True), at=ago(30))

    assert by_recorder((await scraped(client))["relayproxy_recorder_up"]) == {HERE: 1}


@pytest.mark.parametrize("numbers", [None, [1], {"relayproxy.recorder.lag": "soon"}])
async def test_a_recorder_of_another_version_is_up(client: Client, told: HeartbeatWriter, numbers: object) -> None:
    told.write(HERE, heartbeat(numbers))
    found = await scraped(client)

    assert by_recorder(found["relayproxy_recorder_up"]) == {HERE: 1}
    assert "relayproxy_recorder_lag_seconds" not in found


async def test_without_a_database_the_console_says_so(client: Client) -> None:
    found = await scraped(client)

    assert found["relayproxy_database_up"].samples[0].value == 0
    assert "relayproxy_recorder_up" not in found
    assert "relayproxy_database_size_bytes" not in found


async def test_what_is_told_is_not_older_than_health(
    client: Client, told: HeartbeatWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "FRESH", 0.0)
    told.write(HERE, heartbeat())
    assert by_recorder((await scraped(client))["relayproxy_recorder_lag_seconds"]) == {HERE: 0.25}
    told.write(HERE, heartbeat({metrics.LAG.name: (Point((), 9),)}))
    assert by_recorder((await scraped(client))["relayproxy_recorder_lag_seconds"]) == {HERE: 9}


RECEIVER = ReceiverHeartbeat(
    receiver="http://127.0.0.1:4318", version="1", host="here", pid=1, started_at=ago(60), requests=9, undecodable=1,
    spans=30, kept=20, guessed=4, frames=7, over_limit=2, unjoined=1, waiting=3,
    passed_on=PassedOn(("http://collector:4318",), 8, 1, 0),
)  # fmt: skip


async def test_receivers_of_backends_spans_are_told_while_they_report(client: Client, told: HeartbeatWriter) -> None:
    told.write("receiver-one", RECEIVER)
    told.write("receiver-two", msgspec.structs.replace(RECEIVER, trouble="locked", trouble_at=ago(9), passed_on=None))
    told.write("receiver-gone", RECEIVER, at=ago(60))
    told.write("receiver-forgotten", RECEIVER, at=ago(48 * 3600))
    told.write("receiver-ended", msgspec.structs.replace(RECEIVER, ended=True), at=ago(60))
    found = await scraped(client)

    def of(name: str, **labels: str) -> dict[str, float]:
        samples = (one for one in found[name].samples if labels.items() <= one.labels.items())
        return {one.labels["receiver"]: one.value for one in samples}

    assert of("relayproxy_receiver_up") == {"receiver-one": 1, "receiver-two": 1, "receiver-gone": 0}
    assert of("relayproxy_receiver_spans", result="kept") == {"receiver-one": 20, "receiver-two": 20}
    assert of("relayproxy_receiver_spans", result="frames") == {"receiver-one": 7, "receiver-two": 7}
    assert of("relayproxy_receiver_requests", result="undecodable") == {"receiver-one": 1, "receiver-two": 1}
    assert of("relayproxy_receiver_requests", result="taken") == {"receiver-one": 8, "receiver-two": 8}
    assert of("relayproxy_receiver_guessed") == {"receiver-one": 4, "receiver-two": 4}
    assert of("relayproxy_receiver_passed_on", result="failed") == {"receiver-one": 1}
    assert of("relayproxy_receiver_waiting") == {"receiver-one": 3, "receiver-two": 3}
    assert of("relayproxy_receiver_failing") == {"receiver-one": 0, "receiver-two": 1}
    assert "relayproxy_recorder_up" not in found


@pytest.mark.parametrize("alerts", [True, False])
async def test_alerts_and_how_they_were_told(
    settings: Settings, queries: Queries, writer: AnnotationWriter, told: HeartbeatWriter, alerts: bool
) -> None:
    set_up = settings.model_copy(
        update={
            "alerts": {"full": Alert(kind="disk", above=0.9999), "lost": Alert(kind="gaps", above=0, severity="error")},
            "webhooks": {"ops": Webhook(url="http://127.0.0.1:1/secret")},
        }
    )
    open_alert(writer, Firing("lost", "gaps", "error", None, 1, 2.0, 0.0, 600.0, None, None, "2 gaps"), ())
    async with TestClient(TestServer(build(set_up if alerts else settings, queries, writer))) as client:
        found = await scraped(client)

    if not alerts:
        assert not {"relayproxy_alerts_firing", "relayproxy_alerts_attempts"} & set(found)
        return
    firing = {sample.labels["alert"]: sample.value for sample in found["relayproxy_alerts_firing"].samples}
    assert firing == {"full": 0, "lost": 1}
    samples = found["relayproxy_alerts_attempts"].samples
    attempts = {(one.labels["webhook"], one.labels["result"]): one.value for one in samples}
    assert attempts == {("ops", "sent"): 0, ("ops", "failed"): 0, ("ops", "dropped"): 0}


async def test_it_is_compressed_for_who_takes_that(client: Client, told: HeartbeatWriter) -> None:
    told.write(HERE, heartbeat())
    async with client.get("/metrics", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert "relayproxy_recorder_up" in await response.text()


async def test_where_people_sign_in_prometheus_sends_a_token(
    settings: Settings, queries: Queries, writer: AnnotationWriter, told: HeartbeatWriter
) -> None:
    told.write(HERE, heartbeat())
    digest = sha256(b"rp_prometheus").hexdigest()
    signed = Settings(
        data_dir=settings.data_dir,
        backend="ws://127.0.0.1:1",
        listen="127.0.0.1:1",
        tokens={"prometheus": {"sha256": digest, "role": "viewer"}},  # type: ignore[dict-item]
        users={"alice": {"password": "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"}},  # type: ignore[dict-item]
    )
    async with TestClient(TestServer(build(signed, queries, writer))) as client:
        found = await scraped(client, Authorization="Bearer rp_prometheus")
        assert by_recorder(found["relayproxy_recorder_up"]) == {HERE: 1}
        for headers in ({}, {"Authorization": "Bearer rp_other"}, {"Accept": "application/openmetrics-text"}):
            async with client.get("/metrics", headers=headers, allow_redirects=False) as response:
                assert response.status == 401
                assert "recorder" not in await response.text()
