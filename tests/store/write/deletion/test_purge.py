"""Purging: what was deleted leaves the files, in short steps, with readers in the way or without."""

from sqlalchemy import Engine, text

from relayproxy.store.engine import open_reader, writing
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion import purge as purging
from relayproxy.store.write.deletion.deletion import Deletion
from relayproxy.store.write.deletion.purge import merge, merge_in_steps, purge
from tests.store.kinds import SQLITE
from tests.store.write.deleting import WORD, days_ago, files_with, spoken


def deleted(archive: Archive, engine: Engine) -> None:
    for _ in range(20):
        call = spoken(archive, days_ago(1))
        with writing(engine).begin() as db:
            Deletion(call.id, whole=True).work(db, lambda: False)


@SQLITE
def test_what_was_deleted_stands_in_older_parts_of_the_index_until_they_are_merged(
    archive: Archive, engine: Engine, url: str
) -> None:
    deleted(archive, engine)
    assert files_with(url, WORD)
    rests: list[float] = []

    def rest(seconds: float) -> bool:
        rests.append(seconds)
        return True

    assert purge(engine, rest)

    assert files_with(url, WORD) == []
    assert len(rests) > 3
    with engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA freelist_count").scalar_one() == 0
        assert db.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"


@SQLITE
def test_the_index_of_words_is_merged_in_steps_and_never_within_a_commit(archive: Archive, engine: Engine) -> None:
    def segments() -> int:
        with engine.connect() as db:
            return int(db.execute(text("SELECT count(DISTINCT segid) FROM turns_fts_idx")).scalar_one())

    merge_in_steps(engine)
    for _ in range(12):
        spoken(archive, days_ago(1))
    assert segments() > 6

    merge(engine, lambda _seconds: True)

    assert segments() < 4
    with engine.connect() as db:
        found = db.execute(text("SELECT count(*) FROM turns_fts WHERE turns_fts MATCH :word"), {"word": WORD})
        assert found.scalar_one() == 24


@SQLITE
def test_a_reader_of_an_older_state_is_waited_for(archive: Archive, engine: Engine, url: str) -> None:
    call = spoken(archive, days_ago(1))
    reader = open_reader(url)
    rests = 0
    with reader.connect() as db:
        assert db.execute(text("SELECT count(*) FROM sessions")).scalar_one() == 1
        with writing(engine).begin() as writer:
            Deletion(call.id, whole=True).work(writer, lambda: False)

        def rest(_seconds: float) -> bool:
            nonlocal rests
            rests += 1
            if rests > 20:
                db.rollback()
            return rests < 1000

        assert purge(engine, rest)
    reader.dispose()

    assert rests > 20
    assert files_with(url, WORD) == []


@SQLITE
def test_it_ends_when_it_is_told_to(archive: Archive, engine: Engine) -> None:
    deleted(archive, engine)

    assert not purge(engine, lambda _seconds: False)
    assert purging.MERGED < 64, "a step is short"


def test_a_server_does_it_by_itself(archive: Archive, engine: Engine) -> None:
    deleted(archive, engine)

    assert purge(engine, lambda _seconds: engine.dialect.name == "sqlite")
