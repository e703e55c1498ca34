"""What an erasure means: by id, number and time, and what is left of it."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from relayproxy.store.engine import writing
from relayproxy.store.read.erasures import (
    RECONNECT,
    Match,
    Sought,
    find,
    marked,
    open_erasures,
    read_erasure,
    sought_before,
    sought_number,
    sought_session,
)
from relayproxy.store.schema.rows import Batch, TreatmentRow
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.erasures import close, follow_up, order
from tests.store.build import connection, session
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
    assert sought_number("tel:+44-20-7946-0000") == sought_number("+442079460000")


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
@pytest.mark.parametrize(
    ("sought", "meant"),
    [
        (sought_number(ALICE), {"a", "c"}),
        (sought_number(DESK, "sales"), {"b"}),
        (sought_session("VX-b"), {"b"}),
        (sought_before("2100-01-01"), {"a", "b", "c"}),
        (sought_number("+15550100009"), set()),
    ],
)
def test_sessions_that_an_open_erasure_means_are_told(engine: Engine, sought: Sought, meant: set[str]) -> None:
    with writing(engine).begin() as db:
        assert marked(db, "abc") == frozenset()
        id = order(db, sought, 0, "alice", "", time.time_ns())
        assert marked(db, "abc") == meant
        assert marked(db, "a") == meant & {"a"}
        (erasure,) = open_erasures(db)
        close(db, erasure, time.time_ns())
        assert marked(db, "abc") == frozenset()
        assert read_erasure(db, id) is not None


def test_a_call_that_is_taken_up_again_after_it_was_erased_is_meant(archive: Archive, engine: Engine) -> None:
    now = time.time_ns()
    earlier, again, later = now - 2 * RECONNECT, now - RECONNECT // 2, now + RECONNECT
    rows = [session(id, started_at=at) for id, at in (("earlier", earlier), ("again", again), ("later", later))]
    archive.commit(Batch(sessions=tuple(replace(row, session_id="VX1") for row in rows)))
    archive.commit(Batch(sessions=(session("gone", session_id="VX1", started_at=earlier, ended_at=again),)))
    with writing(engine).begin() as db:
        id = order(db, sought_session("gone"), 1, "alice", "", now)
        (erasure,) = open_erasures(db)
        follow_up(db, erasure, "gone", now)
        close(db, erasure, now)
        assert [one.receipt for one in open_erasures(db)] == [id]
        assert marked(db, ["earlier", "again", "later"]) == {"again"}


def test_a_shadow_of_a_call_that_is_taken_up_again_is_meant_though_it_was_told_nothing(
    archive: Archive, engine: Engine
) -> None:
    now = time.time_ns()
    gone = session("gone", session_id="VX1", started_at=now - RECONNECT, ended_at=now - RECONNECT // 2)
    again = session("again", session_id="VX1", started_at=now)
    silent = session("silent", session_id=None, call_sid=None, from_number=None, started_at=now)
    shadows = (TreatmentRow("silent", "shadow", "again"),)
    archive.commit(Batch(sessions=(gone, again, silent), connections=(connection("again"),), treatments=shadows))
    with writing(engine).begin() as db:
        order(db, sought_session("gone"), 1, "alice", "", now - RECONNECT // 4)
        (erasure,) = open_erasures(db)
        follow_up(db, erasure, "gone", now)
        assert marked(db, ["gone", "again", "silent"]) == {"gone", "again", "silent"}
        close(db, erasure, now)
        assert marked(db, ["gone", "again", "silent"]) == {"again", "silent"}
