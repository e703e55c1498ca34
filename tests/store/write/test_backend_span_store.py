"""The receiver's way to the database: it may not be there yet, and another may take its place."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from relayproxy.store.engine import open_engine
from relayproxy.store.errors import NotReady, StoreError
from relayproxy.store.read.span_owners import Owner
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.backend_span_store import BackendSpanStore
from relayproxy.store.write.backend_spans import JoinedSpan, SpanBatch, Written
from tests.databases import migrated
from tests.store.build import NOON, connection, session, span

A = Owner("a", "default", "wss://agent.example.com/ws", NOON, None)


def test_what_is_known_is_given_and_what_is_written_is_known(engine: Engine, archive: Archive) -> None:
    archive.commit(Batch(sessions=(session("a"),), connections=(connection("a", trace_id="ab" * 16),)))
    store, one = BackendSpanStore(engine), span(1)
    key = (one.trace_id, one.span_id)

    known = store.known(["ab" * 16], ["CA-a", "nobody"], [key])
    assert (known.by_trace, known.by_id, known.joined, known.parents) == ({"ab" * 16: (A,)}, {"CA-a": (A,)}, {}, {})
    assert store.lived(NOON, NOON) == (A,)

    assert store.write(SpanBatch([JoinedSpan(one, "a", "id")]), 10) == Written(1, 0, 0)
    known = store.known([one.trace_id], [], [key])
    assert (known.joined, known.parents) == ({one.trace_id: (A,)}, {key: "a"})


def test_a_database_that_comes_later_is_found(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/relayproxy.db"
    store = BackendSpanStore(open_engine(url, create=False))
    with pytest.raises(NotReady):
        store.lived(NOON, NOON)
    assert not list(tmp_path.iterdir()), "it is never created"

    migrated(url)
    assert store.lived(NOON, NOON) == ()

    (tmp_path / "relayproxy.db").unlink()
    for known in (StoreError, NotReady):
        with pytest.raises(known):
            store.lived(NOON, NOON)
    store.close()
