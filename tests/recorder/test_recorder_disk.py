"""The play loop beside journals with which something is wrong: what is wrong with one is nothing to do with others."""

from pathlib import Path

import pytest

from relayproxy.journal.segments import size_of
from relayproxy.recorder.backlog import Backlog
from relayproxy.recorder.heartbeat import journals
from tests.permissions import bound_by_permissions
from tests.recorder.stage import Stage, prompt, setup


def test_a_journal_that_may_not_be_looked_into_holds_up_no_other(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    another, journal = stage.journal(), stage.journal()
    locked_up = another.call(connection_id="2" * 32)
    locked_up.twilio(setup("VX2", "CA2"))
    call = journal.call()
    call.twilio(setup())
    another.path.chmod(0)
    recorder = stage.recorder()
    with bound_by_permissions():
        recorder.finish()
        places = recorder.heartbeat().places
        assert [one.id for one in journals(stage.journals, places)] == [journal.path.name]
        assert Backlog().age(places) == 0
        assert size_of(stage.journals) == (journal.path / "00000001.seg").stat().st_size
    assert len(stage.stored(call.id).texts()) == 1
    assert stage.archive.session(locked_up.id) is None
    assert f"journal {another.path.name}: [Errno 13] Permission denied" in caplog.text

    another.path.chmod(0o700)
    with bound_by_permissions():
        recorder.finish()
    assert len(stage.stored(locked_up.id).texts()) == 1


def test_what_a_file_system_keeps_in_a_folder_is_no_journal(stage: Stage) -> None:
    call = stage.journal().call()
    call.twilio(setup())
    (stage.journals / "lost+found").mkdir(mode=0)
    recorder = stage.recorder()
    with bound_by_permissions():
        recorder.finish()
        assert size_of(stage.journals) > 0
    assert len(stage.stored(call.id).texts()) == 1


def test_a_journal_that_could_not_be_deleted_is_once_it_can_be(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    call.end()
    foreign = journal.path / "notes.txt"
    foreign.touch()
    journal.die()
    recorder = stage.recorder()
    recorder.finish()
    recorder.finish()
    assert [row.id for row in stage.archive.journals()] == [journal.path.name]

    foreign.unlink()
    recorder.finish()
    assert not journal.path.exists()
    assert stage.archive.journals() == ()
    assert recorder.played.journals == 1
    assert len(stage.stored(call.id).texts()) == 1


def test_the_calls_of_a_dead_relay_end_although_its_folder_could_not_be_looked_at_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    call.twilio(prompt("hello"))
    recorder = stage.recorder()
    recorder.finish()
    journal.die()
    with monkeypatch.context() as context:
        context.setattr(Path, "exists", _fails)
        recorder.play()
    recorder.finish()
    assert stage.stored(call.id).session.ended_at is not None
    assert not journal.path.exists()


def _fails(_: Path) -> bool:
    raise OSError("I/O error")
