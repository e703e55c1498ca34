"""A journal is played to its end: segments, damage, relays that died, and what its files are still needed for."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from relayproxy.journal.format import EntryKind, GapCause
from relayproxy.journal.reader import START
from relayproxy.journal.segments import segment_numbers, segment_path
from relayproxy.recorder.journal_player import JournalPlayer
from relayproxy.redaction.rules import Rules
from relayproxy.store.schema.rows import JournalRow
from tests.recorder.decoding.test_deflate import Compressing
from tests.recorder.stage import DEFLATE, MS, NOON, TEXT, Stage, prompt, setup, token
from tests.wire import frame

TWILIO, BACKEND = EntryKind.TWILIO_CHUNK, EntryKind.BACKEND_CHUNK


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


def test_an_error_of_the_disk_takes_nothing_along_that_was_read_before_it(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    segment_path(journal.path, 2).mkdir()  # every read of it fails
    recorder = stage.recorder()
    recorder.play()
    recorder.play()
    segment_path(journal.path, 2).rmdir()
    journal.rotate()
    call.backend(token("hello"))
    recorder.finish()

    assert [message.kind for message in stage.archive.messages(call.id)] == ["text", "text"]
    assert stage.gaps() == []


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
    assert segment_numbers(journal.path) == [41]
    [message] = stage.archive.messages(endless.id)
    assert (message.note, message.size) == ("incomplete", 50)
    endless.twilio(prompt("in sync again"))
    recorder.finish()
    assert [m.text for m in stage.archive.messages(endless.id)][-1] == prompt("in sync again")


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


def test_what_a_database_of_before_lacks_and_the_journal_has_deleted_is_a_gap(stage: Stage, tmp_path: Path) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    stage.recorder().finish()
    before = sqlite3.connect(tmp_path / "before.db")
    with sqlite3.connect(stage.folder / "relayproxy.db") as db:
        db.backup(before)
    call.twilio(prompt("lost"))
    journal.rotate()
    call.twilio(prompt("still there"))
    stage.recorder().finish()
    assert segment_numbers(journal.path) == [2]
    with sqlite3.connect(stage.folder / "relayproxy.db") as db:
        before.backup(db)
    before.close()
    for word in ("one", "two"):
        call.backend(token(word))
        stage.recorder().finish()
    stored = stage.stored(call.id)
    assert [(gap.segment, gap.cause) for gap in stage.gaps()] == [(1, "missing")]
    assert [message.kind for message in stored.messages[call.id]] == ["text", "gap", "gap", "text", "text", "text"]
    assert "still there" in (stored.messages[call.id][3].text or "")
    assert stored.session.gaps == 2


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


@pytest.mark.parametrize("restart", [False, True])
def test_a_call_is_there_from_its_request_on_and_then_knows_what_the_backend_answered(
    stage: Stage, restart: bool
) -> None:
    journal, recorder = stage.journal(), stage.recorder(version_from="header:X-App-Version")
    answer = {"response_headers": (("X-App-Version", "7"), *DEFLATE), "status": 101, "connected_after": MS}
    call = journal.call(requested=True, **answer)
    recorder.finish()
    dialling = stage.stored(call.id)
    assert (dialling.session.ended_at, dialling.session.backend_version) == (None, None)
    recorder = stage.recorder(version_from="header:X-App-Version") if restart else recorder
    call.answer()
    call.twilio(setup())
    call.chunk(BACKEND, Compressing(keeps=True).send(token("compressed").encode()))
    call.end()
    recorder.finish()
    stored = stage.stored(call.id)
    assert stored.texts()[1] == token("compressed")
    assert json.loads(stored.connections[0].opening)["status"] == 101
    assert stored.session.backend_version == "7"


def test_of_a_call_whose_relay_died_while_it_dialled_there_is_a_session(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call(requested=True)
    journal.die()
    stage.recorder().finish()
    session = stage.stored(call.id).session
    assert session.ended_at is not None
    assert "relay process stopped" in (session.end_reason or "")


def test_a_request_that_the_backend_refused_is_told_as_that(stage: Stage) -> None:
    call = stage.journal().call(requested=True, status=403, error="the backend answered 403")
    recorder = stage.recorder()
    recorder.finish()
    call.answer()
    call.end(first="backend")
    recorder.finish()
    session = stage.stored(call.id).session
    assert session.end_reason == "The call could not be connected: the backend answered 403."


def test_a_segment_goes_once_the_next_one_is_begun_although_nothing_is_in_that_one(stage: Stage) -> None:
    journal = stage.journal()
    call = journal.call()
    call.twilio(setup())
    call.end()
    recorder = stage.recorder()
    recorder.finish()
    assert [*segment_numbers(journal.path)] == [1]
    journal.rotate()
    recorder.finish()
    assert [*segment_numbers(journal.path)] == [2]
    recorder.close()
    later = journal.call()
    later.twilio(setup("VX2", "CA2"))
    later.end()
    stage.recorder().finish()
    assert len(stage.stored(later.id).messages[later.id]) == 1
    assert stage.gaps() == []


def test_what_a_call_said_is_played_together_once_it_has_named_itself(stage: Stage) -> None:
    journal = stage.journal()
    calls = [journal.call(quiet=True) for _ in range(2)]
    for call in calls:
        call.twilio(setup(f"VX{call.number}"))
    for _ in range(3):
        for call in calls:
            call.backend(token("and so on, "))
        journal.flush()
    calls[0].end()
    journal.flush()
    player = JournalPlayer(
        journal.path, START, (), message_limit=1000, size_limit=1 << 20, patience=1 << 20, rules=lambda _route: Rules()
    )

    played = []
    for event in player.play(1 << 20):
        played.append((event.connection.number, event.what, len(event.messages)))
        event.connection.set_types(event.messages, ["setup" if one.seq == 0 else "text" for one in event.messages])
    assert played == [
        (1, "opened", 0), (2, "opened", 0), (1, "messages", 1), (2, "messages", 1),
        (1, "messages", 3), (1, "ended", 0), (2, "messages", 3),
    ]  # fmt: skip
    player.close()
