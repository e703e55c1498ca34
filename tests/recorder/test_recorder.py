"""The play loop on a real database: calls, gaps, reconnects, dead relays, a database that is away."""

import gzip
import json
import logging
import os
import shutil
import sqlite3
import sys
import threading
from collections import Counter
from dataclasses import astuple, replace
from pathlib import Path
from types import FrameType
from typing import Any, get_args

import msgspec
import pytest

from relayproxy.conversation.measures.spans import Span
from relayproxy.conversation.protocol.messages import Prompt, Text
from relayproxy.journal.format import MAX_TOOK, EntryKind, GapCause
from relayproxy.journal.segments import segment_numbers, segment_path
from relayproxy.store.schema.migrate import migrate
from relayproxy.store.schema.rows import Batch, JournalRow
from tests.recorder.decoding.test_deflate import Compressing
from tests.recorder.stage import CLOSE, CONTINUATION, DEFLATE, MS, NOON, PING, TEXT, Stage, prompt, setup, token
from tests.wire import frame

TWILIO, BACKEND = EntryKind.TWILIO_CHUNK, EntryKind.BACKEND_CHUNK


def test_a_call_from_its_opening_to_its_recording(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup(customParameters={"plan": "gold"}))
    call.twilio(prompt("book me a table"), after=1000)
    call.backend(token("Sure, "), after=750)
    call.backend(token("for when?", last=True))
    recorder = stage.recorder()
    recorder.play()
    recorder.commit()

    live = stage.stored(call.id)
    assert (live.session.session_id, live.session.call_sid, live.session.ended_at) == ("VX1", "CA1", None)
    assert (live.session.response_p50_ms, live.session.response_p95_ms, live.session.response_n) == (751, 751, 1)
    assert json.loads(live.session.custom_parameters) == {"plan": "gold"}
    assert [turn.caller_text for turn in live.turns][-1] == "book me a table"
    assert [turn.agent_text for turn in live.turns][-1] == "Sure, for when?"
    [connection] = live.connections
    assert (connection.next_seq, connection.resume, connection.ending) == (4, None, None)
    assert [(m.seq, m.sender, m.t, m.out) for m in live.messages[call.id]] == [
        (0, "twilio", 10 * MS, 11 * MS),
        (1, "twilio", 1010 * MS, 1011 * MS),
        (2, "backend", 1760 * MS, 1761 * MS),
        (3, "backend", 1770 * MS, 1771 * MS),
    ]

    call.twilio(prompt("tonight"))
    call.chunk(TWILIO, frame(CLOSE, b"\x03\xe8Closing websocket session", mask=True))
    call.end()
    recorder.finish()

    over = stage.stored(call.id)
    assert over.session.ended_at == NOON + 1800 * MS
    assert over.session.outcome == "caller_hangup"
    assert over.connections[0].ended_at == over.session.ended_at
    assert over.connections[0].ending is not None
    assert len(over.messages[call.id]) == 6
    with stage.engine.connect() as db:
        assert db.exec_driver_sql("select count(*) from chunks").scalar() == 0
        assert db.exec_driver_sql("select count(*) from recordings").scalar() == 1


