"""A backend's spans are kept once, as many as a session may have, and go with it."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from relayproxy.conversation.backend_span import SpanDetail
from relayproxy.store.engine import writing
from relayproxy.store.read.backend_spans import session_spans
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import BackendSpanCountsRow, Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.backend_spans import (
    Counted,
    JoinedSpan,
    Settled,
    SpanBatch,
    Written,
    write_backend_spans,
)
from relayproxy.store.write.deletion.deletion import Deletion
from tests.store.build import NOON, connection, session, span
from tests.store.contents import everything

MOST = 100


def write(engine: Engine, batch: SpanBatch, most: int = MOST) -> Written:
    with writing(engine).begin() as db:
        return write_backend_spans(db, batch, most)


def joined(*numbers: int, to: str = "a") -> list[JoinedSpan]:
    return [JoinedSpan(span(number), to, "id") for number in numbers]


@pytest.fixture(autouse=True)
def _sessions(archive: Archive) -> None:
    archive.commit(Batch(sessions=(session("a"), session("b", ended_at=NOON + 1))))


def test_what_is_written_is_read(engine: Engine, queries: Queries) -> None:
    odd = span(1, name="a\0b\ud800", detail=SpanDetail(attributes={"text": "a\0b", "n": [1, None, {"x": 1.5}]}))

    assert write(engine, SpanBatch([JoinedSpan(odd, "a", "trace")])) == Written(1, 0, 0)

    (found,) = session_spans(queries, "a").spans
    assert found.joined_by == "trace"
    assert found.span.name == "a\ufffdb\ufffd"
    assert found.span.detail == odd.detail
    assert (found.span.started_at, found.span.service) == (odd.started_at, "agent")


def test_a_span_that_is_sent_again_changes_nothing(engine: Engine, queries: Queries) -> None:
    write(engine, SpanBatch(joined(1, 2)))

    assert write(engine, SpanBatch([*joined(2, 1, 3, 3), *joined(1, to="b")])) == Written(1, 0, 0)

    assert session_spans(queries, "a").counts == BackendSpanCountsRow("a", spans=3)
    assert session_spans(queries, "b").total == 0


def test_beyond_what_a_session_may_have_spans_are_counted(engine: Engine, queries: Queries) -> None:
    write(engine, SpanBatch(joined(1)), most=2)

    assert write(engine, SpanBatch(joined(1, 2, 3, 4)), most=2) == Written(1, 2, 0)

    found = session_spans(queries, "a")
    assert (found.total, found.counts.spans, found.counts.dropped) == (2, 2, 2)


def test_what_is_only_counted_adds_up(engine: Engine, queries: Queries) -> None:
    for _ in range(2):
        write(engine, SpanBatch(counted={"a": Counted(received_frames=3, sent_frames=40, limited=1)}))

    counts = session_spans(queries, "a").counts
    assert (counts.received_frames, counts.sent_frames, counts.limited, counts.spans) == (6, 80, 2, 0)


def test_nothing_is_kept_of_a_session_that_is_gone_or_has_lost_its_content(engine: Engine, archive: Archive) -> None:
    with writing(engine).begin() as db:
        Deletion("b", whole=False).work(db, lambda: False)

    assert write(engine, SpanBatch([*joined(1, to="b"), *joined(2, to="c")], {"b": Counted(sent_frames=9)})) == Written(
        0, 0, 2
    )

    assert everything(engine)["backend_spans"] == everything(engine)["backend_span_counts"] == []


@pytest.mark.parametrize("whole", [True, False])
def test_a_deletion_takes_spans_along(engine: Engine, archive: Archive, *, whole: bool) -> None:
    write(engine, SpanBatch([*joined(*range(1, 250), to="b"), *joined(300)], {"b": Counted(sent_frames=9)}), 1000)
    deletion, steps = Deletion("b", whole=whole), 0

    while not deletion.done:
        with writing(engine).begin() as db:
            deletion.work(db, lambda: True)
        steps += 1

    assert steps > 2
    assert deletion.spans == 249
    assert len(everything(engine)["backend_spans"]) == len(everything(engine)["backend_span_counts"]) == 1


def test_a_guess_gives_way_to_what_is_known(engine: Engine, queries: Queries) -> None:
    guessed = [replace(one, joined_by="guess") for one in joined(1, 2)]
    write(engine, SpanBatch([*guessed, *joined(3)]))
    first, second = guessed[0].span.trace_id, guessed[1].span.trace_id

    settled = [Settled(first, "b", "trace", "default"), Settled(second, "b", "id", "another")]
    write(engine, SpanBatch(settled=settled))

    assert [one.span.span_id for one in session_spans(queries, "a").spans] == [span(3).span_id]
    (moved,) = session_spans(queries, "b").spans
    assert (moved.span.trace_id, moved.joined_by) == (first, "trace")
    assert [session_spans(queries, one).counts.spans for one in ("a", "b")] == [1, 1]


def test_spans_follow_a_connection_to_the_session_that_it_belongs_to(
    engine: Engine, archive: Archive, queries: Queries
) -> None:
    archive.commit(Batch(sessions=(session("c"), session("d")), connections=(connection("c"), connection("d"))))
    write(engine, SpanBatch([*joined(1), *joined(2, to="c"), *joined(3, to="d")]))

    archive.commit(Batch(connections=(connection("c", session="a"),), dropped_sessions=("c",)))
    archive.commit(Batch(dropped_sessions=("d",), dropped_connections=("d",)))

    assert session_spans(queries, "a").counts.spans == session_spans(queries, "a").total == 2
    assert len(everything(engine)["backend_spans"]) == 2
