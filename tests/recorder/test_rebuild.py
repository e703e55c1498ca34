"""Stored calls derived anew, beside a recorder or without one."""

import logging
import os
import pty
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from relayproxy.cli.main import main
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.errors import RelayproxyError
from relayproxy.recorder.rebuild import RebuildSummary, rebuild
from relayproxy.store import engine as engines
from relayproxy.store.engine import open_engine, writing
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.deletion.deletion import Deletion
from tests.forked import fork
from tests.patience import PATIENCE
from tests.recorder.stage import Call, Stage, Stored, prompt, setup, token


def talk(call: Call, vx: str = "VX1", latency: int = 2500) -> None:
    call.twilio(setup(vx))
    for word in ("one", "two"):
        call.twilio(prompt(word), after=1000)
        call.backend(token(f"{word}.", last=True), after=latency)


def anew(stage: Stage, *sessions: str, thresholds: Thresholds | None = None) -> RebuildSummary:
    *_, last = rebuild(Archive(stage.engine), sessions, lambda _route: thresholds or Thresholds())
    return last


def falsify(stage: Stage, stored: Stored) -> None:
    """As if an earlier version had derived something else."""
    first, *others = stored.turns
    stage.archive.commit(
        Batch(
            sessions=(replace(stored.session, outcome="unknown", response_p50_ms=1, warnings=0, detail="{}"),),
            turns=(replace(first, caller_text="somebody else"), *others[:-1], replace(first, number=9)),
            turn_counts=(),
        )
    )


@pytest.fixture
def ended(stage: Stage) -> Call:
    call = stage.journal().call()
    talk(call)
    call.end()
    stage.recorder().finish()
    return call


def test_what_was_derived_otherwise_is_as_it_should_be(stage: Stage, ended: Call) -> None:
    right = stage.stored(ended.id)
    falsify(stage, right)
    assert stage.stored(ended.id) != right

    summary = anew(stage)

    assert stage.stored(ended.id) == right
    assert str(summary) == "1 of 1 session rebuilt"
    assert (right.session.turns, right.session.response_p50_ms, right.session.warnings) == (3, 2501, 2)


def test_a_second_time_changes_nothing_but_the_revision(stage: Stage, ended: Call) -> None:
    anew(stage)
    before, row = stage.stored(ended.id), stage.archive.session(ended.id)
    anew(stage)
    after = stage.archive.session(ended.id)

    assert stage.stored(ended.id) == before
    assert row is not None
    assert after is not None
    assert after.revision == row.revision + 1


def test_other_thresholds_make_other_findings(stage: Stage, ended: Call) -> None:
    anew(stage, thresholds=Thresholds(slow_turn_ms=3000))

    assert stage.stored(ended.id).session.warnings == 0


def test_connections_of_one_session_are_put_in_order_again(stage: Stage) -> None:
    journal = stage.journal()
    first, second = journal.call(), journal.call()
    talk(first)
    first.end()
    talk(second)
    second.end()
    stage.recorder().finish()
    right = stage.stored(first.id)
    assert len(right.connections) == 2
    falsify(stage, right)

    anew(stage, "VX1")

    assert stage.stored(first.id) == right


def test_a_live_call_is_left_to_the_recorder(stage: Stage, ended: Call) -> None:
    live = ended.journal.call()
    talk(live, "VX2")
    stage.recorder().finish()
    before = stage.stored(live.id)

    summary = anew(stage)

    assert stage.stored(live.id) == before
    assert str(summary) == f"1 of 2 sessions rebuilt; 1 live, left to the recorder ({live.id})"


def test_a_call_whose_content_was_deleted_stays_as_it_is(stage: Stage, ended: Call) -> None:
    with writing(stage.engine).begin() as db:
        Deletion(ended.id, whole=False).work(db, lambda: False)
    before = stage.archive.session(ended.id), stage.archive.turn_rows(ended.id)

    summary = anew(stage)

    assert (summary.done, summary.bare, summary.failed) == (1, 1, {})
    assert str(summary) == (
        "0 of 1 session rebuilt; 1 kept as they are, because what was said in them has been deleted"
    )
    assert (stage.archive.session(ended.id), stage.archive.turn_rows(ended.id)) == before


def test_only_those_named_by_either_id(stage: Stage, ended: Call) -> None:
    other = ended.journal.call()
    talk(other, "VX2")
    other.end()
    stage.recorder().finish()
    rights = [stage.stored(ended.id), stage.stored(other.id)]
    for right in rights:
        falsify(stage, right)

    assert anew(stage, "VX2", other.id).rebuilt == 1
    assert stage.stored(other.id) == rights[1]
    assert stage.stored(ended.id) != rights[0]
    anew(stage, ended.id)
    assert stage.stored(ended.id) == rights[0]


