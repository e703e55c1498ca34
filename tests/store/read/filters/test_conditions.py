"""Sessions by what they are like: every field, on every database."""

from collections.abc import Iterable, Iterator

import pytest
from sqlalchemy import Engine, select

from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.filters import conditions, search
from relayproxy.store.read.filters.criteria import FIELDS, STATES, Criteria, Criterion
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema import tables
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.store.build import NOON, labels, session, turn
from tests.store.kinds import POSTGRESQL

HOUR = 3600 * 10**9
MS = 10**6

SESSIONS = (
    session("live", started_at=NOON + 2 * HOUR, from_number="+14155550100", route="sales", turns=3),
    session(
        "good",
        started_at=NOON + HOUR,
        ended_at=NOON + HOUR + 90_000 * MS,
        outcome="ended_by_backend",
        studio_transition="success",
        handoff='{"reason_code":"done"}',
        handoff_reason="done",
        turns=9,
        response_p50_ms=700,
        response_p95_ms=1500,
        response_max_ms=1900,
        interruptions=2,
        backend="wss://b.example.com/ws",
    ),
    session(
        "bad",
        started_at=NOON,
        ended_at=NOON + 5_000 * MS,
        outcome="protocol_error",
        studio_transition="failed",
        twilio_error_code=64105,
        gaps=1,
        errors=2,
        response_max_ms=4200,
        to_number="+14155550100",
        from_number=None,
    ),
)


RECORDED = Batch(
    sessions=SESSIONS,
    turns=(
        turn("good", 0, caller_text="Where is my refund?", agent_text="On its way"),
        turn("bad", 0, caller_text="my café order", agent_text="I will ask about the refund"),
    ),
    labels=(
        labels("live", ("param.plan", "gold"), ("lang", "en-US"), started_at=NOON + 2 * HOUR),
        labels("good", ("param.plan", "go"), ("finding", "slow_turn"), started_at=NOON + HOUR),
        labels("bad", ("finding", "slow_turn"), ("finding", "gap"), started_at=NOON),
    ),
)


@pytest.fixture(scope="module")
def stored(lasting: str) -> Iterator[Queries]:
    engine, reader = open_engine(lasting), open_reader(lasting)
    Archive(engine).commit(RECORDED)
    yield Queries(reader)
    engine.dispose()
    reader.dispose()


def found(queries: Queries, *every: Criterion, words: Iterable[str] = (), **times: int) -> list[str]:
    page = queries.sessions(10, None, Criteria(every, tuple(words), **times))
    return [row.id for row in page.sessions]


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        (Criterion("transition", "=", ("failed",)), ["bad"]),
        (Criterion("transition", "=", ("failed", "success")), ["good", "bad"]),
        (Criterion("transition", "=", ("failed",), negated=True), ["live", "good"]),
        (Criterion("number", "^", ("+1415",)), ["live", "bad"]),
        (Criterion("from", "^", ("+1415",)), ["live"]),
        (Criterion("from", "^", ("+1415",), negated=True), ["good", "bad"]),
        (Criterion("from", "^", ("",)), ["live", "good"]),
        (Criterion("backend", "^", ("wss://B",)), []),
        (Criterion("backend", "^", ("wss://b",)), ["good"]),
        (Criterion("backend", "^", ("wss://%",)), []),
        (Criterion("latency", ">", (1900,)), ["bad"]),
        (Criterion("latency", ">=", (1900,)), ["good", "bad"]),
        (Criterion("latency", "<", (1900,), negated=True), ["live", "good", "bad"]),
        (Criterion("duration", ">", (60_000,)), ["good"]),
        (Criterion("duration", "<=", (5_000,)), ["bad"]),
        (Criterion("turns", "=", (3,)), ["live"]),
        (Criterion("code", "=", (64105,)), ["bad"]),
        (Criterion("reason", "=", ("done",)), ["good"]),
        (Criterion("session", "=", ("VX-bad",)), ["bad"]),
        (Criterion("session", "=", ("bad",)), ["bad"]),
        (Criterion("call", "=", ("CA-good",)), ["good"]),
        (Criterion("is", "=", ("live",)), ["live"]),
        (Criterion("is", "=", ("live",), negated=True), ["good", "bad"]),
        (Criterion("is", "=", ("gap", "handoff")), ["good", "bad"]),
        (Criterion("is", "=", ("noted",)), []),
        (Criterion("finding", "=", ("slow_turn",)), ["good", "bad"]),
        (Criterion("finding", "=", ("slow_turn",), negated=True), ["live"]),
        (Criterion("finding", "=", ("gap", "nothing")), ["bad"]),
        (Criterion("param.plan", "=", ("gold",)), ["live"]),
        (Criterion("param.plan", "^", ("go",)), ["live", "good"]),
        (Criterion("param.other", "^", ("",)), []),
        (Criterion("tag", "=", ("todo",)), []),
    ],
)
@pytest.mark.parametrize("few", [conditions.FEW, 0], ids=["rare", "common"])
def test_a_field(
    stored: Queries, monkeypatch: pytest.MonkeyPatch, criterion: Criterion, expected: list[str], few: int
) -> None:
    monkeypatch.setattr(conditions, "FEW", few)
    assert found(stored, criterion) == expected


