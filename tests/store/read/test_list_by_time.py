"""The list by time: every session once, live ones first, however it is looked for."""

from itertools import product
from typing import Any

import pytest
from sqlalchemy import event

from relayproxy.store.read import list_by_time
from relayproxy.store.read.filters import conditions
from relayproxy.store.read.filters.criteria import Criteria, Criterion
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch, SessionRow
from relayproxy.store.write.archive import Archive
from tests.store.build import NOON, labels, session, turn
from tests.store.kinds import POSTGRESQL

S = 1_000_000_000


@pytest.fixture
def recorded(archive: Archive) -> list[SessionRow]:
    """Thirty sessions, the newest first, of which two begin at once each time; every fifth is live. In every second one
    was a refund spoken of, and every third is of the plan gold and failed."""
    made = [
        session(
            f"s{at:02d}",
            started_at=NOON + at // 2 * S,
            ended_at=None if at % 5 == 0 else NOON + at * S + S,
            response_max_ms=at,
            studio_transition="none" if at % 3 else "failed",
        )
        for at in range(30)
    ]
    gold = tuple(labels(row.id, ("param.plan", "gold"), started_at=row.started_at) for row in made[::3])
    said = tuple(turn(row.id, 0, caller_text="my refund, please 予約") for row in made[::2])
    archive.commit(Batch(sessions=tuple(made), labels=gold, turns=said))
    return made[::-1]


def at(row: SessionRow) -> int:
    return int(row.id[1:])


def paged(queries: Queries, criteria: Criteria, limit: int) -> list[str]:
    found: list[str] = []
    before: str | None = None
    while True:
        page = queries.sessions(limit, before, criteria)
        found += [row.id for row in page.sessions]
        before = page.next
        if before is None:
            return found
        assert len(page.sessions) == limit


def test_who_matches_is_listed_once_wherever_the_page_and_what_is_gone_through_end(
    queries: Queries, recorded: list[SessionRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, gold = Criterion("transition", "=", ("failed",)), Criterion("param.plan", "=", ("gold",))
    no_gold = Criterion("param.plan", "=", ("gold",), negated=True)
    late = Criterion("latency", ">", (20,))
    kinds = (
        (Criteria(), lambda n: True),
        (Criteria((failed,)), lambda n: n % 3 == 0),
        (Criteria((gold,)), lambda n: n % 3 == 0),
        (Criteria((Criterion("param.plan", "^", ("go",)), late)), lambda n: n % 3 == 0 and n > 20),
        (Criteria((no_gold,), words=("refund",)), lambda n: n % 3 and n % 2 == 0),
        (Criteria(words=("my refund",), until=NOON + 10 * S), lambda n: n % 2 == 0 and n < 20),
        (Criteria(words=("refund", "約")), lambda n: n % 2 == 0),
        (Criteria((gold, late), words=("please",)), lambda n: n % 6 == 0 and n > 20),
        (Criteria(words=("nobody",)), lambda n: False),
    )
    for (criteria, meets), windows, few in product(kinds, ((1, 2), (3, 9), (1_000, 10_000)), (0, 5_000)):
        monkeypatch.setattr(list_by_time, "WINDOWS", windows)
        monkeypatch.setattr(conditions, "FEW", few)
        wanted = [row for row in recorded if meets(at(row))]
        wanted = [row for row in wanted if row.ended_at is None] + [row for row in wanted if row.ended_at is not None]
        for limit in (2, 50):
            found = paged(queries, criteria, limit)
            assert found == [row.id for row in wanted], (criteria, windows, few, limit)
        with queries.reading() as db:
            for limit in range(2, 8):
                first = list_by_time.places_by_time(db, criteria, None, limit)
                assert [place.id for place in first] == [row.id for row in wanted[:limit]]


@POSTGRESQL
def test_what_the_newest_calls_are_full_of_is_not_looked_up_in_all_others(
    queries: Queries, recorded: list[SessionRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def note(_db: Any, _cursor: Any, sql: str, *_: Any) -> None:
        asked.append(sql)

    event.listen(queries._engine, "before_cursor_execute", note)
    try:
        criteria = Criteria((Criterion("param.plan", "=", ("gold",)),), words=("refund",))
        assert len(queries.sessions(3, None, criteria).sessions) == 3
        assert not [sql for sql in asked if "count(" in sql]
        monkeypatch.setattr(list_by_time, "WINDOWS", (1, 2))
        assert len(queries.sessions(3, None, criteria).sessions) == 3
        assert [sql for sql in asked if "count(" in sql]
    finally:
        event.remove(queries._engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "live.x.y",
        "dead.1.a",
        "live.1",
        "live.99999999999999999999999999.x",
        f"live.{2**63}.x",
        f"live.{'9' * 5000}.x",
        "live.-1.x",
        "live.1_0.x",
        "live. 1.x",
        "live.\u0661.x",
    ],
)
def test_a_cursor_that_is_none_is_refused(queries: Queries, cursor: str) -> None:
    with pytest.raises(ValueError):
        queries.sessions(5, cursor)


def test_the_largest_time_is_a_cursor(queries: Queries) -> None:
    assert queries.sessions(5, f"live.{2**63 - 1}.x").sessions == ()
