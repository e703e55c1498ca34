"""What is wrong and what to do about it, fact by fact."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relayproxy.console.access.audit_log import AuditState
from relayproxy.console.health.diagnosis import diagnose, verdict
from relayproxy.console.health.health_facts import SECOND, Facts, HealthCheck, age
from relayproxy.console.health.reachability import Ready, RelayAnswer, State
from relayproxy.store.quarantine import Aside
from relayproxy.store.read.heartbeat import DatabaseFacts, Gaps, Heartbeat, JournalHeartbeat, OtlpHeartbeat, Report
from relayproxy.store.schema.rows import JournalGapRow

NOW = 1_800_000_000 * SECOND
LOST = JournalGapRow("j1", 1, 549, 277, "checksum", NOW - 90 * SECOND, NOW - 60 * SECOND)
MIB = 1024 * 1024
GIB = 1024 * MIB
RELAY = RelayAnswer("http://127.0.0.1:8080", Ready("ready", "ok", 3))
SILENT = RelayAnswer("http://127.0.0.1:8080", problem="connection refused")
STOPPED = RelayAnswer("http://127.0.0.1:8080", problem="no answer within a second", silent=True)
DATABASE = DatabaseFacts("SQLite", "3.40.1", "0003", 0.4, 5 * MIB, MIB, 60 * GIB, 100 * GIB, 1234)


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
    }
    return Heartbeat(**{**usual, **known})


def report(ago: float = 1, process: str = "recorder:here:1-1", **known: Any) -> Report:
    return Report(process, NOW - round(ago * SECOND), heartbeat(**known))


def moved(ago: float) -> Aside:
    return Aside(Path("/data/relayproxy.db.corrupt-1"), NOW - round(ago * SECOND), 5 * MIB)


def facts(*reports: Report, **known: Any) -> Facts:
    return Facts(NOW, "1.0", **{"relay": RELAY, "reports": reports or (report(),), "database": DATABASE, **known})


def check(name: str, found: Facts) -> HealthCheck:
    return next(check for check in diagnose(found) if check.name == name)


def test_everything_works() -> None:
    checks = diagnose(facts())
    assert [check.name for check in checks] == [
        "relay", "recorder", "lag", "journal", "gaps", "refused", "database", "disk", "spans",
        "audit", "clock", "versions", "recordings",
    ]  # fmt: skip
    assert {check.state for check in checks} == {"ok"}
    assert not any(check.action for check in checks)
    assert verdict(checks).sentence == "Everything works."


@pytest.mark.parametrize(
    ("name", "found", "state", "title", "action"),
    [
        ("relay", facts(relay=SILENT), "ok", "A relay is running", ""),
        (
            "relay",
            facts(report(journals=()), relay=SILENT),
            "bad",
            "No relay is running",
            "Start it: `relayproxy serve`, or `relayproxy relay`",
        ),
        ("gaps", facts(lost=(LOST,)), "warn", "A part of the journal could not be read, from 60 s ago", "See whether"),
        ("relay", facts(relay=STOPPED), "bad", "A relay does not respond", "SIGCONT"),
        (
            "relay",
            facts(report(journals=(JournalHeartbeat("j1", True, 1, 10, 0, 12_000),)), relay=SILENT),
            "bad",
            "A relay does not respond",
            "SIGCONT",
        ),
        (
            "relay",
            facts(report(journals=(JournalHeartbeat("j1", True, 1, 10, 0, 9_000),))),
            "ok",
            "The relay takes",
            "",
        ),
        ("relay", facts(report(42), relay=SILENT), "unknown", "Whether a relay is running is not known", ""),
        (
            "relay",
            facts(relay=replace(RELAY, said=Ready("degraded", "disk", 3))),
            "bad",
            "The relay cannot write its journal",
            "Make room on its disk",
        ),
        (
            "relay",
            facts(relay=replace(RELAY, said=Ready("draining", "ok", 2))),
            "warn",
            "The relay is stopping and takes no new calls",
            "Start it again",
        ),
        (
            "recorder",
            facts(report(42)),
            "bad",
            "The recorder has not reported for 42 s",
            "Start it there: `relayproxy recorder`",
        ),
        ("recorder", facts(report(5)), "ok", "The recorder works", ""),
        (
            "recorder",
            facts(report(8)),
            "warn",
            "The recorder last reported 8 s ago",
            "what else writes to the database",
        ),
        ("recorder", facts(report(180, ended=True)), "bad", "The recorder was stopped 3 min ago", "Start it there"),
        ("recorder", facts(reports=()), "bad", "No recorder has ever reported", "Start it: `relayproxy recorder`"),
        ("lag", facts(report(lag_ms=5000)), "ok", "Recording is 5.0 s behind the calls", ""),
        ("lag", facts(report(lag_ms=6000)), "warn", "Recording is 6 s behind the calls", "processor of here"),
        ("lag", facts(report(lag_ms=61_000)), "bad", "Recording is 61 s behind the calls", "processor of here"),
        ("lag", facts(report(42, lag_ms=61_000)), "unknown", "How far recording is behind is not known", ""),
        ("journal", facts(report(quota=20 * MIB)), "warn", "The journal is 50% full", "`journal_quota`"),
        ("journal", facts(report(quota=11 * MIB)), "bad", "The journal is 91% full", "`journal_quota`"),
        ("gaps", facts(day=Gaps(3, 2)), "ok", "Nothing is missing from the last hour", ""),
        ("gaps", facts(hour=Gaps(1, 1), day=Gaps(3, 2)), "warn", "1 gap in the recordings of the last hour", "cause"),
        (
            "database",
            facts(reports=(), database=None, database_problem="database: is locked"),
            "bad",
            "The database cannot be read",
            "See to the database",
        ),
        ("database", facts(database=replace(DATABASE, answer_ms=1200)), "warn", "The database took 1,200 ms", "slow"),
        (
            "database",
            facts(report(trouble="database is locked", trouble_at=NOW - 30 * SECOND)),
            "warn",
            "The database failed the recorder 30 s ago",
            "If this comes back",
        ),
        (
            "database",
            facts(report(trouble="locked", trouble_at=NOW - 301 * SECOND)),
            "ok",
            "SQLite answers in 0.4 ms",
            "",
        ),
        (
            "database",
            facts(aside=(moved(3600), moved(7200), moved(25 * 3600))),
            "warn",
            "A damaged database was moved aside 60 min ago",
            "sqlite3 /data/relayproxy.db.corrupt-1 .recover",
        ),
        ("database", facts(aside=(moved(25 * 3600),)), "ok", "SQLite answers in 0.4 ms", ""),
        (
            "database",
            facts(reports=(), database=None, database_problem="damaged", aside=(moved(60),)),
            "bad",
            "The database cannot be read",
            "A damaged one was moved to /data/relayproxy.db.corrupt-1 60 s ago",
        ),
        ("disk", facts(report(disk_free=9 * GIB)), "warn", "Only 9.0% of the disk is free", "Make room"),
        ("disk", facts(report(disk_free=GIB)), "bad", "Only 1.0% of the disk is free", "Make room"),
        ("disk", facts(database=replace(DATABASE, free=GIB)), "bad", "Only 1.0% of the disk is free", "Make room"),
        ("disk", facts(reports=(), database=replace(DATABASE, free=None)), "unknown", "How much disk", ""),
        (
            "spans",
            facts(report(otlp=OtlpHeartbeat("http://c:4318", 9, 0, 0))),
            "ok",
            "Spans arrive at http://c:4318",
            "",
        ),
        ("spans", facts(report(otlp=OtlpHeartbeat("bogus", 0, 0, 0))), "ok", "No span has been sent to bogus yet", ""),
        (
            "audit",
            facts(audit=AuditState(3, 0, NOW - 20 * SECOND, "database is locked")),
            "bad",
            "The audit has not been written for 20 s",
            "it must let the console write",
        ),
        ("clock", facts(step=3600.0), "warn", "This machine's clock was set forward by 60 min", "time service"),
        ("clock", facts(step=-3600.0), "warn", "This machine's clock was set back by 60 min", "time service"),
        ("clock", facts(report(-30)), "warn", "A recorder's clock is 30 s ahead of this machine's", "time service"),
        (
            "spans",
            facts(report(otlp=OtlpHeartbeat("http://c:4318", 9, 2, 1, NOW - 120 * SECOND, "HTTP 503"))),
            "warn",
            "Spans have not arrived at http://c:4318 for 2 min",
            "See whether the collector runs",
        ),
        (
            "recordings",
            facts(outdated=1),
            "warn",
            "1 call was recorded by an earlier version",
            "Run `relayproxy rebuild` once",
        ),
        (
            "recordings",
            facts(outdated=1000),
            "warn",
            "1,000 calls or more were recorded by an earlier version",
            "Run `relayproxy rebuild` once",
        ),
        ("recordings", facts(database=None), "unknown", "Whether all calls are derived is not known", ""),
        ("versions", facts(report(version="0.9")), "warn", "The processes are of different versions", "Restart"),
    ],
)
def test_each_fact(name: str, found: Facts, state: State, title: str, action: str) -> None:
    met = check(name, found)
    assert met.state == state
    assert met.title.startswith(title)
    assert action in met.action
    assert bool(met.action) == (state in ("warn", "bad")), "what is wrong has a remedy, what is right needs none"


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_a_recorder_is_neither_missed_nor_believed_in_because_a_clock_was_set(step: float) -> None:
    before = Report("recorder:here:1-1", NOW - round((step + 1) * SECOND), heartbeat())
    assert check("recorder", facts(before, step=step)).state == "ok", "it reported just before the clock was set"
    assert check("recorder", facts(report(1), step=step)).state == "ok", "and just after"
    silent = {"recorder:here:1-1": 42.0}
    assert check("recorder", facts(report(-3600), step=step, unchanged=silent)).state == "bad"


def test_no_page_says_that_nothing_was_lost_beside_gaps() -> None:
    found = diagnose(facts(report(trouble="locked", trouble_at=NOW - 30 * SECOND, lag_ms=61_000), hour=Gaps(6, 2)))
    said = " ".join(f"{one.title} {one.detail}" for one in found).lower()
    assert "6 gaps" in said
    assert "nothing was lost" not in said
    assert "nothing is lost" not in said
    assert "lost nothing" not in said


def test_of_two_recorders_the_one_that_is_gone_is_named() -> None:
    gone = report(42, "recorder:there:2-2", host="there", data_dir="/other")
    found = check("recorder", facts(report(), gone))
    assert (found.state, found.title) == ("bad", "The recorder on there has not reported for 42 s")
    assert "in the journal in /other on there" in found.detail


def test_one_that_ended_in_order_is_not_missed_while_another_one_works() -> None:
    for gone in (report(60, "old", ended=True, journals=()), report(2 * 86_400, "long ago")):
        assert check("recorder", facts(report(), gone)).state == "ok"
    left_alone = report(60, "old", ended=True)
    assert check("recorder", facts(report(), left_alone)).state == "bad", "its relay goes on writing"
    assert check("recorder", facts(report(2 * 86_400))).state == "bad", "the only one there is"


def test_the_worst_is_told_first_and_the_rest_counted() -> None:
    found = verdict(diagnose(facts(report(lag_ms=6000, disk_free=GIB, version="0.9"))))
    assert (found.state, found.sentence, found.name, found.more) == (
        "bad", "Only 1.0% of the disk is free.", "disk", 2,
    )  # fmt: skip


def test_without_a_database_little_is_known() -> None:
    found = facts(reports=(), database=None, database_problem="There is no relayproxy database yet")
    assert verdict(diagnose(found)).sentence == "The database cannot be read."
    assert {one.name for one in diagnose(found) if one.state == "unknown"} >= {"recorder", "lag", "journal", "gaps"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (99, "99 s"),
        (100, "1 min"),
        (5999, "99 min"),
        (6000, "1 h"),
        (172_799, "47 h"),
        (172_800, "2 days"),
    ],
)
def test_ages(seconds: float, words: str) -> None:
    assert age(seconds) == words
