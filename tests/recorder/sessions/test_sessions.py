"""Many connections of one session: each is taken in for what it is, and the session is not read again for each."""

import gc
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from relayproxy.connection import SignatureCheck
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.fold.barge_in import InterruptionDraft
from relayproxy.conversation.fold.turns import Response, TurnDraft
from relayproxy.conversation.hearing.speech import Speech
from relayproxy.conversation.measures.spans import Span
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Turn
from relayproxy.journal.format import EntryKind
from relayproxy.objects import folder, watched
from relayproxy.objects.opening import open_objects
from relayproxy.objects.place import Place
from relayproxy.recorder.rebuild import rebuild
from relayproxy.recorder.sessions.sessions import JOIN_WINDOW
from relayproxy.store.engine import writing
from relayproxy.store.write.archive import Archive
from tests.moved import move
from tests.recorder.stage import CLOSE, MS, Call, Journal, Stage, Stored, prompt, setup, token
from tests.wire import frame

MANY = 12


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


def crossing(journal: Journal) -> Iterator[None]:
    """Each ends only when the next one has opened."""
    before: Call | None = None
    for _ in range(MANY):
        call = journal.call()
        if before is not None:
            before.backend(token(f"late {before.number}"))
            before.end()
        talk(call)
        before = call
        yield


def told(stored: Stored) -> list[str]:
    return [turn.agent_text for turn in stored.turns]


def gaps(stage: Stage, first: Call) -> int:
    """How many gaps the session tells of that this call began."""
    session = stage.archive.session(first.id)
    assert session is not None
    return session.gaps


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


@pytest.mark.parametrize("calls", [one_after_another, crossing])
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


def test_connections_that_cross_make_it_read_everything_once(stage: Stage, reads: Counter[str]) -> None:
    recorder = stage.recorder(Counting)
    for _ in crossing(stage.journal()):
        recorder.finish()
    assert max(reads.values()) <= 2
    assert reads.total() <= MANY + 2
    assert len(stage.stored(f"{1:032x}").connections) == MANY


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_a_call_whose_relays_die_one_after_the_other_is_one_session_in_whatever_order_they_are_read(
    stage: Stage, order: tuple[int, ...], at_once: bool
) -> None:
    recorder = stage.recorder()
    journals: list[Journal] = []
    for number in order:
        journal = stage.journal()
        journal.now = number * 5000
        call = journal.call(connection_id="abc"[number])
        talk(call)
        call.twilio(prompt(f"And {number}?"))
        if at_once:
            journal.die()
        else:
            recorder.finish()
        journals.append(journal)
    for journal in journals:
        journal.die()
        recorder.finish()

    (session,) = stage.archive.session_ids()
    stored = stage.stored(session)
    assert [one.id for one in stored.connections] == ["a", "b", "c"]
    for _ in rebuild(stage.archive, (), lambda _route: Thresholds()):
        pass
    assert stored == stage.stored(session)


def crossing_relays(journals: tuple[Journal, Journal]) -> Iterator[None]:
    """The same by two relays in turn: of what happened in one step, the first relay's part is read first."""
    before: Call | None = None
    for step in range(MANY):
        journal = journals[step % 2]
        journal.now = step * 1000
        call = journal.call(connection_id=f"{step + 1:032x}")
        talk(call)
        if before is not None:
            before.journal.now = step * 1000 - 100
            before.backend(token(f"late {step}"))
            before.end()
        if step == MANY - 1:
            call.end()
        before = call
        yield


@pytest.mark.parametrize(("most", "wrong"), [(20, 0), (3, 1)])
def test_a_session_is_put_in_order_only_so_often(
    stage: Stage, reads: Counter[str], monkeypatch: pytest.MonkeyPatch, most: int, wrong: int
) -> None:
    monkeypatch.setattr("relayproxy.recorder.sessions.session.MAX_REORDERINGS", most)
    journals = stage.journal(), stage.journal()
    recorder = stage.recorder(Counting)
    for _ in crossing_relays(journals):
        recorder.finish()
    (session,) = stage.archive.session_ids()
    stored = stage.stored(session)
    assert len(stored.connections) == MANY
    assert max(reads.values()) <= most + 1
    for _ in rebuild(stage.archive, (), lambda _route: Thresholds()):
        pass
    assert (stored.turns != stage.stored(session).turns) == wrong


