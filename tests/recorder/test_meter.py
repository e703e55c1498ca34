"""What a recorder has counted: each turn, session, handshake and message once, and only once it is committed."""

import threading
import time
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest

from relayproxy.journal.format import EntryKind, GapCause
from relayproxy.journal.reader import Damage
from relayproxy.journal.segments import segment_path
from relayproxy.recorder.recorder import Recorder
from relayproxy.store.errors import StoreError
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from relayproxy.telemetry.metrics import metrics
from relayproxy.telemetry.metrics.call_meter import CallMeter
from relayproxy.telemetry.metrics.metric import Metric
from relayproxy.telemetry.metrics.metrics import METRICS
from tests.recorder.stage import Call, Stage, prompt, setup, token

LATENCIES = METRICS["relayproxy.turn.response_latency"]


def counted(recorder: Recorder, metric: Metric) -> dict[tuple[str, ...], float]:
    """Counts, gauges, or the number of observed values, by labels."""
    points = recorder.heartbeat().numbers.get(metric.name, ())
    return {point.labels: sum(point.counts) or point.value for point in points}


def total(recorder: Recorder, metric: Metric) -> float:
    return sum(counted(recorder, metric).values())


def talk(call: Call, *, turns: int = 2) -> None:
    call.twilio(setup())
    for number in range(turns):
        call.twilio(prompt(f"question {number}"), after=1000)
        call.backend(token(f"answer {number}", last=True), after=700)


def steps(stage: Stage) -> Iterator[str]:
    """A call of three turns with a reconnect, step by step."""
    journal = stage.journal()
    first = journal.call()
    yield "it opens"
    talk(first)
    yield "it talks"
    first.twilio(prompt("question 2"), after=20_000)
    yield "time passes"
    first.backend(token("answer 2", last=True), after=700)
    first.end(first="backend")
    yield "its backend has gone"
    second = journal.call()
    second.twilio(setup())
    yield "it comes again"
    second.twilio(prompt("question 3"), after=1000)
    second.backend(token("answer 3", last=True), after=700)
    second.end()
    yield "it is over"


