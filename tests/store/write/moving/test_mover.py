"""Moving recordings into objects and back: what is moved when, and what is there at every moment."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from relayproxy.objects.folder import Folder
from relayproxy.objects.place import ObjectsError
from relayproxy.store.engine import writing
from relayproxy.store.read.erasures import RECONNECT
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deletion import Deletion
from relayproxy.store.write.moving import mover as moving
from relayproxy.store.write.moving.mover import Brought, Mover, Waiting
from relayproxy.store.write.moving.places import give_up_place
from tests.store.build import said
from tests.store.moving import LONG_AGO, Objects, age, over

pytestmark = pytest.mark.in_database


@pytest.fixture
def objects(engine: Engine, tmp_path: Path) -> Objects:
    return Objects(engine, tmp_path / "objects")


def rows(engine: Engine) -> list[Any]:
    query = "SELECT connection, part, length(lines), object, sha256 FROM recordings ORDER BY connection, part"
    with engine.connect() as db:
        return [tuple(row) for row in db.execute(text(query))]


def noted(engine: Engine) -> list[str]:
    with engine.connect() as db:
        return [*db.execute(text("SELECT object FROM object_deletions")).scalars()]


def test_the_row_names_the_object_with_its_hash_and_has_no_bytes_any_more(
    archive: Archive, engine: Engine, objects: Objects
) -> None:
    over(archive, "abc", 3)
    over(archive, "b", 3)
    with engine.connect() as db:
        before = {row[0]: bytes(row[1]) for row in db.execute(text("SELECT connection, lines FROM recordings"))}
    assert objects.move() == 2
    assert objects.move() == 0
    for connection, part, size, key, sha256 in rows(engine):
        content = (objects.folder / key).read_bytes()
        assert content == before[connection]
        assert (part, size, sha256) == (0, 0, hashlib.sha256(content).hexdigest())
        assert key.startswith(f"{objects.known.id}/{connection[:2]}/{connection}.0.")
    assert sorted(key for *_, key, _ in rows(engine)) == objects.names()
    assert list(archive.messages("abc")) == said(0, 3)


def test_calls_that_live_or_that_twilio_may_take_up_again_stay_in_the_database(
    archive: Archive, engine: Engine, objects: Objects
) -> None:
    now = time.time_ns()
    over(archive, "lives", 3, ended_at=None)
    over(archive, "just-over", 3, ended_at=now - RECONNECT)
    over(archive, "over", 3, ended_at=now - moving.OVER - 10**9)
    over(archive, "sealed-just-now", 3)
    with engine.begin() as db:
        db.execute(
            text(f"UPDATE recordings SET sealed_at = sealed_at - {moving.OVER} WHERE connection <> 'sealed-just-now'")
        )
    assert objects.mover.move_out(objects.known) == 1
    assert [row[0] for row in rows(engine) if row[3]] == ["over"]


def test_what_an_earlier_version_stored_is_moved_too(archive: Archive, engine: Engine, objects: Objects) -> None:
    over(archive, "old", 3)
    over(archive, "new", 3)
    with engine.begin() as db:
        db.execute(text("UPDATE recordings SET sealed_at = NULL WHERE connection = 'old'"))
    assert objects.mover.waiting() == Waiting(1, None)
    assert objects.move() == 2


def test_what_waits_is_counted_with_the_time_of_the_first(archive: Archive, engine: Engine, objects: Objects) -> None:
    assert objects.mover.waiting() == Waiting(0, None)
    for id in ("a", "b"):
        over(archive, id, 3)
    with engine.begin() as db:
        db.execute(text(f"UPDATE recordings SET sealed_at = {LONG_AGO} WHERE connection = 'a'"))
        db.execute(text(f"UPDATE recordings SET sealed_at = {LONG_AGO + 5} WHERE connection = 'b'"))
    assert objects.mover.waiting() == Waiting(2, LONG_AGO)


def test_nothing_goes_to_a_place_that_was_given_up(archive: Archive, engine: Engine, objects: Objects) -> None:
    over(archive, "a", 3)
    age(engine)
    known = objects.known
    give_up_place(engine, known)
    with pytest.raises(ObjectsError, match="was given up as lost"):
        objects.mover.move_out(known)

    assert objects.names() == []
    assert list(archive.messages("a")) == said(0, 3)
    assert objects.known != known
    assert objects.move() == 1


def test_a_place_that_is_given_up_while_something_is_written_there_gets_nothing(
    archive: Archive, engine: Engine, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(archive, "a", 3)
    age(engine)
    known = objects.known
    get = Folder.get

    def late(self: Folder, key: str) -> bytes:
        if key.endswith(".gz"):
            give_up_place(engine, known)
        return get(self, key)

    monkeypatch.setattr(Folder, "get", late)
    assert objects.mover.move_out(known) == 0
    assert list(archive.messages("a")) == said(0, 3)


def test_while_the_place_is_away_everything_stays_and_goes_when_it_is_back(
    archive: Archive, engine: Engine, objects: Objects
) -> None:
    over(archive, "a", 3)
    known = objects.known
    objects.hide()
    with pytest.raises(ObjectsError):
        objects.mover.waiting()
        objects.mover.move_out(known)
        objects.move()
    assert [row[3] for row in rows(engine)] == [None]
    assert list(archive.messages("a")) == said(0, 3)
    objects.show()
    assert objects.move() == 1


def test_of_many_parts_those_that_were_written_before_a_place_failed_are_moved(
    archive: Archive, engine: Engine, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        over(archive, f"c{number:02}", 3)
    put, times = Folder.put, iter(range(100))

    def fail_later(store: Folder, key: str, content: bytes) -> None:
        if next(times) >= 12:
            raise ObjectsError("it is full")
        put(store, key, content)

    known = objects.known
    monkeypatch.setattr(Folder, "put", fail_later)
    with pytest.raises(ObjectsError, match="it is full"):
        objects.move()
    monkeypatch.undo()
    moved = sum(row[3] is not None for row in rows(engine))
    assert moved == 12 == len(objects.names())
    assert objects.move() == 8
    assert known == objects.known


def test_a_place_that_gives_something_else_than_was_written_is_not_trusted(
    archive: Archive, engine: Engine, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(archive, "a", 3)
    known, get = objects.known, Folder.get
    monkeypatch.setattr(Folder, "get", lambda store, key: get(store, key) if "/a." not in key else b"broken")
    with pytest.raises(ObjectsError, match="gives something else"):
        objects.move()
    assert [row[3] for row in rows(engine)] == [None]
    assert known


def test_a_call_that_is_deleted_while_it_is_moved_leaves_nothing(
    archive: Archive, engine: Engine, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(archive, "a", 3)
    put = Folder.put

    def put_and_delete(store: Folder, key: str, content: bytes) -> None:
        put(store, key, content)
        with writing(engine).begin() as db:
            Deletion("a", whole=True).work(db, lambda: False)

    objects.known  # noqa: B018 (makes it)
    monkeypatch.setattr(Folder, "put", put_and_delete)
    assert objects.move() == 0
    monkeypatch.undo()
    assert rows(engine) == []
    assert noted(engine) == objects.names() != []
    assert objects.delete_noted() == 1
    assert objects.names() == []


def test_two_movers_at_once_move_each_part_once(archive: Archive, engine: Engine, objects: Objects) -> None:
    for number in range(30):
        over(archive, f"c{number:02}", 3)
    known, other = objects.known, Mover(engine, lambda _seconds: True)
    with engine.begin() as db:
        db.execute(text("UPDATE recordings SET sealed_at = NULL"))
    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(lambda mover: mover.move_out(known), (objects.mover, other))) == 30
    objects.delete_noted()
    assert sorted(row[3] for row in rows(engine)) == objects.names()


def test_an_object_that_waited_too_long_for_its_row_is_not_named(
    archive: Archive, engine: Engine, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(archive, "a", 3)
    objects.known  # noqa: B018 (makes it)
    monkeypatch.setattr(moving, "VALID", -1.0)
    with engine.begin() as db:
        db.execute(text("UPDATE recordings SET sealed_at = NULL"))
    assert objects.mover.move_out(objects.known) == 0
    assert [row[3] for row in rows(engine)] == [None]
    assert noted(engine) == objects.names() != []


def test_everything_comes_back_and_is_what_it_was(archive: Archive, engine: Engine, objects: Objects) -> None:
    for id in ("a", "b", "c"):
        over(archive, id, 3)
    before = rows(engine)
    objects.move()
    assert objects.mover.count_elsewhere(None) == 3
    assert objects.mover.bring_back(objects.known) == Brought(0, None)
    objects.bring_back()
    assert objects.mover.count_elsewhere(None) == 0
    assert rows(engine) == before
    assert sorted(noted(engine)) == objects.names()
    assert objects.delete_noted() == 3
    assert objects.names() == []
    assert list(archive.messages("a")) == said(0, 3)


def test_what_cannot_be_fetched_stays_named(archive: Archive, engine: Engine, objects: Objects) -> None:
    over(archive, "a", 3)
    objects.move()
    before = rows(engine)
    objects.hide()
    with pytest.raises(Exception, match="cannot be fetched"):
        objects.mover.bring_back(None)
    assert rows(engine) == before


def test_what_is_gone_from_its_place_does_not_hold_up_the_others(
    archive: Archive, engine: Engine, objects: Objects
) -> None:
    for id in ("a", "b"):
        over(archive, id, 3)
    objects.move()
    gone, _ = objects.names()
    (objects.folder / gone).unlink()
    brought = objects.mover.bring_back(None)
    assert brought.parts == 1
    assert "is not there any more" in brought.missing[0]
    assert objects.mover.bring_back(None, brought.last or "") == Brought(0, None)
    assert [row[3] for row in rows(engine)] == [gone, None]


def test_a_connection_that_turns_out_to_be_kept_nowhere_takes_its_objects_with_it(
    archive: Archive, engine: Engine, objects: Objects
) -> None:
    over(archive, "a", 3)
    objects.move()
    archive.commit(Batch(dropped_connections=("a",)))
    assert rows(engine) == []
    assert noted(engine) == objects.names()