def test_a_session_whose_journal_is_far_behind_is_put_in_order_once(
    stage: Stage, reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("READ_AT_ONCE", 4096), ("BATCH_SIZE", 1)):
        monkeypatch.setattr(f"relayproxy.recorder.recorder.{name}", value)
    recorder = stage.recorder(Counting)
    again, behind = stage.journal(), stage.journal()
    again.now = 60_000
    second = again.call(connection_id="b")
    talk(second)
    recorder.play()
    first = behind.call(connection_id="a")
    first.twilio(setup())
    for number in range(60):
        first.twilio(prompt(f"What about {number}? " + "Well, " * 400))
        first.backend(token(f"That is {number}.", last=True))
    behind.die()
    commits = 0
    while recorder.play():
        commits += 1
    second.end()
    recorder.finish()

    stored = stage.stored("b")
    assert commits > 5
    assert reads["b"] <= 1
    assert [one.id for one in stored.connections] == ["a", "b"]
    assert told(stored) == ["", *(f"That is {number}." for number in range(60)), "answer 1"]


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
    monkeypatch.setattr("relayproxy.recorder.sessions.sessions.RESTING", 2)
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


@pytest.mark.in_database
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
    assert gaps(stage, first) == 1


@pytest.mark.in_database
def test_recordings_that_cannot_be_fetched_hold_a_late_recorder_up_once(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "SILENCE", 0.0)
    monkeypatch.setattr(watched, "REMEMBERED", 1e9)
    monkeypatch.setattr(folder, "READ", 0.1)
    journal = stage.journal()
    names = ("VX1", "VX2", "VX3")
    firsts = [journal.call() for _ in names]
    for name, call in zip(names, firsts, strict=True):
        call.twilio(setup(name))
        call.end()
    stage.recorder().finish()
    move(stage.engine, Place((tmp_path / "objects").as_uri()))
    stuck = [*(tmp_path / "objects").rglob("*.gz")]
    kept = [path.read_bytes() for path in stuck]
    for path in stuck:
        path.unlink()
        os.mkfifo(path)  # as a file whose server is gone: who opens it waits
    again = [journal.call() for _ in names]
    for name, call in zip(names, again, strict=True):
        call.twilio(setup(name))
        call.twilio(prompt("Are you there?"))
        call.end()
    stage.recorder().finish()

    waited = 0
    for path in stuck:
        with suppress(OSError):  # nobody reads it
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            waited += 1
    assert waited == 1
    for first, second in zip(firsts, again, strict=True):
        assert [one.id for one in stage.archive.session_connections(first.id)] == [first.id, second.id]
        assert len([*stage.archive.messages(second.id)]) == 2
        assert f"derive it anew with: relayproxy rebuild {first.id}" in caplog.text
        assert gaps(stage, first) == 1
    for path, lines in zip(stuck, kept, strict=True):
        path.unlink()
        path.write_bytes(lines)
    open_objects.cache_clear()  # as in a process of its own
    for _ in rebuild(stage.archive, (), lambda _route: Thresholds()):
        pass
    assert [gaps(stage, first) for first in firsts] == [0, 0, 0]


def test_what_is_kept_of_a_long_call_does_not_grow_with_it(stage: Stage) -> None:
    class Discarding:
        def export(self, spans: list[Span]) -> None:
            self.last = spans

    # What is there already is not looked through sixty times.
    gc.freeze()
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


def test_what_was_kept_of_a_call_goes_with_it(stage: Stage) -> None:
    """At once, as the garbage collector seldom looks at what lived for longer: it is left with nothing to find."""
    journal, recorder = stage.journal(), stage.recorder()

    def talk(vx: str) -> None:
        call = journal.call()
        call.twilio(setup(vx))
        for number in range(10):
            call.twilio(prompt(f"Is table {number} free?"))
            call.backend(token("Yes, "))
            if number % 4 == 3:
                call.twilio('{"type": "interrupt", "utteranceUntilInterrupt": "", "durationUntilInterruptMs": 0}')
            call.backend(token("it is.", last=number % 4 != 3))
            if number % 4 == 0:
                recorder.play()
                recorder.commit()
        call.end()
        recorder.play()
        recorder.commit()

    def kept() -> int:
        return sum(isinstance(one, TurnDraft | Response | Speech | InterruptionDraft) for one in gc.get_objects())

    talk("VX1")
    gc.collect()
    gc.disable()
    try:
        before = kept()
        talk("VX2")
        assert kept() == before
    finally:
        gc.enable()


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


