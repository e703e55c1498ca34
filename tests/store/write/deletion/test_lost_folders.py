"""Data folders that the database knows, and forgetting one."""

import time
from dataclasses import replace

from sqlalchemy import Engine, text

from relayproxy.store.engine import writing
from relayproxy.store.read.erasures import read_erasures, sought_number
from relayproxy.store.read.health.heartbeat import Heartbeat, HeartbeatWriter, recorded_until
from relayproxy.store.schema.rows import Batch, JournalRow
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.erasures import order
from relayproxy.store.write.deletion.lost_folders import Folder, folders, forget_folder, note_lost
from tests.store.write.deleting import days_ago, spoken

FAR = time.time_ns() + 10**15


def told(engine: Engine, recorder: str, host: str, at: int) -> None:
    beat = Heartbeat("1", host, 1, at, "/data", recorder=recorder)
    HeartbeatWriter(engine).write(f"recorder:{host}", beat, at)


def test_folders_are_known_by_what_they_recorded_and_what_they_told(engine: Engine) -> None:
    assert folders(engine) == []
    before = time.time_ns()
    Archive(engine, "aa").commit(Batch(journals=(JournalRow("j1", 1, 1),)))
    spoken(Archive(engine, "aa"), days_ago(0.01), live=True)
    told(engine, "bb", "relay-2", FAR)

    found = folders(engine)

    assert found[0] == Folder("bb", "relay-2", "/data", FAR, 0)
    assert found[1] == Folder("aa", "", "", found[1].at, 1)
    assert before < found[1].at < FAR
    assert [str(one) for one in found] == ["relay-2:/data (bb)", "aa"]
    told(engine, "aa", "relay-1", 1)
    assert folders(engine)[1] == replace(found[1], host="relay-1", path="/data")


def test_open_erasures_say_that_it_was_not_reached_and_do_not_wait_for_it(engine: Engine) -> None:
    Archive(engine, "aa").commit(Batch(journals=(JournalRow("j1", 1, 1),)))
    Archive(engine, "bb").commit(Batch(journals=(JournalRow("j2", 1, 1),)))
    told(engine, "aa", "relay-1", FAR)
    told(engine, "bb", "relay-2", 1)
    with writing(engine).begin() as db:
        order(db, sought_number("+15550100001"), 0, "alice", "", time.time_ns())
        assert recorded_until(db) < 1
    lost = folders(engine)[-1]

    assert note_lost(engine, lost) == 1
    assert note_lost(engine, lost) == 1
    forget_folder(engine, lost)

    with engine.connect() as db:
        assert [one.without for one in read_erasures(db, 10)] == [(str(lost),)]
        assert recorded_until(db) > time.time_ns()
        assert db.execute(text("SELECT id FROM journals")).scalars().all() == ["j1"]
    assert [one.name for one in folders(engine)] == ["aa"]
