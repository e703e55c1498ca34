"""Moving beside recording: calls go to their place by themselves, and a place that is away harms nothing."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from relayproxy.objects.folder import Folder
from relayproxy.objects.place import Listed, ObjectsError, Place
from relayproxy.recorder.background import background_thread, moving
from relayproxy.recorder.background.moving import MovingThread
from relayproxy.store import engine as engines
from relayproxy.store.engine import open_engine, writing
from relayproxy.store.schema.tables import leases
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.moving.sweeper import Sweeper
from relayproxy.store.write.object_deletions import note_object_deletions
from tests.patience import PATIENCE
from tests.peers.postgres import Server
from tests.recorder.stage import Stage, prompt, setup
from tests.store.build import said
from tests.store.moving import Objects, age, over

pytestmark = pytest.mark.in_database


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK", "AGAIN", "COUNT"):
        monkeypatch.setattr(moving, name, 0.05)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close()


@pytest.fixture
def objects(stage: Stage, tmp_path: Path) -> Objects:
    return Objects(stage.engine, tmp_path / "objects")


def until(right: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := right()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_calls_that_are_over_go_to_their_place(stage: Stage, objects: Objects) -> None:
    over(stage.archive, "a", 3)
    age(stage.engine)
    thread = MovingThread(stage.url, objects.place)
    try:
        until(lambda: thread.state.moved)
        over(stage.archive, "b", 3)
        age(stage.engine)
        until(lambda: thread.state.moved == 2 and thread.state.waiting == 0)
    finally:
        thread.close()
    assert len(objects.names()) == 2
    assert thread.state.place == objects.place.root
    assert list(stage.archive.messages("b")) == said(0, 3)


def test_a_place_that_cannot_be_listed_is_told_of_in_other_words_than_one_that_takes_nothing(
    stage: Stage, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_folder: Folder, _prefix: str) -> Iterator[Listed]:
        raise ObjectsError("it refuses")

    monkeypatch.setattr(moving, "FIRST_SWEEP", 0)
    monkeypatch.setattr(Folder, "list", refuse)
    over(stage.archive, "a", 3)
    age(stage.engine)
    thread = MovingThread(stage.url, objects.place)
    try:
        assert until(lambda: thread.state.problem) == "objects that no row names cannot be looked for: it refuses"
        assert thread.state.moved == 1
    finally:
        thread.close()


def test_what_has_moved_waits_no_longer_although_nothing_was_counted_since(
    stage: Stage, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "COUNT", 1e9)
    over(stage.archive, "a", 3)
    age(stage.engine)
    thread = MovingThread(stage.url, objects.place)
    try:
        until(lambda: thread.state.moved)
        assert (thread.state.waiting, thread.state.waiting_since) == (0, None)
    finally:
        thread.close()


def test_a_place_that_is_away_is_told_of_while_recording_goes_on_and_gets_all_once_it_is_back(
    stage: Stage, objects: Objects, tmp_path: Path
) -> None:
    objects.folder.write_text("")
    over(stage.archive, "a", 3)
    age(stage.engine)
    thread = MovingThread(stage.url, objects.place)
    try:
        until(lambda: thread.state.problem and thread.state.waiting)
        assert thread.state.problem_at
        assert thread.state.waiting_since

        journal, recorder = stage.journal(), stage.recorder()
        call = journal.call(opened_at=time.time_ns())
        call.twilio(setup())
        call.twilio(prompt("hello"))
        call.end()
        recorder.play()
        recorder.commit()
        assert stage.stored(call.id).texts()[-1] == prompt("hello")

        objects.folder.unlink()
        until(lambda: thread.state.moved == 1 and thread.state.problem is None and thread.state.waiting == 0)
    finally:
        thread.close()


def test_what_is_to_be_deleted_goes_although_nothing_is_moved_any_more(stage: Stage, objects: Objects) -> None:
    over(stage.archive, "a", 3)
    objects.move()
    with writing(stage.engine).begin() as db:
        note_object_deletions(db, objects.names(), 1)
    thread = MovingThread(stage.url, None)
    try:
        until(lambda: not objects.names())
    finally:
        thread.close()
    assert thread.state.place is None


def test_objects_that_no_row_names_are_looked_for(
    stage: Stage, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "FIRST_SWEEP", 0.0)
    id = objects.known.id
    objects.known.objects.put(f"{id}/or/phan", b"x")
    objects.older(f"{id}/or/phan", 2 * 86_400)
    thread = MovingThread(stage.url, objects.place)
    try:
        until(lambda: not objects.names())
    finally:
        thread.close()


def test_a_database_that_is_away_is_waited_for(tmp_path: Path) -> None:
    stage = Stage(tmp_path, migrated=False)
    thread = MovingThread(stage.url, Place((tmp_path / "objects").as_uri()))
    try:
        until(lambda: thread.state.problem)
    finally:
        thread.close()
        stage.close()
    assert "migrate" in str(thread.state.problem)


@pytest.mark.parametrize("brief", [1e9, 0.0])
def test_a_database_that_is_locked_for_a_moment_is_no_problem(
    stage: Stage, objects: Objects, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, brief: float
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT", 0.01)
    monkeypatch.setattr(background_thread, "BRIEF", brief)
    looks, delete_noted = count(1), Sweeper.delete_noted
    third = threading.Event()

    def counted(self: Sweeper) -> int:
        if next(looks) == 3:
            third.set()
        return delete_noted(self)

    monkeypatch.setattr(Sweeper, "delete_noted", counted)
    over(stage.archive, "a", 3)
    age(stage.engine)
    with writing(stage.engine).begin():
        thread = MovingThread(stage.url, objects.place)
        assert third.wait(PATIENCE)
        locked = (thread.state.problem, "stay where they are (database: database is locked)" in caplog.text)
    try:
        until(lambda: thread.state.moved == 1 and thread.state.problem is None)
    finally:
        thread.close()
    assert locked == ((None, False) if brief else ("database: database is locked", True))


def test_of_several_recorders_on_a_server_one_moves_and_another_takes_over(postgres: Server, tmp_path: Path) -> None:
    url = postgres.migrated()
    engine = open_engine(url)
    archive, objects = Archive(engine), Objects(engine, tmp_path / "objects")
    over(archive, "a", 3)
    age(engine)
    first = MovingThread(url, objects.place)
    until(lambda: first.state.moved)
    second = MovingThread(url, objects.place)
    over(archive, "b", 3)
    age(engine)
    until(lambda: first.state.moved == 2)
    first.close()
    over(archive, "c", 3)
    age(engine)
    until(lambda: second.state.moved)
    second.close()
    assert (first.state.moved, second.state.moved) == (2, 1)
    with engine.connect() as db:
        assert db.execute(text("SELECT count(*) FROM recordings WHERE object IS NOT NULL")).scalar_one() == 3
    engine.dispose()


def test_who_no_longer_moves_tells_no_more_of_what_waits(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "LEASE", 0.1)
    url = postgres.migrated()
    engine = open_engine(url)
    objects = Objects(engine, tmp_path / "objects")
    over(Archive(engine), "a", 3)
    age(engine)
    objects.folder.write_text("")  # where it cannot go
    thread = MovingThread(url, objects.place)
    try:
        until(lambda: thread.state.waiting)
        with writing(engine).begin() as db:
            db.execute(update(leases).values(owner="another", until=2**62))
        until(lambda: not thread.state.waiting and thread.state.problem is None)
        assert thread.state.waiting_since is None
    finally:
        thread.close()
        engine.dispose()
