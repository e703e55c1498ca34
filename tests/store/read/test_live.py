"""What the wall asks of the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.read.live import LAST_TURNS, live, live_calls
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.databases import migrated


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    url = f"sqlite:///{tmp_path / 'relayproxy.db'}"
    migrated(url)
    engine = open_engine(url)
    yield Archive(engine)
    engine.dispose()


@pytest.fixture
def queries(tmp_path: Path, archive: Archive) -> Iterator[Queries]:
    engine = open_reader(f"sqlite:///{tmp_path / 'relayproxy.db'}")
    yield Queries(engine)
    engine.dispose()


def test_live_calls_are_told_by_start_and_counted(archive: Archive, queries: Queries) -> None:
    younger = samples.Call(archive, samples.ago(10)).setup().commit()
    older = samples.Call(archive, samples.ago(20)).setup().commit().asks(1, "Hello?").commit()
    samples.booking(archive, samples.ago(100)).commit()
    assert live(queries, 10) == ({older.id: 2, younger.id: 1}, 2)
    assert live(queries, 1) == ({older.id: 2}, 2)


def test_a_glimpse_has_the_newest_turns(archive: Archive, queries: Queries) -> None:
    call = samples.Call(archive, samples.ago(100)).setup()
    for number in range(6):
        call.asks(1 + 5 * number, f"Question {number}?").answers(2 + 5 * number, f"Answer {number}.")
    call.commit()
    other = samples.failing(archive, samples.ago(300)).commit()
    found = live_calls(queries, [call.id, other.id, "nobody"])
    assert set(found) == {call.id, other.id}
    assert len(found[call.id].turns) == LAST_TURNS
    assert [turn.number for turn in found[call.id].turns] == [4, 5, 6]
    assert found[call.id].turns[-1].caller_text == "Question 5?"
    assert found[other.id].session.outcome == "backend_disconnect"


def test_a_session_that_went_is_left_out(archive: Archive, queries: Queries) -> None:
    call = samples.Call(archive).setup().commit()
    archive.commit(Batch(dropped_sessions=(call.id,)))
    assert live(queries, 10) == ({}, 0)
    assert live_calls(queries, [call.id]) == {}
