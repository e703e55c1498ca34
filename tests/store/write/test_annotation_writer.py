"""What people write is durable, and nothing is made where there is nothing."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select

from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.errors import AwayError, NotReady
from relayproxy.store.schema.tables import audit, notes
from relayproxy.store.write import annotation_writer as pens
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.audit import AuditEntry, add_entries
from tests.databases import migrated
from tests.store.kinds import SQLITE


def test_a_transaction_is_whole_or_not_at_all(engine: Engine) -> None:
    writer = AnnotationWriter(engine)
    note = {"session": "a", "at": 1, "author": "ada", "text": "look at this"}
    with writer.writing() as db:
        db.execute(insert(notes), note)
    with pytest.raises(KeyError), writer.writing() as db:
        db.execute(insert(notes), note)
        raise KeyError
    with engine.connect() as db:
        assert [row.text for row in db.execute(select(notes))] == ["look at this"]


@SQLITE
def test_a_file_in_the_place_of_another_is_the_one_that_is_written(url: str, tmp_path: Path) -> None:
    migrated(url)
    writer = AnnotationWriter(open_engine(url, create=False))
    note = {"session": "a", "at": 1, "author": "ada", "text": "before"}
    with writer.writing() as db:
        db.execute(insert(notes), note)
    for part in (tmp_path / "data").iterdir():
        part.unlink()
    migrated(url)

    with writer.writing() as db:
        db.execute(insert(notes), {**note, "text": "after"})

    writer.close()
    reader = open_reader(url)
    with reader.connect() as db:
        assert [row.text for row in db.execute(select(notes))] == ["after"]
    reader.dispose()


def test_people_write_one_after_the_other(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pens, "BUSY_TIMEOUT", 0.01)
    writer = AnnotationWriter(engine)
    with writer.writing(), pytest.raises(AwayError, match="others are writing"), writer.writing():
        pass
    with writer.writing() as db:
        assert db.execute(select(notes)).all() == []


async def test_who_writes_does_not_wait_until_others_have_read(engine: Engine) -> None:
    read, loop, writer = threading.Event(), asyncio.get_running_loop(), AnnotationWriter(engine)
    readers = ThreadPoolExecutor(1)
    loop.set_default_executor(readers)
    reading = asyncio.ensure_future(asyncio.to_thread(read.wait))

    await writer.run(add_entries, [AuditEntry(1, "ada", "export", "a", "")])

    assert not reading.done()
    read.set()
    await reading
    with engine.connect() as db:
        assert db.execute(select(audit.c.actor)).scalars().all() == ["ada"]


def test_without_a_database_there_is_none_afterwards(tmp_path: Path) -> None:
    writer = AnnotationWriter(open_engine(f"sqlite:///{tmp_path}/data/relayproxy.db"))
    with pytest.raises(NotReady, match="relayproxy migrate"), writer.writing():
        pass
    writer.close()
    assert not (tmp_path / "data").exists()
