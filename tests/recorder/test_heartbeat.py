"""What the recorder tells of itself, and that telling never holds it up."""

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relayproxy.journal.format import MAGIC
from relayproxy.journal.reader import Position, delete_journal
from relayproxy.journal.refused import write_refused
from relayproxy.journal.segments import LOCK
from relayproxy.recorder.heartbeat import Beat, Life, Reporter, journals
from relayproxy.refusals import Refusal, RefusalCount
from relayproxy.store.engine import open_engine, open_reader
from relayproxy.store.errors import StoreError
from relayproxy.store.read.health.heartbeat import Heartbeat, HeartbeatWriter, Report, reports
from relayproxy.store.read.queries import Queries
from tests.patience import PATIENCE
from tests.recorder.stage import Stage, prompt, setup, token
from tests.running import running


class Kept(HeartbeatWriter):
    """Keeps what is told; can be made to fail or to wait."""

    def __init__(self) -> None:
        self.told: list[Heartbeat] = []
        self.fails = False
        self.go = threading.Event()
        self.go.set()
        self.came = threading.Semaphore(0)

    def write(self, process: str, heartbeat: msgspec.Struct, at: int | None = None) -> None:
        assert isinstance(heartbeat, Heartbeat)
        self.came.release()
        self.go.wait(PATIENCE)
        if self.fails:
            raise StoreError("database: disk I/O error")
        self.told.append(heartbeat)

    def close(self) -> None: ...


class Spans:
    endpoint = "http://collector:4318"
    sent, failed, dropped = 7, 2, 1
    trouble: tuple[int, str] | None = (5, "HTTP 503")


def beat(calls: int = 0) -> Beat:
    return Beat((), calls, 3_000_000, 4, 5, 1.5, None)


def reporter(writer: Kept, folder: Path, **more: Any) -> Reporter:
    return Reporter(writer, folder, 1 << 30, **more)


def stored(stage: Stage, right: Callable[[Report], bool]) -> Report:
    """What the recorder has told, once it is right."""
    reader = open_reader(stage.url)
    deadline = time.monotonic() + PATIENCE
    try:
        while True:
            found = [report for report in reports(Queries(reader)) if right(report)]
            if found:
                return found[0]
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        reader.dispose()


