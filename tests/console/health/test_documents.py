"""What the API says of how things are."""

from typing import Any, cast

import msgspec

from relayproxy.console.access.audit_log import AuditState
from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthFacts
from relayproxy.console.health.documents import ConsoleHealthDocument, health_document
from relayproxy.console.health.reachability import RelayAnswer
from relayproxy.store.read.health.heartbeat import GapCounts, OtlpHeartbeat
from relayproxy.store.schema.rows import JournalGapRow
from tests.console.contract import complaints
from tests.console.health.known import NOW, facts, moved, report

CONSOLE = ConsoleHealthDocument(
    version="1.0",
    python="3.11",
    host="here",
    pid=1,
    started_at="2027-01-15T08:00:00.000000Z",
    started_at_ns=NOW,
    watchers=2,
)


def told(found: HealthFacts) -> dict[str, Any]:
    answer = msgspec.json.decode(msgspec.json.encode(health_document(found, CONSOLE)))
    assert complaints({"$ref": "#/components/schemas/Health"}, answer) == []
    return cast(dict[str, Any], answer)


def test_when_everything_works_nothing_is_to_be_done() -> None:
    answer = told(facts())

    assert (answer["state"], answer["summary"], answer["stale"], answer["more"]) == ("ok", "Everything works.", None, 0)
    assert answer["checked_at_ns"] == NOW
    assert answer["relay"] == {
        "url": "http://127.0.0.1:8080",
        "problem": None,
        "status": "ready",
        "journal": "ok",
        "live_calls": 3,
    }
    assert answer["database"]["kind"] == "SQLite"
    assert answer["database"]["sessions_at_least"] == 1234
    assert [one["action"] for one in answer["checks"]] == [""] * len(answer["checks"])
    assert {one["link"] for one in answer["checks"]} == {None}
    assert (answer["refused"], answer["journal_gaps"], answer["databases_moved_aside"]) == ([], [], [])
    assert answer["console"]["watchers"] == 2


def test_a_recorder_tells_of_its_journals_and_its_export() -> None:
    otlp = OtlpHeartbeat("http://otel.example.com", 5, 1, 0, NOW - SECOND, "connection refused")
    (recorder,) = told(facts(report(otlp=otlp, trouble="locked", trouble_at=NOW - SECOND)))["recorders"]

    assert (recorder["working"], recorder["ended"], recorder["live_connections"]) == (True, False, 3)
    assert (recorder["commit_at"], recorder["commit_at_ns"]) == (None, None)
    (journal,) = recorder["journals"]
    assert (journal["relay_alive"], journal["unread_bytes"], journal["relay_silent_ms"]) == (True, 17, 0)
    assert (recorder["otlp"]["failed"], recorder["otlp"]["cause"]) == (1, "connection refused")
    assert recorder["otlp"]["failing_since"] == "2027-01-15T07:59:59.000000Z"
    assert (recorder["database_error"], recorder["database_error_at_ns"]) == ("locked", NOW - SECOND)


def test_what_does_not_answer_is_null_and_its_problem_told() -> None:
    answer = told(HealthFacts(NOW, "1.0", RelayAnswer(None, problem="no answer"), database_problem="It is locked"))

    assert (answer["database"], answer["database_problem"]) == (None, "It is locked")
    relay = answer["relay"]
    assert (relay["url"], relay["problem"], relay["live_calls"]) == (None, "no answer", None)
    assert answer["state"] == "bad"
    assert answer["stale"] == "The database cannot be read: what you see may be old."


def test_what_was_lost_and_what_was_moved_aside_is_told() -> None:
    lost = JournalGapRow("j1", 3, 17, 0, "missing", NOW - SECOND, NOW)
    audit = AuditState(2, 1, NOW - SECOND, "the disk is full")
    answer = told(
        facts(lost=(lost,), aside=(moved(60),), hour=GapCounts(1, 1), day=GapCounts(3, 2), audit=audit, step=-2.00049)
    )

    assert answer["gaps"] == {
        "last_hour": {"gaps": 1, "sessions": 1},
        "last_24_hours": {"gaps": 3, "sessions": 2},
    }
    (gap,) = answer["journal_gaps"]
    assert (gap["journal"], gap["segment"], gap["offset"], gap["bytes"], gap["cause"]) == ("j1", 3, 17, 0, "missing")
    assert (gap["since_ns"], gap["until"]) == (NOW - SECOND, "2027-01-15T08:00:00.000000Z")
    (aside,) = answer["databases_moved_aside"]
    assert (aside["path"], aside["moved_at_ns"]) == ("/data/relayproxy.db.corrupt-1", NOW - 60 * SECOND)
    assert (answer["audit"]["waiting"], answer["audit"]["cause"]) == (2, "the disk is full")
    assert answer["clock_step_s"] == -2.0
    assert "/sessions?q=is%3Agap" in {one["link"] for one in answer["checks"]}
