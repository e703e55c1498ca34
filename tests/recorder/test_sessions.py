"""Many connections of one session: each is taken in for what it is, and the session is not read again for each."""

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from relayproxy.conversation.findings import Thresholds
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Turn
from relayproxy.conversation.spans import Span
from relayproxy.conversation.turns import TurnDraft
from relayproxy.recorder.rebuild import rebuild
from relayproxy.recorder.sessions import JOIN_WINDOW
from relayproxy.store.archive import Archive
from relayproxy.store.engine import writing
from tests.recorder.stage import MS, Call, Journal, Stage, Stored, prompt, setup, token

MANY = 60


class Counting(Archive):
    """Counts how often each connection's messages are read."""

    reads: Counter[str]

    def messages(self, connection_id: str) -> Iterator[Message]:
        self.reads[connection_id] += 1
        return super().messages(connection_id)


@pytest.fixture(autouse=True)
def reads() -> Counter[str]:
    Counting.reads = Counter()
    return Counting.reads


def talk(call: Call) -> None:
    call.twilio(setup())
    call.twilio(prompt(f"question {call.number}"))
    call.backend(token(f"answer {call.number}", last=True))


def one_after_another(journal: Journal) -> Iterator[None]:
    for _ in range(MANY):
        call = journal.call()
        talk(call)
        call.end()
        journal.now += 10
        yield


def overlapping(journal: Journal) -> Iterator[None]:
    """Each ends only when the next one has begun to talk."""
    before: Call | None = None
    for _ in range(MANY):
        call = journal.call()
        if before is not None:
            before.backend(token(f"late {before.number}"))
        talk(call)
        if before is not None:
            before.end()
        before = call
        yield


def told(stored: Stored) -> list[str]:
    return [turn.agent_text for turn in stored.turns]


def test_short_connections_one_after_another_are_not_read_back_for_each(stage: Stage, reads: Counter[str]) -> None:
    journal = stage.journal()
    recorder = stage.recorder(Counting)
    for _ in one_after_another(journal):
        recorder.finish()
    # Once when it joins, and the first one once more: it had been a session like any other when it ended.
    assert max(reads.values()) <= 2
    assert reads.total() <= MANY + 2
    stored = stage.stored(f"{1:032x}")
    assert len(stored.connections) == MANY
    assert [turn.caller_text for turn in stored.turns][1:] == [f"question {n}" for n in range(1, MANY + 1)]
    assert told(stored)[1:] == [f"answer {n}" for n in range(1, MANY + 1)]
    assert stored.session.ended_at is not None


@pytest.mark.parametrize("calls", [one_after_another, overlapping])
def test_all_at_once_says_the_same_as_one_by_one(tmp_path: Path, calls: object, reads: Counter[str]) -> None:
    found = []
    for at_once in (True, False):
        stage = Stage(tmp_path / str(at_once))
        journal = stage.journal()
        recorder = stage.recorder(Counting)
        for _ in calls(journal):  # type: ignore[operator]
            if not at_once:
                recorder.finish()
        recorder.finish()
        stored = stage.stored(f"{1:032x}")
        found.append((told(stored), stored.session, stored.texts()))
        stage.close()
    assert found[0] == found[1]


def test_connections_that_overlap_make_it_read_everything_once(stage: Stage, reads: Counter[str]) -> None:
    recorder = stage.recorder(Counting)
    for _ in overlapping(stage.journal()):
        recorder.finish()
    assert max(reads.values()) <= 2
    assert reads.total() <= MANY + 2
    assert len(stage.stored(f"{1:032x}").connections) == MANY


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(("pause", "together"), [(JOIN_WINDOW, True), (JOIN_WINDOW + MS, False)])
@pytest.mark.parametrize("earlier", [1, 2])
def test_an_hour_after_its_end_a_session_is_over(
    stage: Stage, pause: int, together: bool, restart: bool, earlier: int
) -> None:
    journal = stage.journal()
    recorder = stage.recorder()
    for _ in range(earlier):
        call = journal.call()
        talk(call)
        call.end()
        recorder.finish()
    journal.now += pause // MS
    if restart:
        recorder = stage.recorder()
    last = journal.call()
    talk(last)
    last.end()
    recorder.finish()
    assert len(stage.stored(f"{1:032x}").connections) == earlier + together
    assert (stage.archive.session(last.id) is None) is together


