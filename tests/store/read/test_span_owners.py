"""Sessions are found by what a backend's spans can know of them."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from relayproxy.store.engine import writing
from relayproxy.store.read.span_owners import (
    joined_parents,
    owners_between,
    owners_by_id,
    owners_by_joined_trace,
    owners_by_trace,
)
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.backend_spans import JoinedSpan, SpanBatch, write_backend_spans
from relayproxy.store.write.deletion.deletion import Deletion
from tests.store.build import NOON, connection, session, span

SECOND = 1_000_000_000
LONG = "x" * 1000


@pytest.fixture(autouse=True)
def _sessions(archive: Archive) -> None:
    archive.commit(
        Batch(
            sessions=(
                session("a", started_at=NOON, ended_at=NOON + 10 * SECOND),
                session("b", started_at=NOON + 20 * SECOND, call_sid="CA-a"),
                session("c", started_at=NOON + 30 * SECOND, ended_at=NOON + 40 * SECOND, session_id=LONG),
            ),
            connections=(
                connection("a", trace_id="aa" * 16),
                connection("a2", session="a", trace_id="a2" * 16),
                connection("b", trace_id="bb" * 16),
                connection("b2", session="b", trace_id="aa" * 16),
            ),
        )
    )


def found(owners: dict[str, tuple[object, ...]]) -> dict[str, list[str]]:
    return {key: sorted(one.session for one in some) for key, some in owners.items()}  # type: ignore[attr-defined]


def test_by_the_trace_of_any_of_its_connections(engine: Engine) -> None:
    with engine.connect() as db:
        owners = owners_by_trace(db, ["aa" * 16, "a2" * 16, "ff" * 16])

    assert found({**owners}) == {"aa" * 16: ["a", "b"], "a2" * 16: ["a"]}


def test_by_any_of_its_ids(engine: Engine) -> None:
    with engine.connect() as db:
        owners = owners_by_id(db, ["a", "VX-a", "CA-a", LONG, "b\0", "nobody"])

    assert found({**owners}) == {"a": ["a"], "VX-a": ["a"], "CA-a": ["a", "b"], LONG: ["c"]}


def test_by_the_time_in_which_it_lived(engine: Engine) -> None:
    def between(since: int, until: int) -> list[str]:
        with engine.connect() as db:
            return sorted(one.session for one in owners_between(db, NOON + since * SECOND, NOON + until * SECOND))

    assert between(5, 6) == ["a"]
    assert between(11, 12) == []
    assert between(35, 35) == ["b", "c"]
    assert between(3600, 3601) == ["b"]
    assert between(9, 30) == ["a", "b", "c"]


def test_by_spans_of_the_same_trace_that_were_joined_but_not_by_a_guess(engine: Engine) -> None:
    sure, guessed = span(1), span(2)
    with writing(engine).begin() as db:
        batch = SpanBatch([JoinedSpan(sure, "a", "id"), JoinedSpan(guessed, "b", "guess")])
        write_backend_spans(db, batch, 10)

    with engine.connect() as db:
        assert found({**owners_by_joined_trace(db, [sure.trace_id, guessed.trace_id])}) == {sure.trace_id: ["a"]}
        keys = [(one.trace_id, one.span_id) for one in (sure, guessed)]
        assert joined_parents(db, [*keys, (sure.trace_id, guessed.span_id)]) == {keys[0]: "a"}


def test_not_once_its_content_was_deleted(engine: Engine, tmp_path: Path) -> None:
    with writing(engine).begin() as db:
        Deletion("a", whole=False).work(db, lambda: False)

    with engine.connect() as db:
        assert found({**owners_by_trace(db, ["aa" * 16]), **owners_by_id(db, ["CA-a"])}) == {
            "aa" * 16: ["b"],
            "CA-a": ["b"],
        }
        assert owners_between(db, NOON, NOON) == ()
