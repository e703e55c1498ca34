"""What is written down of an erasure: that it was ordered, and how far it has come."""

import time

from sqlalchemy import Engine, text

from relayproxy.store.engine import writing
from relayproxy.store.read.erasures import read_erasure, read_erasures, sought_number
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.erasures import order
from tests.store.build import session
from tests.store.write.deleting import days_ago

ALICE = "+15550100001"


def test_an_order_is_in_the_audit_without_what_was_sought(archive: Archive, engine: Engine) -> None:
    archive.commit(Batch(sessions=(session("a", from_number=ALICE, started_at=days_ago(1)),)))

    with writing(engine).begin() as db:
        id = order(db, sought_number(ALICE), 2, "alice", "203.0.113.9", time.time_ns())
        told = [tuple(row) for row in db.execute(text("SELECT actor, action, subject, address FROM audit"))]
        receipt = read_erasure(db, id)
        listed = read_erasures(db, 10)

    assert told == [("alice", "erase", id, "203.0.113.9")]
    assert receipt is not None
    assert (receipt.scope, receipt.actor, receipt.sessions, receipt.shown, receipt.done_at, receipt.live) == (
        "number", "alice", 0, 2, None, 1,
    )  # fmt: skip
    assert listed == [receipt]