def test_of_many_sessions_that_were_joined_the_last_ones_are_kept(
    stage: Stage, reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.recorder.sessions.RESTING", 2)
    journal = stage.journal()
    recorder = stage.recorder(Counting)
    for vx in ("VX1", "VX1", "VX2", "VX2", "VX3", "VX3", "VX1", "VX3"):
        call = journal.call()
        call.twilio(setup(vx))
        call.end()
        recorder.finish()
    assert [len(stage.stored(f"{n:032x}").connections) for n in (1, 3, 5)] == [3, 2, 3]
    # The seventh has to read the first session again, the eighth nothing but itself.
    assert (reads[f"{1:032x}"], reads[f"{5:032x}"], reads[f"{8:032x}"]) == (2, 1, 1)


def test_a_name_that_no_database_takes(stage: Stage) -> None:
    journal = stage.journal()
    calls = [journal.call(), journal.call()]
    for call in calls:
        call.twilio(setup("VX\ud800\0", "CA\ud800"))
        call.end()
        stage.recorder().finish()
    assert len(stage.stored(calls[0].id).connections) == 2


def test_a_damaged_recording_holds_nobody_up(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    journal = stage.journal()
    first = journal.call()
    talk(first)
    first.end()
    stage.recorder().finish()
    with writing(stage.engine).begin() as db:
        db.exec_driver_sql("update recordings set lines = x'00'")
    again = journal.call()
    talk(again)
    stage.recorder().finish()
    assert [one.id for one in stage.archive.session_connections(first.id)] == [first.id, again.id]
    assert len([*stage.archive.messages(again.id)]) == 3
    assert "a recording is damaged" in caplog.text


def test_what_is_kept_of_a_long_call_does_not_grow_with_it(stage: Stage) -> None:
    class Discarding:
        def export(self, spans: list[Span]) -> None:
            self.last = spans

    call = stage.journal().call()
    call.twilio(setup())
    recorder = stage.recorder(exporter=Discarding())
    held: list[int] = []
    for number in range(60):
        call.twilio(prompt(f"question {number}"))
        call.backend(token(f"answer {number}", last=True))
        call.journal.now += 60_000
        recorder.finish()
        gc.collect()
        held.append(sum(type(one) in (Turn, TurnDraft) for one in gc.get_objects()))
    call.end()
    recorder.finish()

    assert max(held[30:]) <= max(held[5:30])
    assert [turn.caller_text for turn in stage.stored(call.id).turns[1:]] == [f"question {n}" for n in range(60)]
    assert stage.stored(call.id).session.response_n == 60


def test_a_session_that_was_rebuilt_while_it_rested_is_read_again(stage: Stage) -> None:
    journal = stage.journal()
    recorder = stage.recorder()
    for _ in range(2):
        call = journal.call()
        talk(call)
        call.end()
        recorder.finish()
    first = stage.archive.session_ids()
    (session,) = first
    *_, summary = rebuild(Archive(stage.engine), (), lambda _route: Thresholds(slow_turn_ms=1))
    assert summary.rebuilt == 1
    assert stage.stored(session).session.warnings > 0

    again = journal.call()
    talk(again)
    again.end()
    recorder.finish()

    # One definition for all of it, that of the recorder.
    assert stage.stored(session).session.warnings == 0
    assert all("slow_turn" not in turn.detail for turn in stage.stored(session).turns)
    assert len(stage.stored(session).connections) == 3


def test_what_was_handed_on_before_a_reconnect_is_not_handed_on_again_by_a_new_recorder(stage: Stage) -> None:
    class Kept:
        def __init__(self) -> None:
            self.spans: list[Span] = []

        def export(self, spans: list[Span]) -> None:
            self.spans += spans

    kept = Kept()
    journal = stage.journal()
    first = journal.call()
    talk(first)
    first.end()
    stage.recorder(exporter=kept).finish()
    second = journal.call()
    talk(second)
    stage.recorder(exporter=kept).finish()
    second.twilio(prompt("more"))
    stage.recorder(exporter=kept).finish()
    second.end()
    stage.recorder(exporter=kept).finish()

    ids = [span.span_id for span in kept.spans]
    assert len(stage.stored(first.id).connections) == 2
    assert len(ids) == len(set(ids))
    assert [span.name for span in kept.spans].count("conversation") == 1