SIGNED = {"request_headers": (("X-Twilio-Signature", "<redacted>"),), "signature_digest": "aa" * 32}
FORGED = {**SIGNED, "signature_digest": "bb" * 32}
OLDER = {**SIGNED, "signature_digest": None}
ELSEWHERE = {"peer": "203.0.113.9:1"}
VALID = {**SIGNED, "signature": SignatureCheck("valid")}
WRONG = {**SIGNED, "signature": SignatureCheck("wrong")}


SECOND_COMERS: tuple[tuple[dict[str, Any], dict[str, Any], bool], ...] = (
    ({}, {}, True),
    ({"accountSid": "AC1"}, {"accountSid": "AC1"}, True),
    ({"accountSid": "AC1"}, {"accountSid": "AC2"}, False),
    ({}, {"from": "+15550100009"}, False),
    ({}, {"to": "+15550100009"}, False),
    ({}, {"callSid": "CA2"}, False),
    (SIGNED, {}, False),
    ({}, SIGNED, False),
    (SIGNED, SIGNED, True),
    (VALID, VALID, True),
    (VALID, WRONG, False),
    (WRONG, VALID, False),
    (VALID, {}, False),
    (VALID, {**VALID, "signature_digest": "cc" * 32}, True),
    # The token of another route may be that of another account.
    (VALID, {**VALID, "route": "other"}, False),
    # A signature that nobody checks is made up in no time; Twilio's is always the same.
    (SIGNED, FORGED, False),
    (FORGED, SIGNED, False),
    (SIGNED, OLDER, False),
    (OLDER, OLDER, False),
    ({}, ELSEWHERE, False),
    (ELSEWHERE, ELSEWHERE, True),
    (ELSEWHERE, {"caller": "203.0.113.9"}, True),
    ({}, {"caller": "203.0.113.9"}, False),
    (SIGNED, {**SIGNED, **ELSEWHERE}, True),
)
"""What a call says, what one says afterwards that has the same id, and whether they are taken for one."""


@pytest.mark.parametrize("restart", [False, True])
def test_who_only_knows_the_id_of_a_call_is_not_taken_for_it(stage: Stage, restart: bool) -> None:
    journal, recorder = stage.journal(), stage.recorder()
    names = ("request_headers", "signature", "signature_digest", "peer", "caller", "route")
    calls = []
    for comers, words in (
        ([first for first, _, _ in SECOND_COMERS], "hello"),
        ([second for _, second, _ in SECOND_COMERS], "forged: I confirm the order"),
    ):
        for number, said in enumerate(comers):
            opening = {name: said[name] for name in names if name in said}
            call = journal.call(**opening)
            calls.append(call)
            told = {name: value for name, value in said.items() if name not in opening}
            call.twilio(setup(**{"vx": f"VX{number}", "call": f"CA{number}", **told}))
            call.twilio(prompt(words))
            call.end()
        recorder.finish()
        recorder = stage.recorder() if restart else recorder

    for first, second, case in zip(calls, calls[len(SECOND_COMERS) :], SECOND_COMERS, strict=False):
        assert len(stage.stored(first.id).connections) == 1 + case[2], case
        assert (stage.archive.session(second.id) is None) is case[2], case


def test_nobody_joins_a_call_that_goes_on(stage: Stage) -> None:
    journal, recorder = stage.journal(), stage.recorder()
    real, forged = journal.call(), journal.call()
    real.twilio(setup())
    recorder.finish()
    forged.twilio(setup())
    forged.twilio(prompt("forged: I confirm the order"))
    forged.end()
    recorder.finish()
    real.twilio(prompt("hello"))
    real.end()
    recorder.finish()
    again = journal.call()
    talk(again)
    again.end()
    recorder.finish()

    assert [one.id for one in stage.stored(real.id).connections] == [real.id, again.id]
    assert [one.id for one in stage.stored(forged.id).connections] == [forged.id]
    assert stage.stored(forged.id).session.session_id == "VX1"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("hung_up", [False, True])