def test_a_name_that_no_session_has(stage: Stage, ended: Call) -> None:
    with pytest.raises(RelayproxyError, match="no session has the id VX9"):
        anew(stage, ended.id, "VX9")


@pytest.mark.in_database
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("update recordings set lines = x'00'", "a recording is damaged"),
        ("delete from recordings", "5 of its 5 messages cannot be found"),
        ("delete from connections", "its connections are not there"),
        ("update connections set opening = '{'", "is damaged (DecodeError)"),
    ],
)
def test_what_cannot_be_read_stays_as_it_was(stage: Stage, ended: Call, damage: str, why: str) -> None:
    before, turns = stage.archive.session(ended.id), stage.archive.turn_rows(ended.id)
    with writing(stage.engine).begin() as db:
        db.exec_driver_sql(damage)

    summary = anew(stage)

    assert why in summary.failed[ended.id]
    assert stage.archive.session(ended.id) == before
    assert stage.archive.turn_rows(ended.id) == turns
    assert str(summary) == f"0 of 1 session rebuilt; 1 kept as before, because not to be derived ({ended.id})"


def test_a_bug_in_the_fold_costs_nothing_that_is_stored(
    stage: Stage, ended: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right = stage.stored(ended.id)

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("relayproxy.conversation.fold.fold.Fold.feed", broken)

    assert "could not be derived" in anew(stage).failed[ended.id]
    assert stage.stored(ended.id) == right
    assert "RuntimeError" in caplog.text


def test_a_session_that_is_written_meanwhile_is_derived_again(stage: Stage, ended: Call) -> None:
    class Busy(Archive):
        reads = 0

        def session_connections(self, session: str) -> tuple:  # type: ignore[type-arg]
            found = super().session_connections(session)
            Busy.reads += 1
            if Busy.reads == 1:
                falsify(stage, stage.stored(ended.id))
            return found

    right = stage.stored(ended.id)

    *_, last = rebuild(Busy(stage.engine), (), lambda _route: Thresholds())

    assert (last.rebuilt, Busy.reads) == (1, 2)
    assert stage.stored(ended.id) == right


def test_a_locked_database_is_waited_for(
    stage: Stage, ended: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT", 0.05)
    right = stage.stored(ended.id)
    falsify(stage, right)
    other = open_engine(stage.url)
    lock = writing(stage.engine).connect()
    lock.begin()
    monkeypatch.setattr("relayproxy.recorder.rebuild.PAUSES", (0.01,))

    class Unlock(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lock.close()

    unlock = Unlock()
    logging.getLogger("relayproxy.recorder.rebuild").addHandler(unlock)
    *_, last = rebuild(Archive(other), (), lambda _route: Thresholds())

    logging.getLogger("relayproxy.recorder.rebuild").removeHandler(unlock)
    other.dispose()
    assert last.rebuilt == 1
    assert stage.stored(ended.id) == right
    assert [record.message for record in caplog.records] == ["database: database is locked; waiting for it"]


def test_beside_a_recorder_that_writes(stage: Stage) -> None:
    journal = stage.journal()
    old = [journal.call() for _ in range(10)]
    for number, call in enumerate(old):
        talk(call, f"VX{number}")
        call.end()
    stage.recorder().finish()
    rights = [stage.stored(call.id) for call in old]
    stop = threading.Event()
    recorder = stage.recorder(stop=stop)
    thread = threading.Thread(target=recorder.run)
    thread.start()
    try:
        for number in range(8):
            call = journal.call()
            talk(call, f"VY{number}")
            call.end()
            assert anew(stage, *(one.id for one in old)).rebuilt == 10
    finally:
        stop.set()
        thread.join()

    assert [stage.stored(call.id) for call in old] == rights
    assert stage.archive.sessions() == 18


def test_stopped_between_two_sessions_nothing_is_half_written(stage: Stage, ended: Call) -> None:
    other = ended.journal.call()
    talk(other, "VX2")
    other.end()
    stage.recorder().finish()
    rights = {call.id: stage.stored(call.id) for call in (ended, other)}
    for right in rights.values():
        falsify(stage, right)

    steps = rebuild(Archive(stage.engine), (), lambda _route: Thresholds())
    assert [next(steps).rebuilt for _ in range(2)] == [0, 1]
    steps.close()

    assert stage.stored(ended.id) == rights[ended.id]
    assert stage.stored(other.id) != rights[other.id]


@pytest.fixture
def command(stage: Stage) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        environ = {"RELAYPROXY_DATA_DIR": str(stage.folder)}
        return CliRunner(env=environ).invoke(main, ["rebuild", *arguments], prog_name="relayproxy")

    return run


def test_the_command_sums_up(ended: Call, command: Callable[..., Result]) -> None:
    result = command()

    assert (result.exit_code, result.stdout) == (0, "1 of 1 session rebuilt\n")
    assert command(ended.id).exit_code == 0


def test_the_command_takes_thresholds(stage: Stage, ended: Call, command: Callable[..., Result]) -> None:
    command("--slow-turn", "3")

    assert stage.stored(ended.id).session.warnings == 0


def test_the_command_fails_for_what_cannot_be_read(stage: Stage, ended: Call, command: Callable[..., Result]) -> None:
    with writing(stage.engine).begin() as db:
        db.exec_driver_sql("delete from recordings")

    result = command()

    assert result.exit_code == 1
    assert f"{ended.id}: 5 of its 5 messages cannot be found" in result.stderr


def test_the_command_names_an_unknown_id_and_a_missing_database(
    tmp_path_factory: pytest.TempPathFactory, ended: Call, command: Callable[..., Result]
) -> None:
    assert ended.id
    unknown = command("VX9")
    missing = command("--data-dir", str(tmp_path_factory.mktemp("empty")))

    assert (unknown.exit_code, missing.exit_code) == (2, 2)
    assert "no session has the id VX9" in unknown.stderr
    assert "relayproxy.db" in missing.stderr


def test_the_command_counts_in_plain_lines_now_and_then(
    ended: Call, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ended.id
    assert command().stderr == ""
    monkeypatch.setattr("relayproxy.cli.progress.REPORT", 0)

    assert re.fullmatch(r"1 of 1 session, [\d,]+ a second\n", command().stderr)


def test_the_command_writes_one_line_over_on_a_terminal(stage: Stage, ended: Call) -> None:
    assert ended.id
    screen, terminal = pty.openpty()
    running = fork(("rebuild", "--data-dir", str(stage.folder)), os.environ, terminal)
    with running.stdout:
        said = running.stdout.read()
    os.close(terminal)
    shown = os.read(screen, 4096).decode()
    os.close(screen)

    assert (running.wait(PATIENCE), said) == (0, "1 of 1 session rebuilt\n")
    assert re.fullmatch(r"(\r\x1b\[K1 of 1 session, [\d,]+ a second)+\r\n", shown)


def test_ctrl_c_says_what_was_done_and_leaves_the_rest_as_it_was(stage: Stage, ended: Call) -> None:
    right = stage.stored(ended.id)
    falsify(stage, right)
    before = stage.stored(ended.id)
    with writing(stage.engine).begin():
        errors, written = os.pipe()
        running = fork(("rebuild", "--data-dir", str(stage.folder)), os.environ, written)
        os.close(written)
        with os.fdopen(errors) as troubles, running.stdout:
            assert "waiting for it" in troubles.readline()
            running.send_signal(signal.SIGINT)
            assert (running.stdout.read(), troubles.read()) == ("0 of 1 session rebuilt\n", "")

    assert running.wait(PATIENCE) == 130
    assert stage.stored(ended.id) == before


def test_a_database_that_cannot_be_written_is_not_waited_for(
    stage: Stage, ended: Call, command: Callable[..., Result]
) -> None:
    before = stage.stored(ended.id)
    falsify(stage, before)
    lost = stage.stored(ended.id)
    with writing(stage.engine).begin() as db:
        db.exec_driver_sql("create trigger no before update on sessions begin select raise(abort, 'not today'); end")

    result = command()

    assert (result.exit_code, result.stdout) == (2, "0 of 1 session rebuilt\n")
    assert "not today" in result.stderr
    assert stage.stored(ended.id) == lost


def test_a_recording_with_other_messages_than_it_should_have(stage: Stage, ended: Call) -> None:
    with writing(stage.engine).begin() as db:
        db.exec_driver_sql("update recordings set first_seq = first_seq + 5")

    assert "its messages are not those that it should have" in anew(stage).failed[ended.id]


def test_an_id_that_is_no_text(stage: Stage, ended: Call) -> None:
    with pytest.raises(RelayproxyError, match="no session has the id"):
        anew(stage, ended.id, "\udcff")
