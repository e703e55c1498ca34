"""Retention and erasures beside recording: by the recorder's process, to the journal, across restarts."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from relayproxy.journal.segments import segment_path
from relayproxy.recorder.background import background_thread
from relayproxy.recorder.background import deletion as deleting
from relayproxy.recorder.background.deletion import DeletionThread
from relayproxy.store import engine as engines
from relayproxy.store.engine import open_engine, writing
from relayproxy.store.read.erasures import read_erasures, sought_number, sought_session
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deleter import Deleter
from relayproxy.store.write.deletion.erasures import order
from tests.patience import PATIENCE
from tests.peers.postgres import Server
from tests.recorder.stage import NOON, Stage, prompt, setup, token
from tests.store.write.deleting import days_ago, spoken


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close()


@pytest.fixture
def deletion(stage: Stage) -> Iterator[DeletionThread]:
    thread = DeletionThread(stage.url, stage.journals, {"": (0.0, 0.0)})
    yield thread
    thread.close()


def until(right: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := right()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def erase(stage: Stage, sought: Any) -> None:
    with writing(stage.engine).begin() as db:
        order(db, sought, 0, "alice", "", time.time_ns())


def erased(stage: Stage) -> int:
    with stage.engine.connect() as db:
        return sum(one.sessions for one in read_erasures(db, 10))


def test_an_erased_call_is_overwritten_in_the_journal_that_still_holds_it(
    stage: Stage, deletion: DeletionThread
) -> None:
    journal, now = stage.journal(), time.time_ns()
    recorder = stage.recorder()
    secret = journal.call(opened_at=now)
    secret.twilio(setup("VX1", "CA1"))
    secret.backend(token("good evening, Mr. Quagmire", last=True))
    secret.end()
    kept = journal.call(opened_at=now)
    kept.twilio(setup("VX2", "CA2", **{"from": "+15550100009"}))
    kept.backend(token("good evening", last=True))
    recorder.play()
    recorder.commit()
    file = segment_path(journal.path, 1)
    assert b"Quagmire" in file.read_bytes()

    erase(stage, sought_session("VX1"))
    until(lambda: b"Quagmire" not in file.read_bytes() and erased(stage) == 1)

    kept.backend(token("and good bye", last=True))
    kept.end()
    recorder.play()
    recorder.commit()
    assert stage.archive.session(secret.id) is None
    assert "and good bye" in str(stage.stored(kept.id).texts())
    assert stage.gaps() == []


def test_a_call_that_is_erased_while_it_lives_goes_when_it_ends_and_what_twilio_goes_on_with_too(
    stage: Stage, deletion: DeletionThread
) -> None:
    journal, now = stage.journal(), time.time_ns()
    recorder = stage.recorder()
    call = journal.call(opened_at=now)
    call.twilio(prompt("before it says who it is"))
    recorder.play()
    recorder.commit()
    erase(stage, sought_number("+15550100001"))
    call.twilio(setup("VX1", "CA1"))
    recorder.play()
    recorder.commit()
    assert stage.archive.session(call.id) is not None

    call.end()
    recorder.play()
    recorder.commit()
    until(lambda: erased(stage) == 1)
    assert stage.archive.session(call.id) is None

    again = journal.call(opened_at=time.time_ns())
    again.twilio(setup("VX1", "CA1"))
    again.end()
    stage.recorder().play()
    recorder.play()
    recorder.commit()
    until(lambda: erased(stage) == 2)
    assert stage.archive.session(again.id) is None
    assert stage.archive.sessions() == 0


def test_a_call_that_goes_on_after_its_first_part_was_erased_does_not_bring_it_back(stage: Stage) -> None:
    journal, now = stage.journal(), time.time_ns()
    recorder = stage.recorder()
    for number in range(3):  # joined before: such sessions rest in memory
        part = journal.call(opened_at=now + number)
        part.twilio(setup("VX1", "CA1", callerName="Quagmire"))
        part.end()
        recorder.play()
        recorder.commit()
    erase(stage, sought_session("VX1"))
    deleter = Deleter(stage.engine, lambda _seconds: True)
    deleter.erase()
    assert stage.archive.sessions() == 0

    late = journal.call(opened_at=now + 10)
    late.twilio(json_without_setup("VX1"))
    late.end()
    recorder.play()
    recorder.commit()

    assert "Quagmire" not in str([stage.archive.session(id) for id in stage.archive.session_ids()])
    assert all(stage.archive.session(id).turns == 0 for id in stage.archive.session_ids())  # type: ignore[union-attr]


def json_without_setup(vx: str) -> str:
    return f'{{"type": "info", "sessionId": "{vx}", "callSid": "CA1"}}'


def test_what_is_due_goes_and_is_reported(stage: Stage) -> None:
    journal = stage.journal()
    recorder = stage.recorder()
    call = journal.call(opened_at=NOON)
    call.twilio(setup())
    call.end()
    old = journal.call(opened_at=time.time_ns() - 40 * 86_400 * 10**9)
    old.twilio(setup("VX2", "CA2"))
    old.end()
    recorder.play()
    recorder.commit()

    thread = DeletionThread(stage.url, stage.journals, {"": (30.0, 400.0)})
    try:
        until(lambda: thread.state.ran_at)
    finally:
        thread.close()

    assert (thread.state.content, thread.state.sessions, thread.state.due) == (1, 0, 0)
    assert stage.stored(old.id).session.content_deleted_at
    assert stage.stored(call.id).session.content_deleted_at is None


def test_a_clock_that_is_set_forward_makes_no_call_old(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = stage.journal()
    recorder = stage.recorder()
    call = journal.call(opened_at=time.time_ns() - 40 * 86_400 * 10**9)
    call.twilio(setup())
    call.end()
    recorder.play()
    recorder.commit()
    ahead = iter([0.0])
    monkeypatch.setattr(deleting, "wall_ahead", lambda: next(ahead, 45 * 86_400.0))

    thread = DeletionThread(stage.url, stage.journals, {"": (30.0, 400.0)})
    try:
        until(lambda: thread.state.problem)
        assert "clock was set forward by 45 days" in str(thread.state.problem)
        assert stage.stored(call.id).session.content_deleted_at is None
    finally:
        thread.close()


def test_a_database_that_is_away_is_waited_for(tmp_path: Path) -> None:
    stage = Stage(tmp_path, migrated=False)
    thread = DeletionThread(stage.url, stage.journals, {"": (30.0, 400.0)})
    try:
        until(lambda: thread.state.problem)
    finally:
        thread.close()
        stage.close()

    assert "migrate" in str(thread.state.problem)


@pytest.mark.parametrize("brief", [1e9, 0.0])
def test_a_database_that_is_locked_for_a_moment_is_no_problem(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, brief: float
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT", 0.01)
    monkeypatch.setattr(background_thread, "BRIEF", brief)
    for name in ("LOOK", "AGAIN"):
        monkeypatch.setattr(deleting, name, 0.01)
    looks, check = count(1), Deleter.check
    third = threading.Event()

    def counted(self: Deleter) -> None:
        if next(looks) == 3:
            third.set()
        check(self)

    monkeypatch.setattr(Deleter, "check", counted)
    spoken(stage.archive, days_ago(1))
    erase(stage, sought_number("+15550100001"))
    with writing(stage.engine).begin():
        thread = DeletionThread(stage.url, stage.journals, {"": (0.0, 0.0)})
        assert third.wait(PATIENCE)
        locked = (thread.state.problem, "erasures wait (database: database is locked)" in caplog.text)
    try:
        until(lambda: erased(stage) == 1 and thread.state.problem is None)
    finally:
        thread.close()
    assert locked == ((None, False) if brief else ("database: database is locked", True))


def test_of_several_recorders_on_a_server_each_erases_and_every_call_is_counted_once(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.migrated()
    engine = open_engine(url)
    archive = Archive(engine)
    for n in range(12):
        spoken(archive, days_ago(1 + n / 10))
    with writing(engine).begin() as db:
        order(db, sought_number("+15550100001"), 12, "alice", "", time.time_ns())
    threads = [DeletionThread(url, tmp_path / "journal", {"": (30.0, 400.0)}) for _ in range(2)]

    def done() -> list[int] | None:
        with engine.connect() as db:
            found = read_erasures(db, 10)
        return [one.sessions for one in found] if all(one.done_at for one in found) else None

    try:
        assert until(done) == [12]
        until(lambda: all(thread.state.ran_at for thread in threads))
    finally:
        for thread in threads:
            thread.close()
    assert archive.sessions() == 0
    assert [thread.state.problem for thread in threads] == [None, None]
    engine.dispose()
