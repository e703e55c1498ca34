"""Deleting objects: those whose rows went, those that no row ever named, and never one that is needed."""

import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import ObjectsError
from relayproxy.store.engine import writing
from relayproxy.store.read.erasures import open_erasures, read_erasure, sought_session
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.erasures import order
from relayproxy.store.write.moving import sweeper
from relayproxy.store.write.moving.places import give_up_place
from relayproxy.store.write.moving.sweeper import SAFE
from relayproxy.store.write.object_deletions import note_object_deletions
from tests.store.build import said
from tests.store.moving import Objects, over
from tests.store.write.deleting import MONTH, days_ago, deleter

pytestmark = pytest.mark.in_database

DAY = SAFE / 1e9


@pytest.fixture
def objects(engine: Engine, tmp_path: Path) -> Objects:
    return Objects(engine, tmp_path / "objects")


def test_retention_takes_the_objects_of_what_it_deletes(archive: Archive, engine: Engine, objects: Objects) -> None:
    over(archive, "old", 3)
    over(archive, "new", 3)
    objects.move()
    with engine.begin() as db:
        db.execute(
            text(f"UPDATE sessions SET started_at = {time.time_ns()}, ended_at = {time.time_ns()} WHERE id = 'new'")
        )
    deleter(engine).retain(MONTH)
    assert objects.sweeper.noted() == 1
    assert objects.delete_noted() == 1
    assert ["/new." in key for key in objects.names()] == [True]
    assert list(archive.messages("new")) == said(0, 3)


def test_an_erasure_is_not_done_before_its_objects_are_gone(archive: Archive, engine: Engine, objects: Objects) -> None:
    over(archive, "a", 3)
    over(archive, "b", 3)
    objects.move()
    with writing(engine).begin() as db:
        id = order(db, sought_session("a"), 1, "alice", "", time.time_ns())
        db.execute(text("DELETE FROM object_deletions"))
    objects.hide()
    work = deleter(engine)
    # What came before must have been recorded: no recorder is expected here.
    assert work.erase() == 1
    with engine.connect() as db:
        receipt = read_erasure(db, id)
    assert receipt is not None
    assert (receipt.sessions, receipt.objects, receipt.done_at) == (1, 1, None)
    with pytest.raises(ObjectsError):
        objects.delete_noted()
    assert work.erase() == 1

    objects.show()
    assert objects.delete_noted() == 1
    assert ["/b." in key for key in objects.names()] == [True]
    while work.erase():
        time.sleep(0)
    with engine.connect() as db:
        receipt = read_erasure(db, id)
        assert open_erasures(db) == []
    assert receipt is not None
    assert receipt.done_at is not None
    assert receipt.objects == 0


def test_an_erasure_waits_for_what_retention_had_noted_before(
    archive: Archive, engine: Engine, objects: Objects
) -> None:
    over(archive, "a", 3)
    objects.move()
    with engine.begin() as db:
        db.execute(text(f"UPDATE sessions SET started_at = {days_ago(40)}, ended_at = {days_ago(40)}"))
    work = deleter(engine)
    work.retain(MONTH)
    assert objects.sweeper.noted() == 1
    with writing(engine).begin() as db:
        id = order(db, sought_session("a"), 1, "alice", "", time.time_ns())
    assert work.erase() == 1
    with engine.connect() as db:
        receipt = read_erasure(db, id)
    assert receipt is not None
    assert (receipt.sessions, receipt.objects) == (1, 1)


def test_what_lay_at_a_place_that_was_given_up_is_waited_for_by_nobody(
    archive: Archive, engine: Engine, objects: Objects
) -> None:
    over(archive, "a", 3)
    over(archive, "b", 3)
    objects.move()
    lost = objects.known
    give_up_place(engine, lost)
    with writing(engine).begin() as db:
        id = order(db, sought_session("a"), 1, "alice", "", time.time_ns())
    work = deleter(engine)
    assert work.erase() == 1
    work.retain(MONTH)
    assert objects.sweeper.noted() == 2

    assert objects.delete_noted() == 0
    assert objects.sweeper.noted() == 0
    while work.erase():
        time.sleep(0)
    with engine.connect() as db:
        receipt = read_erasure(db, id)
    assert receipt is not None
    assert receipt.done_at is not None
    assert receipt.without == (lost.id,)


def test_another_folder_in_its_stead_has_not_deleted_anything(
    archive: Archive, engine: Engine, objects: Objects
) -> None:
    over(archive, "a", 3)
    objects.move()
    (key,) = objects.names()
    with writing(engine).begin() as db:
        note_object_deletions(db, [key], 1)
    objects.hide()
    objects.folder.unlink()
    objects.folder.mkdir()
    with pytest.raises(ObjectsError, match="is not the place"):
        objects.delete_noted()
    with pytest.raises(ObjectsError, match="is not the place"):
        objects.sweeper.sweep()
    assert objects.sweeper.noted() == 1


def test_of_several_places_one_that_is_away_does_not_hold_up_the_others(
    archive: Archive, engine: Engine, tmp_path: Path
) -> None:
    first, second = Objects(engine, tmp_path / "1" / "objects"), Objects(engine, tmp_path / "2" / "objects")
    over(archive, "a", 3)
    first.move()
    over(archive, "b", 3)
    second.move()
    deleted = [*first.names(), *second.names()]
    with writing(engine).begin() as db:
        note_object_deletions(db, deleted, 1)
    away, there = sorted((first, second), key=lambda one: one.known.id)
    away.hide()
    with pytest.raises(ObjectsError):
        there.delete_noted()
    assert there.names() == []
    away.show()
    assert there.delete_noted() == 1
    assert away.names() == []


def test_what_no_row_names_goes_once_it_is_old_enough_and_nothing_else(
    archive: Archive, engine: Engine, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "KEYS", 5)
    for number in range(4):
        over(archive, f"c{number}", 3)
    objects.move()
    store, id = open_objects(objects.place), objects.known.id
    named = objects.names()
    orphans = [f"{id}/or/orphan.{number}.x.jsonl.gz" for number in range(8)]
    for key in (*orphans, f"{id}/or/fresh", "somebody/elses"):
        store.put(key, b"x")
    for key in (*orphans, *named, "somebody/elses"):
        objects.older(key, DAY + 60)
    objects.older(f"{id}/or/fresh", DAY - 60)

    assert objects.sweeper.sweep() == len(orphans)
    assert objects.sweeper.sweep() == 0  # all of them are noted
    assert objects.delete_noted() == len(orphans)
    assert objects.names() == sorted([*named, f"{id}/or/fresh"])
    assert store.get("somebody/elses") == b"x"
    assert list(archive.messages("c0")) == said(0, 3)


def test_the_clock_of_this_machine_makes_no_object_old(
    archive: Archive, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(archive, "a", 3)
    objects.move()
    key = f"{objects.known.id}/or/phan"
    open_objects(objects.place).put(key, b"x")
    ahead = time.time_ns() + 9 * SAFE
    monkeypatch.setattr(time, "time_ns", lambda: ahead)
    assert objects.sweeper.sweep() == 0
