"""A list in another order is paged through like any other: every session once, equal ones in order, the rest last."""

from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine, event

from relayproxy.store.read import sorted_list as store
from relayproxy.store.read.filters import conditions
from relayproxy.store.read.filters.criteria import SORTS, Criteria, Criterion, Sort
from relayproxy.store.read.queries import ALL_SESSIONS, Queries
from relayproxy.store.schema.rows import Batch, SessionRow
from relayproxy.store.write.archive import Archive
from tests.store.build import NOON, session, turn

S = 1_000_000_000
LENGTHS = (None, 5, 5, 60)
SLOWEST = (None, 700, 700, 4200)


@pytest.fixture
def recorded(archive: Archive) -> list[SessionRow]:
    """Sixteen sessions that share numbers in every way, live and ended, with and without an answer."""
    made = [
        session(
            f"s{at:02d}",
            started_at=NOON + at * S,
            ended_at=None if length is None else NOON + (at + length) * S,
            response_max_ms=ms,
            longest_wait_ms=ms,
            turns=at % 3,
            studio_transition=("success", "failed", "none")[at % 3],
            interruptions=at // 8,
        )
        for at, (length, ms) in enumerate(product(LENGTHS, SLOWEST))
    ]
    archive.commit(Batch(sessions=tuple(made)))
    return made


def paged(queries: Queries, sort: Sort, criteria: Criteria = ALL_SESSIONS) -> list[str]:
    found: list[str] = []
    before: str | None = None
    while True:
        page = queries.sessions(3, before, criteria, sort)
        found += [row.id for row in page.sessions]
        before = page.next
        if before is None:
            return found


def expected(rows: list[SessionRow], sort: Sort) -> list[str]:
    def number(row: SessionRow) -> int | None:
        length = None if row.ended_at is None else row.ended_at - row.started_at
        return {
            "started": row.started_at,
            "duration": length,
            "turns": row.turns,
            "latency": row.response_max_ms,
            "wait": row.longest_wait_ms,
            "interruptions": row.interruptions,
        }[sort.field]

    there = sorted((row for row in rows if number(row) is not None), key=lambda row: (number(row) or 0, row.started_at))
    without = sorted((row for row in rows if number(row) is None), key=lambda row: row.started_at)
    if not sort.ascending:
        there, without = there[::-1], without[::-1]
    return [row.id for row in there + without]


def test_every_order_is_paged_through_both_ways(queries: Queries, recorded: list[SessionRow]) -> None:
    for field, ascending in product(SORTS, (False, True)):
        sort = Sort(field, ascending)
        assert paged(queries, sort) == expected(recorded, sort), sort


def test_a_filter_holds_in_every_order(queries: Queries, recorded: list[SessionRow]) -> None:
    ended = [row for row in recorded if row.ended_at is not None]
    for field in SORTS:
        assert paged(queries, Sort(field), Criteria((Criterion("is", "=", ("ended",)),))) == expected(
            ended, Sort(field)
        )


def test_a_filter_that_very_many_meet_holds_too(
    archive: Archive, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "FEW", 50)
    many = [
        session(f"m{at:05d}", started_at=NOON + at, turns=at % 7, route="a" if at % 9 else "b", ended_at=NOON + 2 * at)
        for at in range(200)
    ]
    archive.commit(Batch(sessions=tuple(many)))
    criteria = Criteria((Criterion("route", "=", ("a",)),), since=NOON - S)
    wanted = [row for row in many if row.route == "a"]
    for field in ("turns", "duration"):
        first = queries.sessions(40, None, criteria, Sort(field))
        then = queries.sessions(40, first.next, criteria, Sort(field))
        assert [row.id for row in first.sessions + then.sessions] == expected(wanted, Sort(field))[:80]


def test_what_is_met_late_on_the_way_through_an_order_is_in_its_place_too(
    archive: Archive, queries: Queries, recorded: list[SessionRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.commit(Batch(turns=tuple(turn(row.id, 0, caller_text="予約 refund") for row in recorded[1::3])))
    kinds = (
        Criteria((Criterion("turns", "=", (1,)),)),
        Criteria((Criterion("transition", "=", ("failed",)),)),
        Criteria(words=("refund",)),
        Criteria(words=("約",)),
    )
    # Every order with every kind and with every way, and every kind with every way.
    for at, (field, ascending) in enumerate(product(SORTS, (False, True))):
        sort = Sort(field, ascending)
        wanted = expected(recorded[1::3], sort)
        for kind, criteria in enumerate(kinds):
            way = (1, 4, 9)[(at + kind) % 3]
            for name in ("MAX_SCANNED", "MAX_SCANNED_FOR_WORDS", "MAX_IN_INDEX"):
                monkeypatch.setattr(store, name, way)
            assert paged(queries, sort, criteria) == wanted, (way, sort, criteria)


@pytest.mark.parametrize("field", ["duration", "latency"])
def test_few_sessions_are_looked_at_for_a_page_in_another_order(
    engine: Engine, archive: Archive, queries: Queries, field: str
) -> None:
    many = [
        session(f"m{at:05d}", started_at=NOON + at, ended_at=NOON + 3 * at, response_max_ms=at) for at in range(200)
    ]
    archive.commit(Batch(sessions=tuple(many)))
    asked: list[tuple[str, Any]] = []
    event.listen(
        queries._engine, "before_cursor_execute", lambda _db, _cursor, sql, values, *_: asked.append((sql, values))
    )
    assert queries.sessions(50, None, ALL_SESSIONS, Sort(field)).sessions[0].id == "m00199"
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with engine.connect() as db:
        if engine.dialect.name == "postgresql":
            # Of so few all are read; what matters is whether there is an index to go by.
            db.exec_driver_sql("SET enable_sort = off")
        for sql, values in [one for one in asked if "ORDER BY" in one[0]]:
            plan = " ".join(str(row) for row in db.exec_driver_sql(explain + sql, values))
            assert f"ix_sessions_{field}" in plan, plan
            assert "TEMP B-TREE" not in plan, plan
            assert "Sort Key" not in plan, plan


def test_pages_stay_in_step_while_calls_come_and_go(
    archive: Archive, queries: Queries, recorded: list[SessionRow]
) -> None:
    first = queries.sessions(4, None, sort=Sort("latency"))
    archive.commit(Batch(sessions=(session("new", started_at=NOON + 99 * S, response_max_ms=9000),)))
    archive.commit(Batch(dropped_sessions=(first.sessions[-1].id,)))
    rest = queries.sessions(50, first.next, sort=Sort("latency"))
    assert [row.id for row in first.sessions + rest.sessions] == expected(recorded, Sort("latency"))


@pytest.mark.parametrize("cursor", ["ended.5.a", "-turns.5.a", "turns.5.6.a", "-turns.x.6.a", "-turns.5.y.a", "-turns"])
def test_a_cursor_of_another_order_is_refused(queries: Queries, archive: Archive, cursor: str) -> None:
    with pytest.raises(ValueError):
        queries.sessions(5, cursor, sort=Sort("turns"))
