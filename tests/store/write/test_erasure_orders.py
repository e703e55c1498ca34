"""What was shown is what is ordered."""

import pytest
from sqlalchemy import Engine

from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.erasure_orders import ChangedError, erasure, erasures_before, order_erasure, preview
from relayproxy.store.write.erasures import sought_number, sought_session
from tests.store.build import session
from tests.store.write.deleting import days_ago

ALICE = "+15550100001"


def test_what_has_changed_since_it_was_shown_is_not_ordered(archive: Archive, engine: Engine, queries: Queries) -> None:
    writer, sought = AnnotationWriter(engine), sought_number(ALICE)
    archive.commit(Batch(sessions=(session("a", from_number=ALICE, started_at=days_ago(2)),)))
    shown = preview(queries, sought)
    archive.commit(Batch(sessions=(session("b", from_number=ALICE, started_at=days_ago(1)),)))

    with pytest.raises(ChangedError):
        order_erasure(queries, writer, sought, shown.digest, "alice", "")
    id = order_erasure(queries, writer, sought, preview(queries, sought).digest, "alice", "")

    assert erasures_before(queries, 10, None) == ([erasure(queries, id)], False)
    assert erasure(queries, "none") is None


def test_receipts_come_page_by_page(engine: Engine, queries: Queries) -> None:
    writer = AnnotationWriter(engine)
    for n in range(5):
        sought = sought_session(f"VX{n}\0")
        order_erasure(queries, writer, sought, preview(queries, sought).digest, "alice", "")

    first, more = erasures_before(queries, 3, None)
    rest, end = erasures_before(queries, 3, (first[-1].at, first[-1].id))

    assert (len(first), more, len(rest), end) == (3, True, 2, False)
    assert len({one.id for one in (*first, *rest)}) == 5
