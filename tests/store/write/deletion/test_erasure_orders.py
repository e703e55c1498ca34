"""What was shown is what is ordered, with the few calls that have come of it since."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from relayproxy.store.read.erasures import Sought, sought_number, sought_session
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.erasure_orders import (
    ChangedError,
    confirmation,
    erasure,
    erasures_before,
    order_erasure,
    preview,
)
from tests.store.build import session
from tests.store.write.deleting import days_ago, deleter

ALICE, BOB = "+15550100001", "+15550100003"
Ordered = Callable[[Sought, str], str]


@pytest.fixture
def ordered(engine: Engine, queries: Queries) -> Ordered:
    writer = AnnotationWriter(engine)
    return lambda sought, confirm: order_erasure(queries, writer, sought, confirm, "alice", "")


def calls(archive: Archive, first: int, count: int) -> None:
    """Calls of Alice's, numbered from `first` on."""
    numbers = range(first, first + count)
    rows = (session(f"s{n}", from_number=ALICE, started_at=days_ago(2), ended_at=days_ago(1)) for n in numbers)
    archive.commit(Batch(sessions=tuple(rows)))


def test_the_few_calls_that_have_come_since_go_too_and_the_receipt_says_how_many(
    archive: Archive, engine: Engine, queries: Queries, ordered: Ordered
) -> None:
    calls(archive, 0, 2)
    confirm = confirmation(sought_number(ALICE), preview(queries, sought_number(ALICE)).sessions)
    calls(archive, 2, 10)

    id = ordered(sought_number(ALICE), confirm)
    deleter(engine).erase()

    found = erasure(queries, id)
    assert found is not None
    assert (found.shown, found.sessions, found.more) == (2, 12, 10)
    assert found.done_at is not None
    assert erasures_before(queries, 10, None) == ([found], False)
    assert erasure(queries, "none") is None


@pytest.mark.parametrize(("shown", "more"), [(0, 10), (2, 10), (100, 10), (129, 12)])
def test_ten_more_or_a_tenth_may_have_come_and_no_more(
    archive: Archive, queries: Queries, ordered: Ordered, shown: int, more: int
) -> None:
    sought = sought_number(ALICE)
    calls(archive, 0, shown)
    confirm = confirmation(sought, preview(queries, sought).sessions)
    calls(archive, shown, more + 1)

    with pytest.raises(ChangedError):
        ordered(sought, confirm)
    assert erasures_before(queries, 10, None) == ([], False)
    assert ordered(sought, confirmation(sought, shown + 1))


@pytest.mark.parametrize(
    "other",
    [sought_number(BOB), sought_number(ALICE, "sales"), sought_session("s0")],
    ids=["another number", "another route", "a session"],
)
def test_what_confirms_one_criterion_confirms_no_other(archive: Archive, ordered: Ordered, other: Sought) -> None:
    calls(archive, 0, 1)

    with pytest.raises(ChangedError):
        ordered(other, confirmation(sought_number(ALICE), 1))


@pytest.mark.parametrize(
    "confirm", ["", "1", "1-", "-1-0", "²-0", f"{10**30}-0", confirmation(sought_number(ALICE), 1)[1:]]
)
def test_what_was_never_given_confirms_nothing(ordered: Ordered, confirm: str) -> None:
    with pytest.raises(ChangedError):
        ordered(sought_number(ALICE), confirm)


def test_receipts_come_page_by_page(queries: Queries, ordered: Ordered) -> None:
    for n in range(5):
        sought = sought_session(f"VX{n}\0")
        ordered(sought, confirmation(sought, 0))

    first, more = erasures_before(queries, 3, None)
    rest, end = erasures_before(queries, 3, (first[-1].at, first[-1].id))

    assert (len(first), more, len(rest), end) == (3, True, 2, False)
    assert len({one.id for one in (*first, *rest)}) == 5