def test_nobody_joins_a_call_that_is_over(stage: Stage, hung_up: bool, ended: bool, restart: bool) -> None:
    journal, recorder = stage.journal(), stage.recorder()
    real = journal.call()
    talk(real)
    if ended:
        real.backend('{"type":"end","handoffData":"done"}')
    if hung_up:
        real.chunk(EntryKind.TWILIO_CHUNK, frame(CLOSE, (1000).to_bytes(2, "big"), mask=True))
    real.end()
    recorder.finish()
    recorder = stage.recorder() if restart else recorder
    second = journal.call()
    second.twilio(setup())
    second.twilio(prompt("forged: I confirm the order"))
    second.end()
    recorder.finish()

    # Without a close frame of Twilio's nothing says for certain that the call is over.
    joined = [real.id] if hung_up else [real.id, second.id]
    assert [one.id for one in stage.stored(real.id).connections] == joined
    assert (stage.archive.session(second.id) is not None) is hung_up


@pytest.mark.parametrize("named", [{"sessionId": "VX1"}, {"callSid": "CA1"}, {"sessionId": "VX1", "callSid": "CA1"}])
@pytest.mark.parametrize("restart", [False, True])
def test_a_first_frame_of_any_type_tells_which_session_goes_on(
    stage: Stage, named: dict[str, str], restart: bool
) -> None:
    journal, recorder = stage.journal(), stage.recorder()
    first = journal.call()
    talk(first)
    first.end()
    recorder.finish()
    recorder = stage.recorder() if restart else recorder
    again = journal.call()
    again.twilio(json.dumps({"type": "prompt", "voicePrompt": "Still there?", "last": True, **named}))
    again.end()
    other = journal.call()
    other.twilio(json.dumps({"type": "prompt", "voicePrompt": "Me too?", "last": True, "sessionId": "VX2"}))
    other.end()
    recorder.finish()

    assert [one.id for one in stage.stored(first.id).connections] == [first.id, again.id]
    assert stage.stored(other.id).session.session_id is None


@pytest.mark.parametrize("stranger", [{}, FORGED, WRONG, ELSEWHERE])
@pytest.mark.parametrize("restart", [False, True])
def test_no_first_frame_lets_a_stranger_into_a_signed_call(
    stage: Stage, stranger: dict[str, Any], restart: bool
) -> None:
    journal, recorder = stage.journal(), stage.recorder()
    real = journal.call(**SIGNED)
    talk(real)
    real.end()
    recorder.finish()
    recorder = stage.recorder() if restart else recorder
    forged = journal.call(**stranger)
    named = {"sessionId": "VX1", "callSid": "CA1"}
    forged.twilio(json.dumps({"type": "prompt", "voicePrompt": "I confirm the order", "last": True, **named}))
    forged.end()
    recorder.finish()
    assert [one.id for one in stage.stored(real.id).connections] == [real.id]
    assert "I confirm the order" not in str(stage.stored(real.id))


@pytest.mark.parametrize("restarted", [False, True])
def test_a_shadow_says_it_is_its_call_and_is_a_session_of_its_own(stage: Stage, restarted: bool) -> None:
    journal = stage.journal()
    call = journal.call()
    shadow = journal.call(shadow_of=call.id)
    for one in (call, shadow):
        one.twilio(setup())
        one.twilio(prompt("Hello?"))
    recorder = stage.recorder()
    recorder.play()
    recorder.commit()
    if restarted:
        recorder.close()
        recorder = stage.recorder()
    call.end(first="backend")
    again = journal.call()
    again.twilio(setup())
    shadow.backend(token("Unheard.", last=True))
    shadow.end()
    again.end()
    recorder.play()
    recorder.commit()
    sessions = {one.id: stage.archive.session(one.id) for one in (call, shadow, again)}
    assert sessions[again.id] is None  # it is a reconnect, of the call and not of its shadow
    assert sessions[call.id] is not None
    assert sessions[shadow.id] is not None
    assert [row.id for row in stage.archive.session_connections(call.id)] == [call.id, again.id]


def test_a_shadow_that_was_refused_is_no_attempt_of_a_stranger(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    refused = [journal.call(shadow_of=call.id, status=502, error="no connection") for _ in range(50)]
    for one in refused:
        one.end(first="backend")
    recorder = stage.recorder()
    recorder.play()
    recorder.commit()
    assert all(stage.archive.session(one.id) is not None for one in refused)
    assert recorder.heartbeat().calls == 1
