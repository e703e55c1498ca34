"""What an erasure means: by id, number and time, and what is left of it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from relayproxy.store.engine import writing
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.erasures import (
    Match,
    Sought,
    find,
    order,
    read_erasure,
    read_erasures,
    sought_before,
    sought_number,
    sought_session,
)
from tests.store.build import session
from tests.store.write.deleting import days_ago

ALICE, BOB, DESK = "+15550100001", "+15550100003", "+15550100002"


@pytest.fixture
def three(archive: Archive) -> None:
    ended: dict[str, Any] = {"to_number": DESK, "messages": 7}
    archive.commit(
        Batch(
            sessions=(
                session("a", from_number=ALICE, started_at=days_ago(3), ended_at=days_ago(3), **ended),
                session("b", from_number=BOB, started_at=days_ago(2), ended_at=days_ago(2), route="sales", **ended),
                session("c", from_number=DESK, started_at=days_ago(1), to_number=ALICE, messages=1),
            )
        )
    )


def match(engine: Engine, sought: Sought) -> Match:
    with engine.connect() as db:
        return find(db, sought, time.time_ns())


@pytest.mark.usefixtures("three")
def test_a_number_is_found_on_either_side_however_it_is_written(engine: Engine) -> None:
    for written in ("+15550100001", "+1 (555) 010-0001", "001 555.010.0001", " +1-555-010-0001 "):
        found = match(engine, sought_number(written))
        assert (found.sessions, found.live, found.messages) == (2, 1, 8)
    assert match(engine, sought_number(ALICE, "sales")).sessions == 0
    assert match(engine, sought_number(BOB, "sales")).sessions == 1


def test_a_number_that_a_url_was_decoded_from_is_found(archive: Archive, engine: Engine) -> None:
    for id, number in (("a", " 15550100001"), ("b", "15550100001"), ("c", "sip:alice@example.com")):
        archive.commit(Batch(sessions=(session(id, from_number=number, started_at=days_ago(1)),)))

    assert match(engine, sought_number("+1 555 010 0001")).sessions == 2
    assert match(engine, sought_number("sip:alice@example.com")).sessions == 1


def test_a_digit_that_is_dialled_within_the_country_alone_is_none_of_the_number() -> None:
    assert sought_number("+44 (0)20 7946 0000") == sought_number("+442079460000")


@pytest.mark.parametrize("written", ["", "5550100001", "555", "+0555", "alice", "+1555010000123456"])
def test_what_is_no_whole_number_is_refused_with_what_is_expected(written: str) -> None:
    with pytest.raises(ValueError, match="with its country code is expected"):
        sought_number(written)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("id", ["a", "VX-a", "CA-a", " a "])
def test_a_session_is_found_by_each_of_its_ids(engine: Engine, id: str) -> None:
    assert match(engine, sought_session(id)).sessions == 1
    assert match(engine, sought_session(id, "sales")).sessions == 0


@pytest.mark.usefixtures("three")
def test_what_began_before_a_moment_is_found(engine: Engine) -> None:
    moment = datetime.fromtimestamp(days_ago(1.5) / 1e9, UTC)
    found = match(engine, sought_before(moment.isoformat()))

    assert (found.sessions, found.live) == (2, 0)
    assert found.oldest is not None
    assert found.newest is not None
    assert found.oldest < found.newest < days_ago(1.5)
    assert match(engine, sought_before(f"{moment - timedelta(days=30):%Y-%m-%d}")).sessions == 0
    with pytest.raises(ValueError, match="a day such as"):
        sought_before("yesterday")
    with pytest.raises(ValueError, match="a day such as"):
        sought_before("9999-12-31")


@pytest.mark.usefixtures("three")
def test_an_order_is_in_the_audit_without_what_was_sought(engine: Engine) -> None:
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
