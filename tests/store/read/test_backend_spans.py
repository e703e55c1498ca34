"""The spans of a session are a tree, in whatever order they came, and whether or not a parent has come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from relayproxy.conversation.backend_span import BackendSpan
from relayproxy.store.engine import writing
from relayproxy.store.read.backend_spans import _tree, session_spans
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.backend_spans import JoinedSpan, SpanBatch, write_backend_spans
from tests.store.build import connection, session, span

TRACE = "ab" * 16
CALL = "cd" * 8
"""The span id that the backend got in its handshake."""


def at(number: int, parent: int | str | None = None) -> BackendSpan:
    known = f"{parent:016x}" if isinstance(parent, int) else parent
    return span(number, trace_id=TRACE, parent_span_id=known)


def write(engine: Engine, *spans: BackendSpan) -> None:
    with writing(engine).begin() as db:
        write_backend_spans(db, SpanBatch([JoinedSpan(one, "a", "trace") for one in spans]), 100)


def outline(queries: Queries) -> list[tuple[int, int]]:
    return [(int(one.span.span_id, 16), one.depth) for one in session_spans(queries, "a").spans]


@pytest.fixture(autouse=True)
def _session(archive: Archive) -> None:
    opening = f'{{"trace_id": "{TRACE}", "span_id": "{CALL}"}}'
    archive.commit(Batch(sessions=(session("a"),), connections=(connection("a", opening=opening),)))


def test_children_follow_their_parent_by_their_beginning(engine: Engine, queries: Queries) -> None:
    write(engine, at(4, 1), at(2, 1), at(3, 2), at(1, CALL), at(5))

    assert outline(queries) == [(1, 0), (2, 1), (3, 2), (4, 1), (5, 0)]
    spans = session_spans(queries, "a").spans
    assert [one.parent for one in spans] == [None, 0, 1, 0, None]
    assert [one.child_of_call for one in spans] == [True, False, False, False, False]
    assert not any(one.orphan for one in spans)


def test_a_parent_that_has_not_come_leaves_orphans_and_takes_them_when_it_comes(
    engine: Engine, queries: Queries
) -> None:
    write(engine, at(2, 1), at(3, 2))
    assert [(one.depth, one.orphan) for one in session_spans(queries, "a").spans] == [(0, True), (1, False)]

    write(engine, at(1, CALL))
    assert outline(queries) == [(1, 0), (2, 1), (3, 2)]
    assert not any(one.orphan for one in session_spans(queries, "a").spans)


def test_a_tree_is_read_in_pages(engine: Engine, queries: Queries) -> None:
    write(engine, *(at(number, number - 1 or None) for number in range(1, 6)))

    pages = [session_spans(queries, "a", first, 2) for first in (0, 2, 4, 6)]

    assert [[one.place for one in page.spans] for page in pages] == [[0, 1], [2, 3], [4], []]
    assert [one.parent for page in pages for one in page.spans] == [None, 0, 1, 2, 3]
    assert {page.total for page in pages} == {5}


@given(st.dictionaries(st.integers(1, 9), st.integers(0, 9), max_size=9))
def test_whatever_parents_are_said_every_span_is_there_once(parents: dict[int, int]) -> None:
    told = {(TRACE, str(one)): str(parent) if parent else None for one, parent in parents.items()}

    tree = [*_tree(told)]

    assert sorted(one.key for one in tree) == sorted(told)
    assert all(one.parent is None or tree[one.parent].depth == one.depth - 1 for one in tree)
    assert all(one.parent is None or one.parent < place for place, one in enumerate(tree))