def test_a_recorder_tells_how_it_goes_and_that_it_stops(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    with running("recorder", data_dir=stage.folder) as recorder:
        found = stored(stage, lambda report: report.heartbeat.commits > 0)
        assert found.process.startswith("recorder:")
        heartbeat = found.heartbeat
        assert (heartbeat.pid, heartbeat.calls, heartbeat.ended) == (recorder.process.pid, 1, False)
        [mine] = heartbeat.journals
        assert (mine.id, mine.alive, mine.segments, mine.unread) == (journal.path.name, True, 1, 0)
        assert mine.bytes > 0
        assert heartbeat.commit_at is not None
        assert 0 < heartbeat.disk_free < heartbeat.disk_total
        call.backend(token("Hello", last=True))
        assert recorder.stop() == 0
        assert recorder.log.read_text() == ""
    last = stored(stage, lambda report: report.heartbeat.ended)
    assert last.process == found.process
    assert last.heartbeat.commits > heartbeat.commits
    assert last.heartbeat.journals[0].unread == 0


def test_what_the_loop_knows(stage: Stage) -> None:
    beats: list[Beat] = []
    stop = threading.Event()
    recorder = stage.recorder(stop=stop)
    journal = stage.journal()
    call = journal.call(opened_at=time.time_ns() - 4_000_000_000)
    call.twilio(setup(), after=0)
    recorder.play()
    waiting = recorder.heartbeat()
    assert waiting.calls == 1
    assert 4e9 <= waiting.lag < 60e9
    assert waiting.commits == 0
    recorder.commit()
    beats.append(recorder.heartbeat())
    assert beats[0].commits == 1
    assert beats[0].lag >= waiting.lag, "the longest since it was asked last"
    assert recorder.heartbeat().lag == 0, "nothing waits any more"
    assert beats[0].places == ((journal.path, beats[0].places[0][1]),)
    journal.die()


def test_a_recorder_that_is_busy_with_what_it_has_read_tells_so(stage: Stage) -> None:
    told: list[Beat] = []
    recorder = stage.recorder(beat=lambda look: told.append(look()))
    journal = stage.journal()
    call = journal.call(quiet=True)
    for said in (setup(), token("Hello", last=True), prompt("Good morning " * 100), prompt("Good morning")):
        call.twilio(said)
    journal.flush()
    recorder.play()
    assert len(told) >= 4, "after what is played together"
    assert {one.places[0][1] for one in told} == {Position(1, 0)}, "what is not played as a whole is not told as played"
    recorder.commit()
    told.clear()
    stage.recorder(beat=lambda look: told.append(look())).play()
    assert told, "while it takes up the calls that live"
    journal.die()


def test_what_has_not_been_played(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    journal.rotate()
    call.twilio(prompt("Hello?"))
    everything = journals(stage.journals, ())[0]
    assert (everything.segments, everything.alive) == (2, True)
    assert everything.unread == everything.bytes - 2 * len(MAGIC)
    first = (stage.journals / journal.path.name / "00000001.seg").stat().st_size
    [half] = journals(stage.journals, ((journal.path, Position(1, first)),))
    assert half.unread == everything.unread - first + len(MAGIC)
    journal.die()
    assert not journals(stage.journals, ())[0].alive
    shutil.rmtree(journal.path)
    assert journals(stage.journals, ()) == ()


def test_one_report_at_a_time_and_the_newest_at_the_end(tmp_path: Path) -> None:
    writer = Kept()
    writer.go.clear()
    mine = reporter(writer, tmp_path, spans=Spans())
    mine.beat(lambda: beat(1))
    assert writer.came.acquire(timeout=PATIENCE)
    for calls in range(2, 1000):
        mine.beat(lambda calls=calls: beat(calls))  # type: ignore[misc]
    writer.go.set()
    mine.close()
    assert [heartbeat.calls for heartbeat in writer.told] == [1, 1], "within two seconds only one is looked at"
    last = writer.told[-1]
    assert (last.ended, last.lag_ms, last.commits) == (True, 3, 4)
    assert last.otlp is not None
    assert (last.otlp.sent, last.otlp.failing_since, last.otlp.cause) == (7, 5, "HTTP 503")


def test_a_database_that_waits_holds_nobody_up(tmp_path: Path) -> None:
    writer = Kept()
    writer.go.clear()
    mine = reporter(writer, tmp_path)
    began = time.monotonic()
    mine.beat(beat)
    assert writer.came.acquire(timeout=PATIENCE)
    mine.close()
    assert time.monotonic() - began < PATIENCE
    writer.go.set()


def test_what_cannot_be_told_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer = Kept()
    writer.fails = True
    mine = reporter(writer, tmp_path)
    caplog.set_level(logging.WARNING)
    mine.beat(beat)
    assert writer.came.acquire(timeout=PATIENCE)
    mine.close()
    assert caplog.messages == [
        "the health page is not told how recording goes (database: disk I/O error); recording is not affected"
    ]


def test_before_the_first_look_there_is_nothing_to_tell(stage: Stage) -> None:
    writer = HeartbeatWriter(open_engine(stage.url))
    Reporter(writer, stage.folder, 1).close()
    reader = open_reader(stage.url)
    assert reports(Queries(reader)) == ()
    reader.dispose()


def test_what_relays_have_refused_is_told_and_stays_known_when_they_are_gone(tmp_path: Path) -> None:
    one, other = (tmp_path / "journal" / name for name in ("20261128T000000-1", "20261128T000000-2"))
    refusal = Refusal(7, "no_upgrade", 426, "Upgrade: websocket is missing", "10.0.0.7:1", "/ws", signed=True)
    for journal in (one, other):
        journal.mkdir(parents=True)
        (journal / "lock").touch()
        write_refused(journal, (RefusalCount(2, refusal),))
    kept = Kept()
    reporting = reporter(kept, tmp_path)
    reporting.beat(beat)
    assert kept.came.acquire(timeout=PATIENCE)
    delete_journal(one)
    assert not one.exists()
    reporting.close()
    assert [told.refused for told in kept.told] == [(RefusalCount(4, refusal),)] * 2


def test_how_long_a_relay_has_shown_no_life(stage: Stage) -> None:
    path, life = stage.journal().path, Life()
    assert life.silent_ms(path) == 0, "nothing is known before the first look"
    deadline = time.monotonic() + PATIENCE
    while life.silent_ms(path) < 50:
        assert time.monotonic() < deadline
    os.utime(path / LOCK, (1, 1))
    assert life.silent_ms(path) == 0, "whatever the clock says, it has shown life"
