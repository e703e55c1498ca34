"""Messages are chunks while a call lives and a recording once it has ended, and each is stored once."""

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from relayproxy.conversation.message import read_lines
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write import chunks
from relayproxy.store.write.archive import Archive
from tests.store.build import NOON, chunk, connection, said
from tests.store.contents import FIRST, counted, everything


def test_a_finished_call_is_one_recording_of_the_same_lines(archive: Archive, engine: Engine) -> None:
    archive.commit(FIRST)
    archive.commit(Batch(chunks=(chunk("a", said(3, 2)),), finished=("a",)))
    stored = everything(engine)
    assert stored["chunks"] == []
    [(name, part, first_seq, n, lines, *_)] = stored["recordings"]
    assert (name, part, first_seq, n) == ("a", 0, 0, 5)
    assert list(read_lines(gzip.decompress(lines))) == said(0, 5)
    assert list(archive.messages("a")) == said(0, 5)


def test_replaying_a_finished_call_changes_nothing(archive: Archive, engine: Engine) -> None:
    end = Batch(chunks=(chunk("a", said(3, 2)),), finished=("a",))
    archive.commit(FIRST)
    archive.commit(end)
    before = everything(engine)["recordings"]
    for writer in (archive, Archive(engine)):
        writer.commit(FIRST)
        writer.commit(end)
    assert everything(engine)["recordings"] == before
    assert counted(engine, "chunks") == 0


def test_nothing_is_remembered_of_finished_calls(archive: Archive) -> None:
    archive.commit(Batch(chunks=(chunk("a", said(0, 2)), chunk("b", said(0, 2)))))
    archive.commit(Batch(finished=("a", "b", "c")))
    assert archive._chunks._stored == {}


def test_a_call_without_messages_finishes_without_a_recording(archive: Archive, engine: Engine) -> None:
    archive.commit(Batch(connections=(connection("a", ended_at=NOON),), finished=("a",)))
    assert counted(engine, "recordings") == 0
    assert list(archive.messages("a")) == []


def test_a_long_call_is_sealed_in_parts_while_it_lives(
    archive: Archive, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "PART_BYTES", 2000)
    for first in range(0, 300, 5):
        if first % 35 == 0:
            archive = Archive(engine)
        archive.commit(Batch(chunks=(chunk("a", said(first, 5)),)))
        with engine.connect() as db:
            assert db.execute(text("SELECT sum(length(lines)) FROM chunks")).scalar_one() <= 2000
    assert counted(engine, "recordings") > 5
    assert list(archive.messages("a")) == said(0, 300)
    archive.commit(Batch(finished=("a",)))
    stored = everything(engine)
    assert [part for _, part, *_ in stored["recordings"]] == list(range(len(stored["recordings"])))
    assert all(len(gzip.decompress(lines)) <= 2000 for _, _, _, _, lines, *_ in stored["recordings"])
    assert stored["chunks"] == []
    assert list(archive.messages("a")) == said(0, 300)


def test_a_chunk_larger_than_a_part_makes_a_part_of_its_own(
    archive: Archive, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "PART_BYTES", 100)
    archive.commit(Batch(chunks=(chunk("a", said(0, 1)), chunk("a", said(1, 9)), chunk("a", said(10, 1)))))
    archive.commit(Batch(finished=("a",)))
    assert [row[2:4] for row in everything(engine)["recordings"]] == [(0, 1), (1, 9), (10, 1)]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "PART_BYTES", 300)


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=12),
    restarts=st.sets(st.integers(0, 11)),
    replays=st.lists(st.integers(0, 11), max_size=6),
    finish=st.booleans(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_a_call_is_cut_replayed_and_resumed_its_messages_are_stored_once(
    engine: Engine, small_parts: None, sizes: list[int], restarts: set[int], replays: list[int], finish: bool
) -> None:
    name = f"c{counted(engine, 'connections')}"
    batches, seq = [Batch(connections=(connection(name),))], 0
    for size in sizes:
        batches.append(Batch(chunks=(chunk(name, said(seq, size)),)))
        seq += size
    if finish:
        batches.append(Batch(finished=(name,)))
    archive = Archive(engine)
    for at, batch in enumerate(batches):
        archive.commit(batch)
        if at in restarts:
            archive = Archive(engine)
        for again in replays[: at + 1]:
            archive.commit(batches[min(again, at)])
    assert list(archive.messages(name)) == said(0, seq)