def test_a_turn_counts_once_it_is_final_and_a_session_once_it_has_ended(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    recorder = stage.recorder()
    talk(call)
    recorder.finish()
    assert total(recorder, metrics.SESSIONS) == 0
    assert total(recorder, LATENCIES) < 2, "the last turn may still be interrupted"
    assert counted(recorder, metrics.LIVE) == {("default",): 1}
    call.end()
    recorder.finish()

    assert counted(recorder, LATENCIES) == {("default", ""): 2}
    assert total(recorder, metrics.SESSIONS) == 1
    assert counted(recorder, metrics.LIVE) == {("default",): 0}


def test_however_it_is_committed_all_counts_once(stage: Stage) -> None:
    recorder = stage.recorder()
    for _ in steps(stage):
        recorder.finish()
        recorder.finish()

    assert counted(recorder, LATENCIES) == {("default", ""): 4}
    assert counted(recorder, metrics.SESSIONS) == {("default", "backend_disconnect", "A", ""): 1}
    assert counted(recorder, metrics.HANDSHAKES) == {("default", "relayed", "101", "missing"): 2}
    assert counted(recorder, metrics.MESSAGES) == {("default", "in"): 6, ("default", "out"): 4}


def test_recorders_one_after_the_other_count_all_of_it_once(stage: Stage) -> None:
    recorders = []
    for _ in steps(stage):
        recorder = stage.recorder()
        recorder.finish()
        recorders.append(recorder)

    assert sum(total(one, LATENCIES) for one in recorders) == 4
    assert sum(total(one, metrics.SESSIONS) for one in recorders) == 1
    assert sum(total(one, metrics.HANDSHAKES) for one in recorders) == 2
    assert sum(total(one, metrics.MESSAGES) for one in recorders) == 10


def test_what_was_played_and_not_committed_does_not_count(stage: Stage) -> None:
    class Away(Archive):
        away = True

        def commit(self, batch: Batch) -> None:
            if self.away:
                raise StoreError("database: it is away")
            super().commit(batch)

    call = stage.journal().call()
    talk(call)
    call.end()
    stop = threading.Event()
    recorder = stage.recorder(Away, stop=stop)
    stop.set()
    recorder.run()
    assert [total(recorder, metric) for metric in (LATENCIES, metrics.SESSIONS, metrics.MESSAGES)] == [0, 0, 0]

    after = stage.recorder()
    after.finish()
    assert (total(after, LATENCIES), total(after, metrics.SESSIONS), total(after, metrics.MESSAGES)) == (2, 1, 5)


def test_a_connection_that_comes_late_to_a_session_changes_no_count(stage: Stage) -> None:
    # Two sockets at once: the session is derived again from all of both.
    journal = stage.journal()
    recorder = stage.recorder()
    first = journal.call()
    talk(first)
    recorder.finish()
    second = journal.call()
    second.twilio(prompt("before it says who it is"), after=30_000)
    recorder.finish()
    first.end()
    second.twilio(setup())
    second.backend(token("late", last=True))
    second.end()
    recorder.finish()
    session = stage.stored(first.id).session

    assert total(recorder, metrics.SESSIONS) == 1
    assert total(recorder, metrics.TURNS_ENDED) == session.turns


def test_the_version_of_the_backend_is_a_label(stage: Stage) -> None:
    call = stage.journal().call(response_headers=(("X-App-Version", "2.4.1"),))
    talk(call, turns=1)
    call.end()
    recorder = stage.recorder(version_from="header:X-App-Version")
    recorder.finish()

    assert counted(recorder, LATENCIES) == {("default", "2.4.1"): 1}


def test_what_alerts_watch_is_there_at_0_for_every_known_route(stage: Stage) -> None:
    recorder = Recorder(
        stage.archive, stage.journals, message_limit=1, size_limit=1, patience=1, check=lambda: None,
        routes=("default", "sales"),
    )  # fmt: skip

    for metric in (metrics.SESSIONS, metrics.TURNS_ENDED, metrics.UNANSWERED, metrics.GAPS, metrics.LIVE):
        found = counted(recorder, metric)
        assert {route for route, *_ in found} == {"default", "sales"}
        assert set(found.values()) == {0}
    recorder.close()


def test_who_waits_now_is_told_by_route(stage: Stage) -> None:
    call = stage.journal().call(opened_at=time.time_ns() - 5_000_000_000)
    call.twilio(setup())
    call.twilio(prompt("hello?"))
    recorder = stage.recorder()
    recorder.finish()
    waiting = counted(recorder, metrics.WAITING)
    call.backend(token("Yes.", last=True))
    recorder.finish()

    assert waiting.keys() == {("default",)}
    assert waiting["default",] >= 4.9
    assert counted(recorder, metrics.WAITING) == {("default",): 0}


def test_gaps_count_by_their_cause_and_commits_by_their_time(stage: Stage) -> None:
    call = stage.journal().call()
    call.twilio(setup())
    call.gap(EntryKind.BACKEND_CHUNK, 700, GapCause.QUOTA)
    call.journal.flush()
    call.end()
    recorder = stage.recorder()
    recorder.finish()

    assert counted(recorder, metrics.GAPS) == {("default", "quota"): 1}
    assert counted(recorder, metrics.GAP_BYTES) == {("default", "quota"): 700}
    assert counted(recorder, metrics.COMMIT) == {(): recorder.heartbeat().commits}


def test_a_damaged_part_of_a_journal_counts_once(stage: Stage) -> None:
    journal = stage.journal()
    segment = segment_path(journal.path, 1)
    call = journal.call()
    start = segment.stat().st_size
    call.twilio(setup())
    damaged = bytearray(segment.read_bytes())
    damaged[start + 20] ^= 0xFF
    segment.write_bytes(damaged)
    call.twilio(prompt("hello?"))
    recorder = stage.recorder()
    recorder.finish()
    call.end()
    recorder.finish()

    assert len(stage.gaps()) == 1
    assert counted(recorder, metrics.JOURNAL_DAMAGE) == {
        (cause,): int(cause == "checksum") for cause in get_args(get_type_hints(Damage)["reason"])
    }
    assert counted(recorder, metrics.GAPS) == {("default", "journal_damaged"): 2}


def test_a_refused_handshake_counts_though_no_session_is_kept_of_it(stage: Stage) -> None:
    journal = stage.journal()
    recorder = stage.recorder()
    refused: dict[str, Any] = {"status": 502, "error": "no connection with the backend"}
    for _ in range(40):
        journal.call(requested=True, quiet=True, **refused)
        call = journal.call(quiet=True, **refused)
        call.end(first="proxy")
        journal.flush()
    recorder.finish()

    kept = stage.archive.sessions()
    assert counted(recorder, metrics.HANDSHAKES) == {("default", "unreachable", "502", "missing"): 40}
    assert total(recorder, metrics.SESSIONS) < kept < 80


def test_a_bug_in_counting_costs_counts_and_is_logged_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = "what a caller" + " said"

    def broken(*_: object) -> None:
        raise ZeroDivisionError(said)

    monkeypatch.setattr(CallMeter, "messages", broken)
    recorder = stage.recorder()
    call = stage.journal().call()
    talk(call)
    recorder.finish()
    call.end()
    recorder.finish()

    assert stage.stored(call.id).session.turns == 3
    assert len(stage.stored(call.id).texts()) == 5
    [line] = caplog.messages
    assert "ZeroDivisionError" in line
    assert said not in line


def test_shadows_and_calls_with_injected_faults_are_not_counted(stage: Stage) -> None:
    journal, recorder = stage.journal(), stage.recorder()
    ordinary = journal.call()
    faulted = journal.call(faults=("dropped",))
    faulted.twilio(setup("VX2", "CA2"))
    for call in (ordinary, journal.call(shadow_of=ordinary.id)):
        talk(call)
    for call in (faulted, ordinary):
        call.twilio(prompt("question"), after=1000)
        call.backend(token("answer", last=True), after=700)
        if call is faulted:
            call.gap(EntryKind.BACKEND_CHUNK, 5, GapCause.FAULT)
        call.end()
    recorder.play()
    recorder.commit()
    assert total(recorder, metrics.SESSIONS) == 1
    assert counted(recorder, metrics.MESSAGES) == {("default", "in"): 4, ("default", "out"): 3}
    assert total(recorder, metrics.GAPS) == 0
    assert total(recorder, LATENCIES) == 3
