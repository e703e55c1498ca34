"""Reading stored messages batch by batch."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
from sqlalchemy import Connection, Engine, event, text

from relayproxy.conversation.message import read_lines
from relayproxy.store.errors import UnreadableError
from relayproxy.store.read import recording_reader
from relayproxy.store.read.queries import Queries
from relayproxy.store.read.recording_reader import RecordingReader, lines_from
from relayproxy.store.read.recording_streams import stored_lines
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write import chunks
from relayproxy.store.write.archive import Archive
from tests.store.build import chunk, connection, said, session

Read = Callable[[int, int], list[int]]


@pytest.fixture(params=[0, 3, 2000])
def small_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a dozen lines, of which none, some or all are at the beginning."""
    monkeypatch.setattr(chunks, "PART_BYTES", 1000)
    monkeypatch.setattr(recording_reader, "BEGINNING", request.param)


@pytest.fixture
def db(queries: Queries) -> Iterator[Connection]:
    with queries.reading() as db:
        yield db


@pytest.fixture
def statements(db: Connection) -> list[str]:
    """What is asked of the tables that hold messages."""
    found: list[str] = []

    def note(_db: object, _cursor: object, statement: str, *_rest: object) -> None:
        found.extend(name for name in ("recordings", "chunks") if f"FROM {name}" in statement)

    event.listen(db, "before_cursor_execute", note)
    return found


def store(archive: Archive, count: int, *, ended: bool, every: int = 3) -> int:
    """A call of that many messages; in how many parts it lies."""
    archive.commit(Batch(sessions=(session("a"),), connections=(connection("a"),)))
    for first in range(0, count, every):
        archive.commit(Batch(chunks=(chunk("a", said(first, min(every, count - first))),)))
    if ended:
        archive.commit(Batch(finished=("a",)))
    engine: Engine = archive._engine
    with engine.connect() as db:
        return int(db.execute(text("SELECT count(*) FROM recordings")).scalar_one())


def batch(reader: RecordingReader, db: Connection, seq: int, limit: int) -> list[int]:
    return [message.seq for message in read_lines(reader.lines(db, "a", seq, limit))]


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("limit", [1, 4, 7, 1000])
def test_a_long_call_is_read_from_its_beginning_to_its_end_and_each_part_unpacked_once(
    archive: Archive, db: Connection, statements: list[str], limit: int
) -> None:
    parts = store(archive, 90, ended=True)
    assert parts > 5
    reader, found = RecordingReader(), list[int]()
    while some := batch(reader, db, len(found), limit):
        assert len(some) <= limit
        found += some
    assert found == [*range(90)]
    assert statements == ["recordings"] * (parts + 1) + ["chunks"]  # the last look finds nothing


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("limit", [1, 4, 7])
def test_backwards_each_part_is_unpacked_once_as_well(
    archive: Archive, db: Connection, statements: list[str], limit: int
) -> None:
    parts = store(archive, 90, ended=True)
    reader = RecordingReader()
    for end in range(90, 0, -limit):
        start, some = max(0, end - limit), list[int]()
        while len(some) < end - start:
            some += batch(reader, db, start + len(some), end - start - len(some))
        assert some == [*range(start, end)]
    assert statements == ["recordings"] * parts


@pytest.mark.usefixtures("small_parts")
def test_no_more_is_kept_than_is_allowed(
    archive: Archive, db: Connection, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store(archive, 90, ended=True)
    reader = RecordingReader()
    monkeypatch.setattr(recording_reader, "KEPT_BYTES", 1500)  # one part, not two
    for seq in (0, 80, 0):
        assert batch(reader, db, seq, 1) == [seq]
        assert batch(reader, db, seq + 1, 1) == [seq + 1]
    assert statements == ["recordings"] * 3
    monkeypatch.setattr(recording_reader, "KEPT_BYTES", 500)  # none
    assert [batch(reader, db, seq, 1) for seq in (40, 41)] == [[40], [41]]
    assert statements == ["recordings"] * 5


def test_a_live_call_is_read_on_while_it_grows(archive: Archive, db: Connection, queries: Queries) -> None:
    store(archive, 10, ended=False)
    reader = RecordingReader()
    assert batch(reader, db, 0, 8) == [*range(8)]
    assert batch(reader, db, 8, 8) == [8, 9]
    archive.commit(Batch(chunks=(chunk("a", said(10, 5)),)))
    with queries.reading() as later:
        assert batch(reader, later, 10, 8) == [*range(10, 15)]
        archive.commit(Batch(finished=("a",)))
    with queries.reading() as later:
        assert batch(reader, later, 12, 8) == [12, 13, 14]
        assert batch(reader, later, 15, 8) == []


def test_messages_that_are_missing_in_between_are_passed_over(archive: Archive, db: Connection) -> None:
    archive.commit(Batch(sessions=(session("a"),), connections=(connection("a"),)))
    archive.commit(Batch(chunks=(chunk("a", said(0, 3)), chunk("a", said(5, 3)))))
    reader = RecordingReader()
    found = batch(reader, db, 0, 100)
    while some := batch(reader, db, found[-1] + 1, 100):
        found += some
    assert found == [0, 1, 2, 5, 6, 7]
    assert [message.seq for message in read_lines(lines_from(lambda: nullcontext(db), "a", 3))] == [5, 6, 7]


DAMAGES = ("n = n + 1", "n = n - 1", "n = 1 << 30", "first_seq = first_seq + 1", "first_seq = 1 << 40")


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("ended", [True, False])
def test_lines_that_are_not_those_that_their_row_tells_of_are_damage_and_no_endless_reading(
    archive: Archive, queries: Queries, damage: str, ended: bool
) -> None:
    store(archive, 30, ended=ended)
    table = "recordings" if ended else "chunks"
    with archive._engine.begin() as db:
        last = f"(SELECT max(first_seq) FROM {table})"
        db.execute(text(f"UPDATE {table} SET {damage} WHERE first_seq = {last}"))

    with pytest.raises(UnreadableError):
        for _ in stored_lines(queries, "a"):
            pass
