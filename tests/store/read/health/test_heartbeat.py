"""What recorders tell of themselves, and how a database is."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from relayproxy.store.engine import open_engine, sqlite_path
from relayproxy.store.errors import NotReady, StoreError
from relayproxy.store.read.health.heartbeat import (
    KEPT,
    Heartbeat,
    HeartbeatWriter,
    JournalHeartbeat,
    OtlpHeartbeat,
    database_facts,
    gaps_since,
    reports,
)
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.migrate import migrate
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.databases import migrated
from tests.store.build import NOON, session

ME = "recorder:here:1-2"
HEARTBEAT = Heartbeat(
    version="1.0",
    host="here",
    pid=4711,
    started_at=NOON,
    data_dir="/var/lib/relayproxy",
    journals=(JournalHeartbeat("j1", True, 2, 4096, 17),),
    otlp=OtlpHeartbeat("http://collector:4318", 10, 2, 1, NOON, "HTTP 503"),
)


@pytest.fixture
def writer(engine: Engine, url: str) -> Iterator[HeartbeatWriter]:
    writer = HeartbeatWriter(open_engine(url))
    yield writer
    writer.close()


def test_the_last_that_each_told_is_there_the_newest_first(writer: HeartbeatWriter, queries: Queries) -> None:
    writer.write(ME, HEARTBEAT, NOON)
    writer.write("recorder:there:3-4", HEARTBEAT, NOON + 1)
    writer.write(ME, HEARTBEAT, NOON + 2)
    found = reports(queries)
    assert [(report.process, report.at) for report in found] == [(ME, NOON + 2), ("recorder:there:3-4", NOON + 1)]
    assert found[0].heartbeat == HEARTBEAT


def test_what_was_told_long_ago_is_forgotten_by_the_next_that_starts(
    writer: HeartbeatWriter, queries: Queries, url: str
) -> None:
    writer.write("recorder:gone:5-6", HEARTBEAT, NOON)
    fresh = HeartbeatWriter(open_engine(url))
    fresh.write(ME, HEARTBEAT, NOON + (KEPT + 1) * 1_000_000_000)
    assert [report.process for report in reports(queries)] == [ME]
    fresh.close()


def test_what_cannot_be_understood_is_left_out(writer: HeartbeatWriter, queries: Queries, engine: Engine) -> None:
    writer.write(ME, HEARTBEAT, NOON)
    with engine.begin() as db:
        db.execute(text("INSERT INTO vitals (process, at, detail) VALUES ('other', 1, '{\"pulse\": 60}')"))
    assert [report.process for report in reports(queries)] == [ME]


def test_a_database_is_never_created(url: str) -> None:
    writer = HeartbeatWriter(open_engine(url))
    with pytest.raises(NotReady, match="relayproxy migrate"):
        writer.write(ME, HEARTBEAT)
    if (path := sqlite_path(open_engine(url).url)) is not None:
        assert not path.exists()
    migrate(url)
    writer.write(ME, HEARTBEAT)
    writer.close()


def test_a_file_that_was_replaced_is_noticed_and_the_new_one_taken(
    writer: HeartbeatWriter, queries: Queries, url: str
) -> None:
    path = sqlite_path(open_engine(url).url)
    writer.write(ME, HEARTBEAT, NOON)
    if path is None:  # a server's database has no file
        return
    for part in path.parent.glob("relayproxy.db*"):
        part.unlink()
    migrated(url)
    with pytest.raises(StoreError):
        writer.write(ME, HEARTBEAT, NOON + 1)
    writer.write(ME, HEARTBEAT, NOON + 2)
    assert [report.at for report in reports(queries)] == [NOON + 2]


def test_gaps_of_the_sessions_that_began_since(archive: Archive, queries: Queries) -> None:
    archive.commit(
        Batch(
            sessions=(
                session("before", started_at=NOON - 1, gaps=9),
                session("one", started_at=NOON, gaps=2),
                session("two", started_at=NOON + 5, gaps=3),
                session("whole", started_at=NOON + 6),
            )
        )
    )
    found = gaps_since(queries, NOON)
    assert (found.gaps, found.sessions) == (5, 2)
    assert gaps_since(queries, NOON + 7).gaps == 0


def test_how_the_database_is(archive: Archive, queries: Queries, engine: Engine) -> None:
    archive.commit(Batch(sessions=(session("one"), session("two"))))
    found = database_facts(queries)
    assert found.sessions == 2
    assert found.schema >= "0003"
    assert found.size > 0
    assert found.answer_ms > 0
    if engine.dialect.name == "sqlite":
        assert found.kind == "SQLite"
        assert found.wal is not None
        assert found.free is not None
        assert found.total is not None
        assert found.free < found.total
    else:
        assert (found.kind, found.wal, found.free) == ("PostgreSQL", None, None)


def test_a_database_that_is_not_there_says_so(url: str, reader: Engine) -> None:
    with pytest.raises(NotReady):
        database_facts(Queries(reader))
