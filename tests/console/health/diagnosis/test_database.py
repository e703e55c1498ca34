"""What is said of the database: whether it answers, how fast, and what has happened to it."""

from dataclasses import replace

import pytest

from relayproxy.console.health.diagnosis.health_facts import SECOND, HealthFacts
from relayproxy.console.health.reachability import CheckState
from relayproxy.store.read.health.heartbeat import COUNTED
from tests.console.health.known import DATABASE, NOW, check, expect, facts, moved, report


@pytest.mark.parametrize(
    ("found", "state", "title", "action"),
    [
        (
            facts(reports=(), database=None, database_problem="database: is locked"),
            "bad",
            "The database cannot be read",
            "See to the database",
        ),
        (facts(database=replace(DATABASE, answer_ms=1200)), "warn", "The database took 1,200 ms", "slow"),
        (
            facts(report(trouble="database is locked", trouble_at=NOW - 30 * SECOND)),
            "warn",
            "The database failed the recorder 30 s ago",
            "If this comes back",
        ),
        (
            facts(report(trouble="locked", trouble_at=NOW - 301 * SECOND)),
            "ok",
            "SQLite answers in 0.4 ms",
            "",
        ),
        (
            facts(aside=(moved(3600), moved(7200), moved(25 * 3600))),
            "warn",
            "A damaged database was moved aside 60 min ago",
            "sqlite3 /data/relayproxy.db.corrupt-1 .recover",
        ),
        (facts(aside=(moved(25 * 3600),)), "ok", "SQLite answers in 0.4 ms", ""),
        (
            facts(reports=(), database=None, database_problem="damaged", aside=(moved(60),)),
            "bad",
            "The database cannot be read",
            "A damaged one was moved to /data/relayproxy.db.corrupt-1 60 s ago",
        ),
    ],
)
def test_each_fact(found: HealthFacts, state: CheckState, title: str, action: str) -> None:
    expect("database", found, state, title, action)


def test_where_all_is_well_its_kind_speed_and_size_are_told() -> None:
    met = check("database", facts(database=replace(DATABASE, answer_ms=12.6, sessions=1)))

    assert (met.state, met.title) == ("ok", "SQLite answers in 13 ms")
    assert met.detail == "1 session, 5.0 MiB and 1.0 MiB of write-ahead log, schema 0003"


def test_a_server_has_no_log_of_its_own_here_and_very_many_sessions_are_not_counted() -> None:
    met = check("database", facts(database=replace(DATABASE, kind="PostgreSQL", wal=None, sessions=COUNTED + 1)))

    assert met.detail == f"more than {COUNTED:,} sessions, 5.0 MiB, schema 0003"


def test_the_newest_that_was_moved_aside_is_named_and_the_others_are_counted() -> None:
    met = check("database", facts(aside=(moved(3600), moved(7200), moved(10_800))))

    assert "It is /data/relayproxy.db.corrupt-1 (5.0 MiB)" in met.detail
    assert "So were 2 others within that time." in met.detail
    assert "2 others" not in check("database", facts(aside=(moved(3600),))).detail


def test_an_error_of_a_recorder_that_is_gone_is_not_told() -> None:
    gone = report(42, trouble="database is locked", trouble_at=NOW - 50 * SECOND)

    assert check("database", facts(gone)).state == "ok"
