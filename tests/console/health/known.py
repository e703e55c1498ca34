"""What is known of a system that works, for tests that change one thing of it."""

from pathlib import Path
from typing import Any

from relayproxy.console.health.diagnosis.diagnosis import diagnose
from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthCheck, HealthFacts
from relayproxy.console.health.reachability import CheckState, RelayAnswer, RelayReadiness
from relayproxy.store.quarantine import MovedDatabase
from relayproxy.store.read.health.heartbeat import (
    DatabaseFacts,
    Heartbeat,
    JournalHeartbeat,
    RecordingsHeartbeat,
    Report,
    RetentionHeartbeat,
)

NOW = 1_800_000_000 * SECOND


MIB = 1024 * 1024


GIB = 1024 * MIB


RELAY = RelayAnswer("http://127.0.0.1:8080", RelayReadiness("ready", "ok", 3))


DATABASE = DatabaseFacts("SQLite", "3.40.1", "0003", 0.4, 5 * MIB, MIB, 60 * GIB, 100 * GIB, 1234)

RETENTION = RetentionHeartbeat({"": (30, 400)}, ran_at=NOW - 120 * SECOND)


def heartbeat(**known: Any) -> Heartbeat:
    usual: dict[str, Any] = {
        "version": "1.0",
        "host": "here",
        "pid": 4711,
        "started_at": NOW - 3600 * SECOND,
        "data_dir": "/data",
        "journals": (JournalHeartbeat("j1", True, 1, 10 * MIB, 17),),
        "quota": GIB,
        "lag_ms": 40,
        "calls": 3,
        "commit_ms": 2.5,
        "disk_free": 50 * GIB,
        "disk_total": 100 * GIB,
        "retention": RETENTION,
        "recordings": RecordingsHeartbeat(),
    }
    return Heartbeat(**{**usual, **known})


def report(ago: float = 1, process: str = "recorder:here:1-1", **known: Any) -> Report:
    return Report(process, NOW - round(ago * SECOND), heartbeat(**known))


def moved(ago: float) -> MovedDatabase:
    return MovedDatabase(Path("/data/relayproxy.db.corrupt-1"), NOW - round(ago * SECOND), 5 * MIB)


def facts(*reports: Report, **known: Any) -> HealthFacts:
    return HealthFacts(NOW, "1.0", **{"relay": RELAY, "reports": reports or (report(),), "database": DATABASE, **known})


def check(name: str, found: HealthFacts) -> HealthCheck:
    return next(check for check in diagnose(found) if check.name == name)


def expect(name: str, found: HealthFacts, state: CheckState, title: str, action: str) -> None:
    """What one check must say; whatever is wrong has a remedy."""
    met = check(name, found)
    assert met.state == state
    assert met.title.startswith(title)
    assert action in met.action
    assert bool(met.action) == (state in ("warn", "bad")), "what is wrong has a remedy, what is right needs none"
