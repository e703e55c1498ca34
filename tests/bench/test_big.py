"""Many sessions at a small scale: what is made can be read, and lists are read along an index, however long."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine, event

from relayproxy.console.app import build
from relayproxy.settings.model import Settings
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.filters import conditions, search
from relayproxy.store.read.filters.criteria import Criteria, Criterion, Sort
from relayproxy.store.read.queries import ALL_SESSIONS, Queries
from relayproxy.store.schema.rollup import start_of
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.rollups import read_half_hour
from tests.bench.big import DAY, make
from tests.bench.big_long import record

SESSIONS = 1200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("big")
    make(folder / "relayproxy.db", SESSIONS)
    return folder


@pytest.fixture
def reader(folder: Path) -> Iterator[Engine]:
    engine = open_reader(f"sqlite:///{folder}/relayproxy.db")
    yield engine
    engine.dispose()


@pytest.fixture
def queries(reader: Engine) -> Queries:
    return Queries(reader)


@contextmanager
def plans(engine: Engine, path: Path) -> Iterator[list[tuple[str, str]]]:
    """Every statement that reads sessions meanwhile, with its plan."""
    found: list[tuple[str, str]] = []
    db = sqlite3.connect(path)

    def asked(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if "FROM sessions" in statement:
            plan = db.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            found.append((statement, "\n".join(row[3] for row in plan)))

    event.listen(engine, "before_cursor_execute", asked)
    yield found
    event.remove(engine, "before_cursor_execute", asked)
    db.close()


def looks_through(found: list[tuple[str, str]]) -> list[str]:
    """The plans of those statements that look for sessions, rather than read those that were found."""
    return [plan for statement, plan in found if "custom_parameters" not in statement]


def test_sessions_differ_and_are_spread_over_a_month(queries: Queries, folder: Path) -> None:
    db = sqlite3.connect(folder / "relayproxy.db")
    one = db.execute(
        "SELECT count(*), count(DISTINCT session_id), count(DISTINCT from_number), count(DISTINCT outcome), "
        "count(DISTINCT route), max(started_at) - min(started_at), sum(ended_at IS NULL) FROM sessions"
    ).fetchone()
    count, vx, numbers, outcomes, routes, span, live = one
    names = {name for (name,) in db.execute("SELECT DISTINCT name FROM labels")}
    turns = db.execute("SELECT count(*) FROM turns").fetchone()[0]
    db.close()

    assert count == SESSIONS == queries.count()
    assert vx > 0.9 * SESSIONS
    assert numbers > 0.9 * SESSIONS
    assert (outcomes, routes, live) == (5, 3, 1)
    assert 29 * DAY < span < 31 * DAY
    assert {"tag", "finding", "lang", "param.plan", "param.customer", "param.campaign"} <= names
    assert 2.5 < turns / SESSIONS < 4.5


def test_words_are_found_where_they_were_said(queries: Queries) -> None:
    said = "please"
    found = queries.sessions(50, criteria=Criteria(words=(said,)))
    hits = queries.hits(Criteria(words=(said,)), [row.id for row in found.sessions])

    assert len(found.sessions) == 50
    assert set(hits) == {row.id for row in found.sessions}


@pytest.mark.parametrize(
    "criteria",
    [
        ALL_SESSIONS,
        Criteria((Criterion("latency", ">", (1500,)),)),
        Criteria((Criterion("turns", ">=", (3,)), Criterion("route", "=", ("bookings",)))),
        Criteria(since=time.time_ns() - 20 * DAY),
        Criteria((Criterion("param.plan", "=", ("gold",)),)),
        Criteria(words=("please",)),
    ],
)
def test_pages_of_the_list_are_read_along_an_index(
    queries: Queries, reader: Engine, folder: Path, criteria: Criteria, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What few sessions have is looked up; what many have is met on the way.
    monkeypatch.setattr(conditions, "FEW", 10)
    path = folder / "relayproxy.db"
    with plans(reader, path) as found:
        first = queries.sessions(50, criteria=criteria)
        deep = queries.sessions(50, before=f"ended.{time.time_ns() - 15 * DAY}.x", criteria=criteria)

    assert first.next is not None
    assert deep.sessions
    searches = looks_through(found)
    assert len(searches) >= 3
    for plan in searches:
        assert "TEMP B-TREE" not in plan, plan
        assert "SCAN sessions\n" not in f"{plan}\n", plan
        assert "USING COVERING INDEX ix_sessions_" in plan or "USING INDEX ix_sessions_" in plan, plan


@pytest.mark.parametrize(("field", "value"), [("latency", 500_000), ("turns", 6), ("wait", 500_000)])
def test_what_few_calls_have_is_looked_up_in_an_index(
    queries: Queries, reader: Engine, folder: Path, field: str, value: int
) -> None:
    with plans(reader, folder / "relayproxy.db") as found:
        page = queries.sessions(50, criteria=Criteria((Criterion(field, ">", (value,)),)))

    assert len(page.sessions) < 50
    plan = looks_through(found)[-1]
    assert f"COVERING INDEX ix_sessions_{field}" in plan
    assert "SEARCH sessions" in plan
    assert "SCAN sessions" not in plan


@pytest.mark.parametrize("field", ["latency", "wait", "turns", "interruptions"])
def test_of_a_sorted_list_under_a_common_filter_the_index_of_its_order_alone_is_gone_through(
    queries: Queries, reader: Engine, folder: Path, field: str
) -> None:
    criteria = Criteria(
        (Criterion("transition", "=", ("failed", "success")), Criterion("route", "=", ("bookings",))),
        since=time.time_ns() - 20 * DAY,
    )
    with plans(reader, folder / "relayproxy.db") as found:
        page = queries.sessions(5, criteria=criteria, sort=Sort(field))

    assert len(page.sessions) == 5
    searches = [plan.partition("\n")[0] for plan in looks_through(found)]
    assert len(searches) == 2
    for plan in searches:
        assert plan.startswith(f"SEARCH sessions USING COVERING INDEX ix_sessions_{field} ("), plan


@pytest.mark.parametrize("words", [("please",), ("opening", "hours")])
def test_turns_of_a_page_are_looked_up_among_those_of_its_calls(
    queries: Queries, reader: Engine, folder: Path, words: tuple[str, ...]
) -> None:
    criteria = Criteria(words=words)
    shown = [row.id for row in queries.sessions(50, criteria=criteria).sessions]
    db = sqlite3.connect(folder / "relayproxy.db")
    told: list[list[str]] = []

    def asked(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        told.append([row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)])

    event.listen(reader, "before_cursor_execute", asked)
    queries.hits(criteria, shown)
    db.close()

    asked_for = [plan for plan in told if any("turns_fts" in step for step in plan)]
    assert len(asked_for) == 2
    for plan in asked_for:
        (at,) = (at for at, step in enumerate(plan) if "turns_fts" in step)
        # Between two ids, or by one; and after the turns or calls that it is about.
        assert plan[at].removesuffix(" LEFT-JOIN").endswith(("><", "="))
        assert at > 0


def test_words_that_many_say_are_looked_up_once_among_the_newest_turns(
    queries: Queries, reader: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "FEW", 10)
    monkeypatch.setattr(search, "NEWEST", 100)
    with plans(reader, folder / "relayproxy.db") as found:
        queries.sessions(5, criteria=Criteria(words=("please",)))

    steps = looks_through(found)[-1].splitlines()
    among = next(at for at, step in enumerate(steps) if re.search(r"turns_fts VIRTUAL TABLE INDEX \d+:\S*>", step))
    assert steps[among - 1].startswith("LIST SUBQUERY")


def test_live_calls_are_looked_for_among_those_that_live(queries: Queries, reader: Engine, folder: Path) -> None:
    with plans(reader, folder / "relayproxy.db") as found:
        queries.sessions(50, criteria=Criteria((Criterion("outcome", "=", ("caller_hangup",)),)))

    assert "INDEX ix_sessions_live" in looks_through(found)[0]


def test_the_next_page_begins_in_the_index_where_the_last_one_ended(
    queries: Queries, reader: Engine, folder: Path
) -> None:
    with plans(reader, folder / "relayproxy.db") as found:
        queries.sessions(50, before=f"ended.{time.time_ns() - 20 * DAY}.x")

    assert [plan for plan in looks_through(found) if "SEARCH sessions" in plan and "started_at" in plan] != []
    assert [plan for plan in looks_through(found) if "SCAN" in plan] == []


def test_a_half_hour_is_added_up_from_what_its_own_calls_have(reader: Engine, queries: Queries, folder: Path) -> None:
    some = queries.sessions(1, before=f"ended.{time.time_ns() - 10 * DAY}.x").sessions[0]
    with plans(reader, folder / "relayproxy.db") as found, reader.connect() as db:
        made = read_half_hour(db, start_of(some.started_at))

    assert made is not None
    assert made.state[0] > 0
    first = [plan.partition("\n")[0] for _, plan in found]
    assert len(first) == 3
    for plan in first:
        assert plan.startswith("SEARCH sessions USING")
        assert "ix_sessions_numbers (started_at>? AND started_at<?)" in plan


async def test_any_of_them_can_be_opened(folder: Path, queries: Queries) -> None:
    settings = Settings(data_dir=folder)
    writer = AnnotationWriter(open_engine(settings.database))
    page = queries.sessions(500)
    kinds = {row.outcome: row.id for row in page.sessions}
    async with TestClient(TestServer(build(settings, queries, writer))) as client:
        for id in kinds.values():
            async with client.get(f"/sessions/{id}") as response:
                assert response.status == 200
            async with client.get(f"/api/sessions/{id}") as response:
                assert (await response.json())["id"] == id
    writer.close()
    assert len(kinds) >= 5


def test_a_long_call_has_the_messages_that_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "long.db"
    make(path, 20)
    engine = open_engine(f"sqlite:///{path}")
    archive = Archive(engine)
    id = record(archive, 1234)
    row = archive.session(id)

    assert row is not None
    assert row.ended_at is not None
    assert row.turns > 20
    assert [message.seq for message in archive.messages(id)] == [*range(1234)]
    assert len(archive.turn_rows(id)) == row.turns
    engine.dispose()
