"""The spans of a session are a tree, in whatever order they came, and whether or not a parent has come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from sqlalchemy import Engine

from relayproxy.conversation.backend_span import BackendSpan
from relayproxy.store.engine import writing
from relayproxy.store.read.backend_spans import _tree, session_outline, session_spans, with_details
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.backend_spans import JoinedSpan, SpanBatch, delete_backend_spans, write_backend_spans
from tests.store.build import connection, session, span

TRACE = "ab" * 16
CALL = "cd" * 8
"""The span id that the backend got in its handshake."""


def at(number: int, parent: int | str | None = None) -> BackendSpan:
    known = f"{parent:016x}" if isinstance(parent, int) else parent
    return span(number, trace_id=TRACE, parent_span_id=known)


def write(engine: Engine, *spans: BackendSpan, most: int = 100) -> None:
    with writing(engine).begin() as db:
        write_backend_spans(db, SpanBatch([JoinedSpan(one, "a", "trace") for one in spans]), most)


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


def test_an_outline_has_no_details_but_those_that_may_be_handshakes(engine: Engine, queries: Queries) -> None:
    write(engine, structs.replace(at(1, CALL), kind="server"), at(2, 1), structs.replace(at(3), kind="server"))

    outline = session_outline(queries, "a")
    assert [bool(one.span.detail.attributes) for one in outline.spans] == [True, False, False]
    assert [one.span.name for one in outline.spans] == ["chat gpt"] * 3

    some = with_details(queries, "a", outline.spans[1:])
    assert [(one.place, one.parent, one.span.detail.attributes) for one in some] == [
        (1, 0, {"gen_ai.request.model": "gpt"}),
        (2, None, {"gen_ai.request.model": "gpt"}),
    ]


def test_as_many_as_there_are_come_whole_and_those_that_are_gone_do_not(engine: Engine, queries: Queries) -> None:
    write(engine, *(at(number, number - 1 or None) for number in range(1, 901)), most=1000)
    outline = session_outline(queries, "a").spans
    with writing(engine).begin() as db:
        delete_backend_spans(db, "a")
    write(engine, *(at(number) for number in range(1, 801)), most=1000)

    found = with_details(queries, "a", outline)

    assert [one.place for one in found] == [*range(800)]
    assert all(one.span.detail.attributes for one in found)


@given(st.dictionaries(st.integers(1, 9), st.integers(0, 9), max_size=9))
def test_whatever_parents_are_said_every_span_is_there_once(parents: dict[int, int]) -> None:
    told = {(TRACE, str(one)): str(parent) if parent else None for one, parent in parents.items()}

    tree = [*_tree(told)]

    assert sorted(one.key for one in tree) == sorted(told)
    assert all(one.parent is None or tree[one.parent].depth == one.depth - 1 for one in tree)
    assert all(one.parent is None or one.parent < place for place, one in enumerate(tree))
