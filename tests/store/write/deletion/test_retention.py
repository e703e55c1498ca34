"""Which sessions are due, by route and age."""

import time
from typing import Any

from sqlalchemy import Engine, func, insert, select

from relayproxy.store.engine import writing
from relayproxy.store.schema.rows import Batch, JournalGapRow
from relayproxy.store.schema.tables import audit, journal_gaps
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.retention import (
    DAY,
    RECORDS,
    Due,
    Keep,
    Retention,
    delete_old_records,
    due,
    due_count,
)
from tests.store.build import session
from tests.store.write.deleting import MONTH, days_ago

FOR_EVER = Retention(Keep(None, None))


def ended(id: str, days: float, **more: Any) -> Batch:
    at = days_ago(days)
    return Batch(sessions=(session(id, started_at=at - 1_000_000_000, ended_at=at, **more),))


def found(engine: Engine, retention: Retention) -> list[Due]:
    with engine.connect() as db:
        some = due(db, retention, time.time_ns(), 100)
        assert due_count(db, retention, time.time_ns()) >= len(some)
        return some


def test_content_is_due_after_its_time_and_all_of_it_after_the_other(archive: Archive, engine: Engine) -> None:
    for id, days in (("new", 29.9), ("old", 30.1), ("gone", 400.1)):
        archive.commit(ended(id, days))

    assert found(engine, MONTH) == [Due("gone", whole=True), Due("gone", whole=False), Due("old", whole=False)]
    assert found(engine, FOR_EVER) == []


def test_time_counts_from_the_end_and_a_live_call_is_never_due(archive: Archive, engine: Engine) -> None:
    archive.commit(Batch(sessions=(session("live", started_at=days_ago(500)),)))
    archive.commit(Batch(sessions=(session("long", started_at=days_ago(500), ended_at=days_ago(1)),)))

    assert found(engine, MONTH) == []


def test_a_route_has_its_own_times(archive: Archive, engine: Engine) -> None:
    for route in ("sales", "support", "default"):
        archive.commit(ended(route, 40, route=route))
    own = {"sales": Keep(None, None), "support": Keep(7 * DAY, 35 * DAY)}

    assert found(engine, Retention(Keep(30 * DAY, 400 * DAY), own)) == [
        Due("support", whole=True),
        Due("default", whole=False),
        Due("support", whole=False),
    ]


def test_gaps_of_journals_go_with_the_numbers_and_the_audit_after_six_years(archive: Archive, engine: Engine) -> None:
    now = time.time_ns()
    archive.commit(
        Batch(
            journal_gaps=tuple(
                JournalGapRow("j1", 1, n, 5, "torn", now - days * DAY, now - days * DAY)
                for n, days in enumerate((1, 401))
            )
        )
    )
    entry = {"actor": "alice", "action": "view", "subject": "", "address": ""}
    with writing(engine).begin() as db:
        db.execute(insert(audit), [{**entry, "at": now}, {**entry, "at": now - RECORDS - DAY}])
        delete_old_records(db, None, now)
        assert db.execute(select(func.count()).select_from(journal_gaps)).scalar_one() == 2
        delete_old_records(db, 400 * DAY, now)
        assert db.execute(select(func.count()).select_from(journal_gaps)).scalar_one() == 1
        assert db.execute(select(func.count()).select_from(audit)).scalar_one() == 1