@pytest.mark.parametrize(
    ("few", "newest"),
    [(conditions.FEW, search.NEWEST), (0, search.NEWEST), (0, 1), (0, 2)],
    ids=["rare", "common", "in the newest turn", "in newer and older turns"],
)
def test_words_are_said_in_one_turn_by_either_side(
    stored: Queries, monkeypatch: pytest.MonkeyPatch, few: int, newest: int
) -> None:
    monkeypatch.setattr(conditions, "FEW", few)
    monkeypatch.setattr(search, "NEWEST", newest)
    assert found(stored, words=["REFUND"]) == ["good", "bad"]
    assert found(stored, words=["refund", "my"]) == ["good", "bad"]
    assert found(stored, words=["my refund"]) == ["good"]
    assert found(stored, words=["ref*"]) == ["good", "bad"]
    assert found(stored, words=["refun"]) == []
    assert found(stored, words=["refund"], since=NOON + HOUR) == ["good"]
    assert found(stored, Criterion("transition", "=", ("failed",)), words=["refund"]) == ["bad"]
    for odd in ('"', "***", "AND", "NEAR(", "a' OR 1", "\\", "(", "-", "caller_text:refund", "!", "<->", ":*", "'*"):
        assert found(stored, words=[odd]) == []


@POSTGRESQL
def test_rare_words_are_looked_up_before_any_session(archive: Archive, queries: Queries, engine: Engine) -> None:
    # PostgreSQL knows little of how rare they are.
    many = tuple(session(f"s{at:04d}", started_at=NOON + at) for at in range(2_000))
    archive.commit(Batch(sessions=many, turns=(turn("s0007", 0, caller_text="refund"),)))
    with engine.begin() as db:
        db.exec_driver_sql("ANALYZE sessions")
    with queries.reading() as db:
        wanted = conditions.conditions(Criteria(words=("refund",)), "postgresql", db)
        query = select(tables.sessions.c.id).where(*wanted).compile(db)
        plan = " ".join(str(row) for row in db.exec_driver_sql(f"EXPLAIN {query}", query.params))
    assert "InitPlan" in plan, plan
    assert "Index Cond: (id = (unnest(" in plan, plan


@POSTGRESQL
def test_what_is_checked_as_sessions_come_is_gathered_of_no_others(archive: Archive, queries: Queries) -> None:
    archive.commit(Batch(sessions=(session("a"),), turns=(turn("a", 0, caller_text="refund"),)))
    criteria = Criteria((Criterion("param.plan", "=", ("gold",)), Criterion("tag", "^", ("vi",))), words=("refund",))
    with queries.reading() as db:
        wanted = conditions.conditions(criteria, "postgresql", db, walked=True)
        query = select(tables.sessions.c.id).where(*wanted).compile(db)
        db.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = " ".join(str(row) for row in db.exec_driver_sql(f"EXPLAIN {query}", query.params))
    assert plan.count("SubPlan") >= 3, plan
    assert "Semi Join" not in plan, plan
    assert "COALESCE((said" in plan, plan  # and hence by no index of words


def test_times_take_what_overlaps_them(stored: Queries) -> None:
    assert found(stored, since=NOON + HOUR + 60_000 * MS) == ["live", "good"]
    assert found(stored, since=NOON + HOUR + 90_001 * MS) == ["live"]
    assert found(stored, since=NOON + 30 * HOUR) == []
    assert found(stored, until=NOON + HOUR) == ["bad"]
    assert found(stored, since=NOON + 1, until=NOON + 2 * HOUR) == ["good", "bad"]


def test_pages_keep_to_the_criteria(stored: Queries) -> None:
    criteria = Criteria((Criterion("number", "^", ("+1",)),))
    first = stored.sessions(2, None, criteria)
    assert [row.id for row in first.sessions] == ["live", "good"]
    assert [row.id for row in stored.sessions(2, first.next, criteria).sessions] == ["bad"]


def test_every_field_can_be_asked_for(stored: Queries) -> None:
    for name, field in FIELDS.items():
        for value in STATES if field.kind == "is" else ("x",) if field.kind in ("text", "label") else (1,):
            found(stored, Criterion(name, "=", (value,)))


def test_a_field_that_is_none_is_an_error(archive: Archive, queries: Queries) -> None:
    for name in ("colour", "param.", ""):
        with pytest.raises(ValueError, match="is no field"):
            found(queries, Criterion(name, "=", ("red",)))


def test_derived_labels_are_replaced_and_those_of_people_stay(
    archive: Archive, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.commit(RECORDED)
    tagged = labels("good", ("tag", "todo"), ("finding", "stall"), started_at=NOON + HOUR)
    archive.commit(Batch(labels=(tagged,)))
    archive.commit(Batch(labels=(labels("good", ("finding", "gap"), started_at=NOON + HOUR),)))

    assert found(queries, Criterion("tag", "=", ("todo",))) == ["good"]
    assert found(queries, Criterion("finding", "=", ("gap",))) == ["good", "bad"]
    assert found(queries, Criterion("finding", "=", ("stall", "slow_turn"))) == ["bad"]

    earlier = session("good", started_at=NOON - HOUR, ended_at=NOON)
    archive.commit(Batch(sessions=(earlier,), labels=(labels("good", started_at=NOON - HOUR),)))
    monkeypatch.setattr(conditions, "FEW", 0)
    assert found(queries, Criterion("tag", "=", ("todo",))) == ["good"]

    archive.commit(Batch(dropped_sessions=("bad",)))
    assert found(queries, Criterion("finding", "=", ("gap",))) == []
