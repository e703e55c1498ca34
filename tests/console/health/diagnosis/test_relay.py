"""What is said of the relay: as it says itself, and as recorders see it."""

from dataclasses import replace

import pytest

from relayproxy.console.health.diagnosis.health_facts import HealthFacts
from relayproxy.console.health.reachability import CheckState, RelayAnswer, RelayReadiness
from relayproxy.store.read.health.heartbeat import JournalHeartbeat
from tests.console.health.known import RELAY, expect, facts, report

SILENT = RelayAnswer("http://127.0.0.1:8080", problem="connection refused")
STOPPED = RelayAnswer("http://127.0.0.1:8080", problem="no answer within a second", silent=True)


@pytest.mark.parametrize(
    ("found", "state", "title", "action"),
    [
        (facts(relay=SILENT), "ok", "A relay is running", ""),
        (
            facts(report(journals=()), relay=SILENT),
            "bad",
            "No relay is running",
            "Start it: `relayproxy serve`, or `relayproxy relay`",
        ),
        (facts(relay=STOPPED), "bad", "A relay does not respond", "SIGCONT"),
        (
            facts(report(journals=(JournalHeartbeat("j1", True, 1, 10, 0, 12_000),)), relay=SILENT),
            "bad",
            "A relay does not respond",
            "SIGCONT",
        ),
        (
            facts(report(journals=(JournalHeartbeat("j1", True, 1, 10, 0, 9_000),))),
            "ok",
            "The relay takes",
            "",
        ),
        (facts(report(42), relay=SILENT), "unknown", "Whether a relay is running is not known", ""),
        (
            facts(relay=replace(RELAY, said=RelayReadiness("degraded", "disk", 3))),
            "bad",
            "The relay cannot write its journal",
            "Make room on its disk",
        ),
        (
            facts(relay=replace(RELAY, said=RelayReadiness("full", "ok", 3, "connections"))),
            "bad",
            "The relay has as many connections as it may have",
            "Raise `max_connections`",
        ),
        (
            facts(relay=replace(RELAY, said=RelayReadiness("full", "ok", 3, "descriptors"))),
            "bad",
            "The relay has no file descriptors left",
            "Raise its limit (`ulimit -n`",
        ),
        (
            facts(relay=replace(RELAY, said=RelayReadiness("draining", "ok", 2))),
            "warn",
            "The relay is stopping and takes no new calls",
            "Start it again",
        ),
    ],
)
def test_what_is_said_of_the_relay(found: HealthFacts, state: CheckState, title: str, action: str) -> None:
    expect("relay", found, state, title, action)
