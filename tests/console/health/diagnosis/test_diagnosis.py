"""What is wrong and what to do about it, fact by fact."""

from dataclasses import replace

import pytest

from relayproxy.console.access.audit_log import AuditState
from relayproxy.console.health.diagnosis.diagnosis import diagnose, verdict
from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthFacts
from relayproxy.console.health.reachability import CheckState, RelayReadiness
from relayproxy.refusals import Refusal, RefusalCount
from relayproxy.store.read.health.heartbeat import GapCounts, OtlpHeartbeat
from relayproxy.store.schema.rows import JournalGapRow
from tests.console.health.known import DATABASE, GIB, MIB, NOW, RELAY, check, expect, facts, report

LOST = JournalGapRow("j1", 1, 549, 277, "checksum", NOW - 90 * SECOND, NOW - 60 * SECOND)


def test_everything_works() -> None:
    checks = diagnose(facts())
    assert [check.name for check in checks] == [
        "relay", "recorder", "lag", "journal", "gaps", "refused", "signatures", "redaction", "treatment", "database",
        "disk", "spans", "metrics", "receiver", "alerts", "audit", "clock", "versions", "recordings", "retention",
        "objects",
    ]  # fmt: skip
    assert {check.state for check in checks} == {"ok"}
    assert not any(check.action for check in checks)
    assert verdict(checks).sentence == "Everything works."


@pytest.mark.parametrize(
    ("name", "found", "state", "title", "action"),
    [
        (
            "redaction",
            facts(report(redaction_failures=3, redaction_failed_at=NOW - 90 * SECOND)),
            "bad",
            "Redaction failed, the last time 90 s ago",
            "Report it",
        ),
        (
            "redaction",
            facts(report(search_limited=3, search_limited_at=NOW - 90 * SECOND)),
            "warn",
            "More was sent than is searched for secrets, the last time 90 s ago",
            "See who sent so much",
        ),
        ("gaps", facts(lost=(LOST,)), "warn", "A part of the journal could not be read, from 60 s ago", "See whether"),
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
        (
            "journal",
            facts(report(windows_trouble="No space left on device", windows_failing_since=NOW - 40 * SECOND)),
            "warn",
            "What compressed calls go on from has not been written for 40 s",
            "do not restart it before",
        ),
        ("gaps", facts(day=GapCounts(3, 2)), "ok", "Nothing is missing from the last hour", ""),
        (
            "gaps",
            facts(hour=GapCounts(1, 1), day=GapCounts(3, 2)),
            "warn",
            "1 gap in the recordings of the last hour",
            "cause",
        ),
        (
            "gaps",
            facts(relay=replace(RELAY, said=RelayReadiness("degraded", "disk", 3))),
            "bad",
            "What calls say now is not recorded",
            "Make room on the relay's disk",
        ),
        ("gaps", facts(report(180)), "unknown", "Whether anything is missing from the last hour is not known", ""),
        ("gaps", facts(reports=()), "unknown", "Whether anything is missing from the last hour is not known", ""),
        ("gaps", facts(report(lag_ms=6000)), "unknown", "Whether anything is missing from the last hour is not", ""),
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
            "metrics",
            facts(report(otlp_metrics=OtlpHeartbeat("http://c", 9, 0, 0))),
            "ok",
            "Metrics arrive at http://c",
            "",
        ),
        (
            "metrics",
            facts(report(otlp_metrics=OtlpHeartbeat("x", 0, 0, 0))),
            "ok",
            "No metrics have been sent to x yet",
            "",
        ),
        ("metrics", facts(report(otlp=OtlpHeartbeat("x", 9, 0, 0))), "ok", "Metrics are not sent", ""),
        (
            "metrics",
            facts(report(otlp_metrics=OtlpHeartbeat("http://c:4318", 9, 2, 0, NOW - 120 * SECOND, "HTTP 413"))),
            "warn",
            "Metrics have not arrived at http://c:4318 for 2 min",
            "See whether the collector runs",
        ),
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
        ("versions", facts(report(version="0.9")), "warn", "The processes are of different versions", "Replace"),
    ],
)
def test_each_fact(name: str, found: HealthFacts, state: CheckState, title: str, action: str) -> None:
    expect(name, found, state, title, action)


def test_no_page_says_that_nothing_was_lost_beside_gaps() -> None:
    found = diagnose(facts(report(trouble="locked", trouble_at=NOW - 30 * SECOND, lag_ms=61_000), hour=GapCounts(6, 2)))
    said = " ".join(f"{one.title} {one.detail}" for one in found).lower()
    assert "6 gaps" in said
    assert "nothing was lost" not in said
    assert "nothing is lost" not in said
    assert "lost nothing" not in said


@pytest.mark.parametrize(
    ("cause", "told"),
    [("torn", "a crash of the relay or its machine does"), ("checksum", "Calls do not depend on their journal")],
)
def test_of_the_calls_in_a_part_that_cannot_be_read_it_says_no_more_than_its_cause_tells(cause: str, told: str) -> None:
    lost = JournalGapRow("j1", 1, 100, 4711, cause, NOW - 9 * SECOND, NOW - 8 * SECOND)
    found = check("gaps", facts(lost=(lost,)))
    assert told in found.detail
    assert "lost nothing" not in found.detail


def test_the_worst_is_told_first_and_the_rest_counted() -> None:
    found = verdict(diagnose(facts(report(lag_ms=6000, disk_free=GIB, version="0.9"))))
    assert (found.state, found.sentence, found.name, found.more) == (
        "bad", "Only 1.0% of the disk is free.", "disk", 2,
    )  # fmt: skip


def test_without_a_database_little_is_known() -> None:
    found = facts(reports=(), database=None, database_problem="There is no relayproxy database yet")
    assert verdict(diagnose(found)).sentence == "The database cannot be read."
    assert {one.name for one in diagnose(found) if one.state == "unknown"} >= {"recorder", "lag", "journal", "gaps"}


def test_calls_that_are_not_recorded_are_counted() -> None:
    assert check("redaction", facts()).detail == ""
    unrecorded = RefusalCount(2, Refusal(NOW, "not_recorded", 0, "nothing is recorded", "-"))
    found = facts(report(refused=(unrecorded,)))
    assert check("redaction", found).detail == "2 calls not recorded at all, as `record = none` asks for."
    assert check("refused", found).title == "No request was refused before it reached a backend"