def test_a_recording_names_the_type_of_each_message_and_keeps_its_payload_byte_for_byte(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    backend: list[tuple[str | bytes, str | None]] = [
        (token("Sure, "), "text"),
        ('{ "token":"\\u00e9", "type" :"text" }\n', "text"),  # not as anybody would write it again
        ('{"type":"brand-new"}', "brand-new"),
        ('{"type":"' + "x" * 99 + '"}', "x" * 64),
        ('{"type":"text","token":5}', "text"),
        ('{"type":"\\ud800"}', "\ufffd"),
        ('{"type":"text","token":"' + "long " * 100 + '"}', "text"),  # only its head is kept
        ('{"type":""}', None),
        ('{"type":7}', None),
        ('["type"]', None),
        ("Internal Server Error", None),
        (b"\xff", None),
    ]
    call.twilio(setup())
    recorder = stage.recorder(message_limit=200)
    for text, _ in backend:
        call.backend(text)
        recorder.play()
    recorder.commit()
    call.chunk(BACKEND, frame(2, b"\x00\xff"))
    call.chunk(TWILIO, frame(PING, b"", mask=True))
    call.twilio(prompt("hello"))
    call.end()
    recorder.finish()

    first, *rest = stage.stored(call.id).messages[call.id]
    assert first.type == "setup"
    assert [(m.kind, m.type) for m in rest[-3:]] == [("binary", None), ("ping", None), ("text", "prompt")]
    assert [(m.text if m.text is not None else m.data, m.type) for m in rest[:-3]] == [
        (text[:200] if m.cut else text, type) for m, (text, type) in zip(rest[:-3], backend, strict=True)
    ]
    with stage.engine.connect() as db:
        packed: bytes = db.exec_driver_sql("select lines from recordings").scalar_one()
    second = gzip.decompress(packed).splitlines()[1]
    assert second == (
        b'{"seq":1,"t":20000000,"from":"backend","kind":"text","out":21000000,'
        b'"text":"{\\"type\\": \\"text\\", \\"token\\": \\"Sure, \\", \\"last\\": false}",'
        b'"size":50,"type":"text"}'
    )


def test_a_refused_call_is_a_session_of_its_own(stage: Stage) -> None:
    call = stage.journal().call(status=502, error="the backend refused the connection")
    call.end(first="backend", twilio=None, backend=None)
    stage.recorder().finish()
    stored = stage.stored(call.id)
    assert (stored.session.outcome, stored.session.messages) == ("backend_connect_failed", 0)
    assert stored.session.ended_at is not None


def test_several_calls_in_one_block_and_over_segments(stage: Stage) -> None:
    journal = stage.journal()
    calls = [journal.call() for _ in range(5)]
    for call in calls:
        call.quiet = True
        call.twilio(setup(f"VX{call.number}", f"CA{call.number}"))
    for at in range(3):
        journal.flush()
        journal.rotate()
        for call in calls:
            call.backend(token(f"{call.number}:{at}"))
    journal.flush()
    stage.recorder().finish()
    for call in calls:
        assert stage.stored(call.id).texts()[1:] == [token(f"{call.number}:{at}") for at in range(3)]


def test_a_gap_is_a_message_and_reading_goes_on_behind_it(stage: Stage) -> None:
    call = stage.journal().call()
    call.twilio(setup())
    call.backend(token("before"))
    call.chunk(BACKEND, frame(TEXT, b"half of it")[:6])
    call.gap(BACKEND, 4711, GapCause.DISK)
    call.chunk(BACKEND, b"of the other half")
    call.backend(token("after"))
    stage.recorder().finish()
    stored = stage.stored(call.id)
    assert [(m.kind, m.note, m.size) for m in stored.messages[call.id]][2:] == [
        ("text", "incomplete", 4),
        ("gap", "disk", 4711),
        ("undecodable", "skipped", 17),
        ("text", None, len(token("after"))),
    ]
    assert stored.session.gaps == 1


def test_gaps_that_the_writer_puts_behind_an_ending_still_count(stage: Stage) -> None:
    call = stage.journal().call()
    call.twilio(setup())
    call.quiet = True
    call.end()
    call.gap(BACKEND, 9, GapCause.DISK)
    call.journal.flush()
    stage.recorder().finish()
    stored = stage.stored(call.id)
    assert [(m.kind, m.size) for m in stored.messages[call.id]][1:] == [("gap", 9)]
    assert stored.session.ended_at is not None


def test_a_call_whose_opening_was_lost_is_recorded_all_the_same(stage: Stage) -> None:
    journal = stage.journal()
    known = journal.call()
    call = journal.call(lost=True)
    journal.now += 500
    call.gap(TWILIO, 300)
    call.backend(token("hello"))
    packed = Compressing(keeps=True).send(token("compressed").encode())
    call.chunk(BACKEND, packed)
    recorder = stage.recorder()
    recorder.finish()
    lost = [one for one in stage.archive.live_connections(journal.path.name) if one.id != known.id]
    assert [(one.number, one.opened_at) for one in lost] == [(2, NOON + 500 * MS)]
    messages = [*stage.archive.messages(lost[0].id)]
    assert [m.kind for m in messages] == ["gap", "text", "text"]
    assert messages[2].text == token("compressed")
    again = stage.recorder()
    call.end(t=0)
    again.finish()
    assert stage.archive.live_connections(journal.path.name)[0].id == known.id


def test_a_relay_that_died(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    call.backend(token("hello"), after=90)
    call.chunk(BACKEND, frame(TEXT, b"cut off")[:4])
    recorder = stage.recorder()
    recorder.finish()
    journal.raw(b"\x99\x00\x00\x00torn")
    journal.die()
    stage.recorder().finish()
    stored = stage.stored(call.id)
    ending = json.loads(stored.connections[0].ending or "")
    assert ending == {"t": 110 * MS, "cause": "relay_died"}
    assert stored.session.ended_at == NOON + 110 * MS
    assert [m.note for m in stored.messages[call.id]] == [
        None,
        None,
        "journal_damaged",
        "incomplete",
        "journal_damaged",
    ]
    assert not journal.path.exists()
    assert stage.archive.journals() == ()


def test_a_call_whose_journal_is_gone_has_ended(stage: Stage) -> None:
    lost, kept = stage.journal(), stage.journal()
    call, other = lost.call(), kept.call(connection_id="2" * 32)
    call.twilio(setup())
    call.backend(token("hello"), after=90)
    call.chunk(BACKEND, frame(TEXT, b"cut off")[:4])
    other.twilio(setup("VX2", "CA2"))
    recorder = stage.recorder()
    recorder.finish()
    recorder.close()
    lost.die()
    shutil.rmtree(lost.path)
    recorder = stage.recorder()
    recorder.finish()
    stored = stage.stored(call.id)
    assert json.loads(stored.connections[0].ending or "") == {"t": 100 * MS, "cause": "relay_died"}
    assert stored.session.ended_at == stored.connections[0].ended_at == NOON + 100 * MS
    assert stage.stored("2" * 32).session.ended_at is None
    assert [row.id for row in stage.archive.journals()] == [kept.path.name]


def test_where_a_journal_stood_is_forgotten_with_it(stage: Stage) -> None:
    stage.archive.commit(Batch(journals=(JournalRow("long gone", 3, 99),)))
    recorder = stage.recorder()
    recorder.finish()
    assert stage.archive.journals() == ()


def test_a_journal_that_is_lost_is_noticed_when_another_one_comes(stage: Stage) -> None:
    recorder = stage.recorder()
    recorder.finish()
    stage.archive.commit(Batch(journals=(JournalRow("long gone", 3, 99),)))
    recorder.finish()
    stage.journal()
    recorder.finish()
    assert stage.archive.journals() == ()


def test_two_calls_of_one_session_whose_journals_are_gone(stage: Stage) -> None:
    recorder = stage.recorder()
    journals, calls = [], []
    for number in range(2):
        journal = stage.journal()
        journal.now = number * 1000
        call = journal.call(connection_id=f"{number}" * 32)
        call.twilio(setup())
        call.backend(token("hello"), after=90)
        # The order in which journals are read depends on their names.
        recorder.finish()
        journals.append(journal)
        calls.append(call)
    recorder.close()
    for journal in journals:
        journal.die()
        shutil.rmtree(journal.path)
    stage.recorder().finish()
    ends = [one and (one.session, one.ended_at) for one in (stage.archive.connection(call.id) for call in calls)]
    assert ends == [(calls[0].id, NOON + 100 * MS), (calls[0].id, NOON + 1100 * MS)]


def test_a_journal_goes_when_its_writer_is_dead_and_all_is_committed(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    call.end()
    recorder = stage.recorder()
    recorder.finish()
    assert [row.id for row in stage.archive.journals()] == [journal.path.name]
    journal.die()
    recorder.finish()
    assert not journal.path.exists()
    assert stage.archive.journals() == ()
    assert stage.stored(call.id).session.outcome is not None


def test_segments_go_when_committed_and_no_live_call_needs_them(stage: Stage) -> None:
    journal = stage.journal()
    idle, slow = journal.call(), journal.call()
    idle.twilio(setup("VXidle", "CAidle"))
    journal.rotate()
    slow.chunk(TWILIO, frame(TEXT, prompt("in two parts").encode(), mask=True)[:9])
    journal.rotate()
    idle.backend(token("still here"))
    journal.rotate()
    idle.backend(token("still there"))
    recorder = stage.recorder()
    recorder.finish()
    # The idle call needs nothing; the slow one's message begins in segment 2.
    assert segment_numbers(journal.path) == [2, 3, 4]
    assert stage.archive.journals()[0].segment == 4
    slow.chunk(TWILIO, b"")
    slow.end()
    recorder.finish()
    assert segment_numbers(journal.path) == [4]


def test_a_message_that_never_ends_does_not_hold_the_journal_for_ever(stage: Stage) -> None:
    journal = stage.journal()
    endless, other = journal.call(), journal.call()
    endless.chunk(TWILIO, b"\x81\xff" + (2**60).to_bytes(8, "big") + b"mask" + b"x" * 50)
    recorder = stage.recorder(patience=2000)
    for at in range(40):
        other.backend(token(f"{at}" * 40))
        journal.rotate()
        recorder.play()
        recorder.commit()
        if at == 5:
            assert 1 in segment_numbers(journal.path)
    assert segment_numbers(journal.path) == [40, 41]
    [message] = stage.archive.messages(endless.id)
    assert (message.note, message.size) == ("incomplete", 50)
    endless.twilio(prompt("in sync again"))
    recorder.finish()
    assert [m.text for m in stage.archive.messages(endless.id)][-1] == prompt("in sync again")


@pytest.mark.parametrize("stored", [False, True])
def test_a_reconnect_joins_the_session_it_names(stage: Stage, stored: bool) -> None:
    journal = stage.journal()
    first = journal.call()
    first.twilio(setup("VX9", "CA9"))
    first.twilio(prompt("hello?"))
    recorder = stage.recorder()
    if stored:
        first.end()
        recorder.finish()
        recorder = stage.recorder()
    second = journal.call()
    if not stored:
        first.end()
    second.chunk(TWILIO, frame(PING, b"", mask=True))
    recorder.finish()
    assert stage.archive.session(second.id) is not None
    second.twilio(setup("VX9", "CA9"))
    second.backend(token("here I am", last=True))
    other = journal.call()
    other.twilio(setup("VX9", "CAother"))
    recorder.finish()

    together = stage.stored(first.id)
    assert [one.id for one in together.connections] == [first.id, second.id]
    assert stage.archive.session(second.id) is None
    assert stage.archive.turn_rows(second.id) == ()
    assert [m.seq for m in together.messages[second.id]] == [0, 1, 2]
    assert together.turns[-1].agent_text == "here I am"
    assert together.session.ended_at is None
    assert stage.stored(other.id).session.call_sid == "CAother"

    second.end()
    journal.now += 1000
    other.end()
    recorder.finish()
    over = stage.stored(first.id)
    assert over.session.ended_at == over.connections[1].ended_at
    assert stage.stored(other.id).session.ended_at != over.session.ended_at


def test_two_that_name_the_same_session_in_one_batch(stage: Stage) -> None:
    journal = stage.journal()
    calls = [journal.call(), journal.call(), journal.call()]
    for call in calls:
        call.twilio(setup("VX7", "CA7"))
        call.end()
    stage.recorder().finish()
    assert len(stage.stored(calls[0].id).connections) == 3
    assert [stage.archive.session(call.id) for call in calls[1:]] == [None, None]


def test_a_session_without_setup_stays_one_of_its_own(stage: Stage) -> None:
    journal = stage.journal()
    calls = [journal.call(), journal.call()]
    for call in calls:
        call.backend(token("who is there?"))
        call.twilio(setup("", ""))
    stage.recorder().finish()
    assert [stage.stored(call.id).session.session_id for call in calls] == [None, None]


def test_text_that_databases_refuse(stage: Stage) -> None:
    call = stage.journal().call()
    call.twilio(setup("VX\0", "CA1", customParameters={"a\0": "b\0"}))
    call.twilio(prompt("nul \0 and \ud800 alone"))
    call.backend('{"type":"text","token":"nul \\u0000 and \\ud83d\\ude00","last":true}')
    said = {"type": "interrupt", "utteranceUntilInterrupt": "nul \0 and \ud800", "durationUntilInterruptMs": 900}
    call.twilio(json.dumps(said))
    call.backend('{"type":"end","handoffData":"\\u0000"}')
    stage.recorder().finish()
    stored = stage.stored(call.id)
    assert stored.session.session_id == "VX\ufffd"
    for value in [*astuple(stored.session), *(value for turn in stored.turns for value in astuple(turn))]:
        if isinstance(value, str):
            assert "\0" not in value
            value.encode()
    assert stored.turns[-1].agent_text == "nul \ufffd and 😀"
    assert [m.kind for m in stored.messages[call.id]] == ["text"] * 5


def test_nothing_is_read_while_the_database_is_away(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    stop = threading.Event()
    recorder = stage.recorder(stop=stop)
    with sqlite3.connect(stage.folder / "relayproxy.db") as intruder:
        intruder.execute("create trigger no before insert on chunks begin select raise(abort, 'disk I/O error'); end")
    thread = threading.Thread(target=recorder.run)
    thread.start()
    try:
        while not caplog.records:
            thread.join(0.01)
        for at in range(20):
            call.backend(token(str(at)))
            thread.join(0.02)
        assert [*stage.archive.messages(call.id)] == []
        intruder.execute("drop trigger no")
        while len([*stage.archive.messages(call.id)]) < 21:
            thread.join(0.02)
    finally:
        stop.set()
        thread.join()
        intruder.close()
    assert stage.stored(call.id).texts()[1:] == [token(str(at)) for at in range(20)]
    assert [record.getMessage() for record in caplog.records] == [
        "nothing can be recorded (database: disk I/O error); calls go on, the journal keeps them",
        "recording goes on",
    ]


def test_a_database_without_schema_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(tmp_path, migrated=False)
    call = stage.journal().call()
    call.twilio(setup())
    stop = threading.Event()
    thread = threading.Thread(target=stage.recorder(stop=stop).run)
    thread.start()
    try:
        while not caplog.records:
            thread.join(0.01)
        assert "nothing can be recorded" in caplog.text
        migrate(stage.url)
        while stage.archive.session(call.id) is None:
            thread.join(0.02)
    finally:
        stop.set()
        thread.join()
        stage.close()


def test_told_to_stop_while_the_database_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(tmp_path, migrated=False)
    call = stage.journal().call()
    stop = threading.Event()
    thread = threading.Thread(target=stage.recorder(stop=stop).run)
    thread.start()
    while not caplog.records:
        thread.join(0.01)
    stop.set()
    thread.join()
    assert "the journal keeps what is not recorded" in caplog.text
    migrate(stage.url)
    stage.recorder().finish()
    assert stage.stored(call.id).session.ended_at is None
    stage.close()


def test_a_bug_in_the_fold_costs_the_meaning_and_not_the_messages(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def feed(self: object, connection_id: str, message: object) -> None:
        raise ZeroDivisionError(message)

    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    recorder = stage.recorder()
    recorder.finish()
    monkeypatch.setattr("relayproxy.conversation.fold.fold.Fold.feed", feed)
    for at in range(3):
        call.backend(token(f"secret words {at}"))
        recorder.finish()
    other = journal.call()
    other.backend(token("hi"))
    call.end()
    recorder.finish()
    stored = stage.stored(call.id)
    assert len(stored.texts()) == 4
    assert [message.type for message in stored.messages[call.id]] == ["setup", None, None, None]
    assert stored.session.call_sid == "CA1"
    assert (stored.session.outcome, stored.session.ended_at) == ("unknown", NOON + 60 * MS)
    assert stage.stored(other.id).texts() == [token("hi")]
    assert len(caplog.records) == 2
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


def test_a_bug_in_the_decoder_is_counted_as_undecodable(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    call = stage.journal().call()
    call.twilio(setup())
    recorder = stage.recorder()
    recorder.finish()
    with monkeypatch.context() as patch:
        patch.setattr("relayproxy.recorder.decoding.frames.Decoder._whole", None)
        call.backend("never decoded")
        recorder.finish()
    call.backend("nor this")
    call.twilio(prompt("but this side"))
    call.end()
    recorder.finish()
    messages = stage.stored(call.id).messages[call.id]
    assert [(m.kind, m.size) for m in messages][1:] == [("text", len(prompt("but this side"))), ("undecodable", 25)]
    assert len(caplog.records) == 1


def test_a_damaged_journal_shows_as_gaps(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    journal.raw(b"\x20\x00\x00\x00broken" + bytes(200))
    journal.rotate()
    call.backend(token("behind it"))
    stage.recorder().finish()
    stored = stage.stored(call.id)
    assert [(m.kind, m.sender, m.note) for m in stored.messages[call.id]][1:] == [
        ("gap", "twilio", "journal_damaged"),
        ("gap", "backend", "journal_damaged"),
        ("text", "backend", None),
    ]
    assert "segment 1 cannot be read" in caplog.text


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def test_calls_that_a_damaged_journal_swallowed_leave_a_gap_of_its_own(stage: Stage) -> None:
    journal = stage.journal()
    segment = segment_path(journal.path, 1)
    before = journal.call()
    before.twilio(setup())
    before.end()
    start = segment.stat().st_size
    journal.now += 1000
    swallowed = journal.call(quiet=True)
    swallowed.twilio(setup("VX2", "CA2"))
    swallowed.end()
    journal.flush()
    size = segment.stat().st_size - start
    flip(segment, start + size // 2)
    recorder = stage.recorder()
    recorder.finish()
    assert stage.gaps() == [], "what is not followed by anything may still be being written"
    journal.now += 1000
    after = journal.call()
    after.twilio(setup("VX3", "CA3"))
    recorder.finish()
    assert stage.archive.session(swallowed.id) is None
    assert stage.archive.session(after.id) is not None
    [gap] = stage.gaps()
    assert (gap.journal, gap.segment, gap.offset, gap.size, gap.cause) == (
        journal.path.name,
        1,
        start,
        size,
        "checksum",
    )
    assert (gap.since, gap.until) == (NOON + 20 * MS, after.opening.opened_at)


def test_a_gap_of_a_journal_is_told_once_however_often_the_recorder_starts(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.journal.reader._DOUBT", 0.0)
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    start = segment_path(journal.path, 1).stat().st_size
    call.twilio(prompt("never to be read"))
    flip(segment_path(journal.path, 1), start)  # its length
    for at in range(3):
        call.backend(token(f"token {at}"))
        stage.recorder().finish()
    assert [(gap.offset, gap.cause) for gap in stage.gaps()] == [(start, "format")]
    kinds = [message.kind for message in stage.stored(call.id).messages[call.id]]
    assert kinds == ["text", "gap", "gap", "text", "text", "text"]


def test_the_end_of_a_dead_relays_journal_that_cannot_be_read_is_a_gap(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    start = segment_path(journal.path, 1).stat().st_size
    call.twilio(prompt("cut"))
    os.truncate(segment_path(journal.path, 1), start + 20)
    journal.die()
    stage.recorder().finish()
    [gap] = stage.gaps()
    assert (gap.offset, gap.size, gap.cause, gap.since) == (start, 20, "torn", NOON + 10 * MS)
    assert gap.until >= gap.since


class Collector:
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def export(self, spans: list[Span]) -> None:
        self.spans += spans


def test_each_span_leaves_once_and_not_again_after_a_restart(stage: Stage) -> None:
    collector = Collector()
    call = stage.journal().call()
    call.twilio(setup())
    for at in range(4):
        call.twilio(prompt(f"question {at}"))
        call.backend(token(f"answer {at}", last=True))
        call.journal.now += 60_000
    recorder = stage.recorder(exporter=collector)
    recorder.finish()
    before = len(collector.spans)
    assert before > 1
    recorder.finish()
    assert len(collector.spans) == before
    recorder = stage.recorder(exporter=collector)
    call.twilio(prompt("last question"))
    recorder.finish()
    assert len(collector.spans) > before
    call.end()
    recorder.finish()
    ids = [span.span_id for span in collector.spans]
    assert len(ids) == len(set(ids))
    names = [span.name for span in collector.spans]
    assert names.count("conversation") == 1
    assert names.count("turn") == len(stage.stored(call.id).turns)
    assert names.count("backend") == 4


def test_turns_of_an_earlier_derivation_go(stage: Stage) -> None:
    call = stage.journal().call()
    call.twilio(setup())
    stage.recorder().finish()
    [turn] = stage.archive.turn_rows(call.id)
    stage.archive.commit(Batch(turns=(replace(turn, caller_text="derived otherwise"), replace(turn, number=7))))
    call.chunk(TWILIO, frame(PING, b"", mask=True))
    stage.recorder().finish()
    assert stage.archive.turn_rows(call.id) == (turn,)


def test_a_fragment_and_a_deflate_context_over_a_restart(stage: Stage) -> None:
    call = stage.journal().call(response_headers=DEFLATE)
    sender = Compressing(keeps=True)
    call.twilio(setup())
    call.chunk(BACKEND, sender.send(token("the same words").encode()))
    packed = sender.send(token("the same words").encode() * 3)
    call.chunk(BACKEND, packed[:5])
    plain = prompt("one two").encode()
    call.chunk(TWILIO, frame(TEXT, plain[:9], mask=True, fin=False) + frame(PING, b"?", mask=True))
    for _ in range(3):
        stage.recorder().finish()
    call.journal.rotate()
    call.chunk(BACKEND, packed[5:])
    call.chunk(TWILIO, frame(CONTINUATION, plain[9:], mask=True))
    stage.recorder().finish()
    messages = stage.stored(call.id).messages[call.id]
    assert [m.text or m.data for m in messages][1:] == [
        token("the same words"), b"?", token("the same words") * 3, prompt("one two"),
    ]  # fmt: skip
    assert [m.seq for m in messages] == [0, 1, 2, 3, 4]
    assert [m.note for m in messages] == [None] * 5


def test_where_the_journal_stands_is_committed_with_what_was_read(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    recorder = stage.recorder()
    recorder.finish()
    assert stage.archive.journals() == (
        JournalRow(journal.path.name, 1, (journal.path / "00000001.seg").stat().st_size),
    )
    call.twilio(setup())
    assert recorder.play()
    assert not recorder.play()
    assert [*stage.archive.messages(call.id)] == []


def test_what_had_to_wait_for_its_reader(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    journal.entry(BACKEND, call.number, frame(TEXT, token("Hi.").encode()), took=MAX_TOOK)
    journal.flush()
    stage.recorder().finish()

    at_once, held = stage.archive.messages(call.id)
    assert (at_once.held, at_once.out) == (False, at_once.t + MS)
    assert (held.held, held.out) == (True, None)


def test_a_message_is_decoded_once_on_its_way_from_the_journal_to_the_row(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    for number in range(20):
        call.twilio(prompt(f"hello {number}"))
        call.backend(token("Sure, "))
        call.backend(token("at once.", last=True))
    call.backend('{"type":"txt","token":"a slip"}')
    call.backend('{"type":"end","handoffData":"{\\"reasonCode\\":\\"done\\"}"}')
    call.end()
    recorder = stage.recorder()
    parsers: Counter[str] = Counter()

    def count(frame: FrameType, event: str, called: Any) -> None:
        if event == "call" and frame.f_code.co_name in ("loads", "string_members"):
            parsers[frame.f_code.co_name] += 1
        elif event == "c_call" and isinstance(called.__self__, msgspec.json.Decoder):
            kind = called.__self__.type
            parsers["backend's" if Text in get_args(kind) else "Twilio's" if Prompt in get_args(kind) else "other"] += 1

    sys.setprofile(count)
    recorder.finish()
    sys.setprofile(None)

    # As JSON of any kind: the setup, the slip, and what is within the handoff's string.
    assert parsers == {"Twilio's": 1 + 20, "backend's": 2 * 20 + 2, "loads": 3}
    assert stage.stored(call.id).session.handoff_reason == "done"
