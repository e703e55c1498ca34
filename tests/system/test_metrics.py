"""Metrics of a running system: what Prometheus gets of its calls, and what a collector does."""

import asyncio
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.databases import migrated
from tests.patience import PATIENCE
from tests.running import running
from tests.system.phone import Agent, Phone, answering
from tests.system.stack import stack, until
from tests.telemetry.collector import collector

WORDS = "zebra crossing"


def scraped(console: str) -> tuple[dict[str, dict[tuple[str, ...], float]], str]:
    """The samples by name and by the values of their labels, recorder left out; and the text itself."""
    request = urllib.request.Request(f"{console}/metrics", headers={"Accept": "application/openmetrics-text"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        text = answer.read().decode()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            labels = tuple(value for name, value in sorted(sample.labels.items()) if name != "recorder")
            found.setdefault(sample.name, {})[labels] = sample.value
    return found, text


def total(found: dict[str, dict[tuple[str, ...], float]], name: str) -> float:
    return sum(found.get(name, {}).values())


async def test_calls_are_in_the_metrics_and_nothing_that_was_said(tmp_path: Path) -> None:
    with answering(Agent()) as backend, stack(tmp_path, backend, verify="off") as system:

        def when(name: str, value: float) -> Any:
            found, _ = scraped(system.console.url)
            return found if name in found and total(found, name) == value else None

        found = await until(lambda: when("relayproxy_recorder_up", 1))
        assert total(found, "relayproxy_sessions_total") == 0, "what alerts watch is there before the first call"
        assert found["relayproxy_requests_refused_total"]["wrong_signature", "yes"] == 0
        phone = Phone(system.url())
        answer = await asyncio.to_thread(phone.says, WORDS)
        assert answer == f"You said: {WORDS}"
        phone.interrupts("You said")
        await asyncio.to_thread(phone.says, "and now")
        await until(lambda: when("relayproxy_live_connections", 1))
        phone.hangs_up()
        await until(lambda: when("relayproxy_sessions_total", 1))
        await until(lambda: when("relayproxy_live_connections", 0))
        found, text = scraped(system.console.url)

    assert found["relayproxy_sessions_total"]["caller_hangup", "default", "A", ""] == 1
    assert total(found, "relayproxy_turn_response_latency_seconds_count") == 2
    assert found["relayproxy_turn_response_latency_seconds_bucket"]["20.0", "default", ""] == 2
    assert found["relayproxy_interruption_count_total"]["caller_speech", "default"] == 1
    assert found["relayproxy_handshakes_total"]["relayed", "default", "missing", "101"] == 1
    assert found["relayproxy_messages_total"]["in", "default"] == 4
    assert total(found, "relayproxy_message_overhead_seconds_count") == 8
    assert total(found, "relayproxy_live_connections") == 0
    assert total(found, "relayproxy_recording_gaps_total") == 0
    assert total(found, "relayproxy_recorder_commit_duration_seconds_count") > 0
    assert total(found, "relayproxy_relays") == 1
    assert total(found, "relayproxy_journal_size_bytes") > 0
    assert total(found, "relayproxy_recorder_memory_bytes") > 1e7
    assert total(found, "relayproxy_database_up") == 1
    for secret in (*WORDS.split(), "You said", phone.caller, phone.caller[2:], "VX0", "CA0", "AC0"):
        assert secret not in text


async def test_a_collector_gets_the_same_from_the_recorder(tmp_path: Path) -> None:
    migrated(f"sqlite:///{tmp_path}/relayproxy.db")
    async with collector(tmp_path) as there:
        with (
            answering(Agent()) as backend,
            running("relay", data_dir=tmp_path, listen="127.0.0.1:0", backend=backend, verify="off") as relay,
            running("recorder", data_dir=tmp_path, otel__endpoint=there.http, otel__metrics_interval=1),
        ):
            phone = Phone(f"ws://127.0.0.1:{relay.port}")
            await asyncio.to_thread(phone.says, WORDS)
            phone.hangs_up()

            def ended(metrics: dict[str, Any]) -> bool:
                sessions = metrics.get("relayproxy.sessions")
                return sessions is not None and sum(point.as_double for point in sessions.sum.data_points) == 1

            found = await there.received.until_metrics(ended)
    [latency] = [point for point in found["relayproxy.turn.response_latency"].histogram.data_points if point.count]
    assert latency.count == 1
    assert found["relayproxy.disk.free"].gauge.data_points[0].as_double > 0
    assert "zebra" not in repr(found)
    assert {resource["service.name"] for resource in there.received.metric_resources} == {"relayproxy"}
