"""The play loop on a real database: calls, gaps, reconnects, dead relays, a database that is away."""

import gzip
import json
import logging
import shutil
import sqlite3
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any, get_args

import msgspec
import pytest

from relayproxy.conversation.protocol.messages import Prompt, Text
from relayproxy.journal.format import EntryKind
from relayproxy.recorder.sessions.session import connection_of
from relayproxy.recordings.call import fold_connections
from relayproxy.store.schema.rows import Batch, JournalRow
from relayproxy.store.write.archive import Archive
from tests.databases import migrated
from tests.recorder.decoding.test_deflate import Compressing
from tests.recorder.stage import CLOSE, DEFLATE, MS, NOON, PING, Stage, prompt, setup, token
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


@pytest.mark.in_database
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


def test_what_takes_long_to_play_is_committed_journal_by_journal(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relayproxy.recorder.recorder.LONGEST", 0.0)
    calls = [stage.journal().call() for _ in range(3)]
    for call in calls:
        call.twilio(setup(f"VX{call.id}", f"CA{call.id}"))
    commits: list[Batch] = []

    class Watched(Archive):
        def commit(self, batch: Batch) -> None:
            super().commit(batch)
            commits.append(batch)

    stage.recorder(Watched).play()
    assert [len(batch.connections) for batch in commits] == [1, 1, 1]


@pytest.mark.parametrize("size", [300_000, 700_000, 1_500_000])
def test_a_dead_relays_journal_is_committed_however_much_of_it_is_read_at_once(stage: Stage, size: int) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    for _ in range(size // 50_000):
        call.backend(token("word " * 10_000))
    journal.die()
    looks = iter(range(1000))

    def no_end_of_looks(_: object) -> None:
        next(looks)

    stage.recorder(beat=no_end_of_looks).run(to_the_end=True)

    assert len([*stage.archive.messages(call.id)]) == 1 + size // 50_000
    assert not journal.path.exists()


def test_told_to_stop_among_many_journals_it_leaves_what_would_take_longer_than_it_has(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relayproxy.recorder.recorder.FINISH_TIME", 0.0)
    calls = []
    for number in range(1, 6):
        journal = stage.journal()
        calls.append(journal.call(connection_id=f"{number:032x}"))
        calls[-1].twilio(setup(f"VX{number}", f"CA{number}"))
        journal.die()
    stop = threading.Event()

    stage.recorder(stop=stop, beat=lambda _look: stop.set()).run()
    assert sum(len([*stage.archive.messages(call.id)]) for call in calls) == 1

    stage.recorder().run(to_the_end=True)
    assert [len([*stage.archive.messages(call.id)]) for call in calls] == [1] * 5


def test_what_is_compressed_a_thousandfold_is_committed_in_parts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relayproxy.recorder.journal_player.STEP", 4096)
    monkeypatch.setattr("relayproxy.recorder.journal_player.MOST_DECODED", 1_000_000)
    monkeypatch.setattr("relayproxy.recorder.recorder.BATCH_SIZE", 1_000_000)
    journal = stage.journal()
    call, compressing = journal.call(response_headers=DEFLATE), Compressing(keeps=True)
    call.twilio(setup())
    for _ in range(200):
        call.chunk(BACKEND, compressing.send(token("a" * 50_000).encode()))
    sizes: list[int] = []

    class Watched(Archive):
        def commit(self, batch: Batch) -> None:
            super().commit(batch)
            sizes.append(sum(len(chunk.lines) for chunk in batch.chunks))

    journal.die()
    stage.recorder(Watched).run(to_the_end=True)

    assert sum(sizes) > 10_000_000
    assert max(sizes) < 3_000_000
    assert [m.kind for m in stage.archive.messages(call.id)].count("text") == 201


def test_a_refused_call_is_a_session_of_its_own(stage: Stage) -> None:
    call = stage.journal().call(status=502, error="the backend refused the connection")
    call.end(first="backend", twilio=None, backend=None)
    stage.recorder().finish()
    stored = stage.stored(call.id)
    assert (stored.session.outcome, stored.session.messages) == ("backend_connect_failed", 0)
    assert stored.session.ended_at is not None


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
        migrated(stage.url)
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
    migrated(stage.url)
    stage.recorder().finish()
    assert stage.stored(call.id).session.ended_at is None
    stage.close()


def test_a_message_is_decoded_once_on_its_way_from_the_journal_to_the_row(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    for number in range(20):
        call.twilio(prompt(f"hello {number}"))
        # Said nowhere else: what came lately is remembered.
        call.backend(token(f"Decoded once, {number} "))
        call.backend(token(f"and at {number} again.", last=True))
    call.backend('{"type":"txt","token":"a slip, decoded once"}')
    call.backend('{"type":"end","handoffData":"{\\"reasonCode\\":\\"decoded-once\\"}"}')
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
    assert stage.stored(call.id).session.handoff_reason == "decoded-once"


def test_what_two_sockets_of_a_session_say_at_the_same_time_is_derived_in_its_order(stage: Stage) -> None:
    journal = stage.journal()
    first = journal.call(quiet=True)
    first.twilio(setup("VX7", "CA7"))
    first.twilio(prompt("Is anybody there?"))
    first.backend(token("Yes, "))
    second = journal.call(quiet=True)
    second.twilio(setup("VX7", "CA7"))
    for at in range(3):
        second.twilio(prompt(f"Question {at}?"))
        first.backend(token(f"first {at}", last=True))
        second.backend(token(f"second {at}", last=True))
    first.end()
    second.end()
    journal.flush()
    recorder = stage.recorder()
    recorder.finish()

    stored = stage.stored(first.id)
    parts = [connection_of(row, stored.messages[row.id]) for row in stored.connections]
    derived = fold_connections(parts)
    assert [turn.agent_text for turn in stored.turns] == [turn.agent_text for turn in derived.turns]
    assert [turn.caller_text for turn in stored.turns] == [turn.caller_text for turn in derived.turns]
    assert len(derived.turns) > 3
