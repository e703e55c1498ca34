"""What is said of the relay: as it says itself, and as recorders see it."""

from dataclasses import replace

import pytest

from relayproxy.console.health.diagnosis.health_facts import HealthFacts
from relayproxy.console.health.diagnosis.relay import check
from relayproxy.console.health.diagnosis.upgrades import versions
from relayproxy.console.health.reachability import CheckState, RelayAnswer, RelayReadiness
from relayproxy.store.read.health.heartbeat import JournalHeartbeat, RelayHeartbeat
from tests.console.health.known import RELAY, expect, facts, report


def relay(name: str, status: str = "ready", calls: int = 1) -> JournalHeartbeat:
    return JournalHeartbeat(name, True, 1, 10, 0, relay=RelayHeartbeat(name, 7, status, calls, "1.0"))


def test_every_relay_is_named_with_its_calls() -> None:
    two = (relay("relay-1", calls=2), relay("relay-2"), relay("relay-2", "draining", 5))
    found = check(facts(report(journals=two)))
    assert (found.state, found.title) == ("ok", "The relays take calls")
    assert found.detail.startswith(
        "relay-1: 2 live calls; relay-2 (draining): 5 live calls; relay-2: 1 live call, asked at http"
    )
    on = (report(journals=two[:1]), report(process="recorder:there:1-1", host="there", journals=(relay("relay"),)))
    assert "relay on there: 1 live call; relay-1 on here: 2 live calls" in check(facts(*on)).detail


def test_relays_that_an_upgrade_has_forgotten_are_named_and_those_that_end_anyway_are_not() -> None:
    old = (relay("relay-1"), relay("relay-2", "draining"))
    found = versions(replace(facts(report(journals=old)), version="1.0"))
    assert found.state == "ok"
    found = versions(replace(facts(report(journals=old, version="1.1")), version="1.1"))
    assert (found.state, found.detail) == ("warn", "The console is 1.1; relay-1 is 1.0.")


def test_one_of_several_that_takes_no_more_is_told_though_another_one_answers() -> None:
    found = check(facts(report(journals=(relay("relay-1"), relay("relay-2", "full", 50)))))
    assert (found.state, found.title) == ("bad", "relay-2 takes no further calls")
    found = check(facts(report(journals=(relay("relay-1", "degraded"), relay("relay-2")))))
    assert (found.state, found.title) == ("bad", "relay-1 cannot write its journal")


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
