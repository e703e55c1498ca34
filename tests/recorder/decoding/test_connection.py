"""The two directions of a connection become one numbered list of messages, with what is missing in its place."""

from dataclasses import replace

import pytest

from relayproxy.connection import Ending, Opening
from relayproxy.journal.format import MAX_TOOK, EntryKind, GapBody, GapCause, JournalEntry
from relayproxy.recorder.decoding.connection import DecodedConnection
from relayproxy.recordings.connections import facts_of
from tests.recorder.decoding.test_deflate import Compressing
from tests.recorder.stage import CONTINUATION, DEFLATE, MS, PING, TEXT, Stage, prompt, setup, token
from tests.wire import frame

TWILIO, BACKEND = EntryKind.TWILIO_CHUNK, EntryKind.BACKEND_CHUNK


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


def opened(**known: object) -> DecodedConnection:
    known = {"size_limit": 1 << 30, **known}
    id = "1" * 32
    opening = Opening(id, id, id[:16], "default", "ws://agent/", "/", 1_000_000, "127.0.0.1:1", status=101)
    return DecodedConnection(opening, journal="j1", number=7, opened_mono=400, limit=1000, **known)  # type: ignore[arg-type]


def entry(kind: EntryKind, body: bytes, t: int, took: int = 5, offset: int = 0) -> JournalEntry:
    return JournalEntry(kind, 7, t, took, body, offset)


def test_both_directions_share_one_numbering_and_the_clock_of_the_opening() -> None:
    connection = opened()
    first = connection.chunks([(entry(TWILIO, frame(TEXT, b"hello", mask=True), 410), 1)])
    second = connection.chunks([(entry(BACKEND, frame(TEXT, b"hi") + frame(TEXT, b"you"), 430), 1)])

    assert [(m.seq, m.sender, m.text, m.t, m.out) for m in first + second] == [
        (0, "twilio", "hello", 10, 15),
        (1, "backend", "hi", 30, 35),
        (2, "backend", "you", 30, 35),
    ]
    assert connection.fresh == first + second
    assert (connection.wall, connection.last_t, connection.row().next_seq) == (1_000_000 - 400, 30, 3)


def test_a_gap_says_which_side_how_much_and_why_and_one_that_cannot_be_read_is_one_of_both() -> None:
    connection = opened()
    gap = GapBody(GapCause.QUOTA, BACKEND, 3, 4711, 420).pack()

    assert [(m.kind, m.sender, m.size, m.note, m.t) for m in connection.gap(entry(EntryKind.GAP, gap, 420))] == [
        ("gap", "backend", 4711, "quota", 20)
    ]
    assert [(m.kind, m.sender, m.size, m.note) for m in connection.gap(entry(EntryKind.GAP, b"?", 421))] == [
        ("gap", "twilio", 0, "journal_damaged"),
        ("gap", "backend", 0, "journal_damaged"),
    ]


def test_the_oldest_message_under_way_says_what_of_the_journal_is_still_needed() -> None:
    connection = opened()
    whole = frame(TEXT, b"hello", mask=True)
    connection.chunks([(entry(TWILIO, whole[:4], 410, offset=100), 2)])
    connection.chunks([(entry(BACKEND, frame(TEXT, b"hi")[:2], 411, offset=200), 2)])
    assert connection.pending == (2, 100)

    connection.chunks([(entry(TWILIO, whole[4:], 412, offset=300), 2)])
    assert connection.pending == (2, 200)
    assert [(m.text, m.note) for m in connection.abandon()] == [("", "incomplete")]
    assert connection.pending is None


def test_restored_it_goes_on_where_its_row_was_committed() -> None:
    connection = opened()
    whole = frame(TEXT, b"hello", mask=True)
    connection.chunks([(entry(BACKEND, frame(TEXT, b"hi"), 405), 1)])
    connection.chunks([(entry(TWILIO, whole[:6], 410, offset=100), 1)])

    again = DecodedConnection.restore(connection.row(), facts_of(connection.row()), 1000, 1 << 30)
    again.replay(entry(TWILIO, whole[:6], 410, offset=100), 1)
    messages = again.chunks([(entry(TWILIO, whole[6:], 420, offset=200), 1)])

    assert [(m.seq, m.text, m.t) for m in messages] == [(1, "hello", 20)]
    assert again.fresh == messages
    assert replace(again.row(), resume=None) == replace(connection.row(), next_seq=2, resume=None)
    again.set_types(messages, ["setup"])
    assert again.row().resume is None


def test_when_it_has_ended_its_row_says_when_and_nothing_goes_on() -> None:
    connection = opened()
    connection.chunks([(entry(BACKEND, frame(TEXT, b"hello")[:4], 410), 1)])
    messages = connection.end(Ending(t=50, first="twilio"))

    assert [(m.text, m.note, m.t) for m in messages] == [("he", "incomplete", 50)]
    row = connection.row()
    assert (row.ended_at, row.resume, connection.last_t) == (1_000_050, None, 50)
    assert row.ending == '{"t":50,"first":"twilio"}'


def test_types_are_those_of_the_last_messages() -> None:
    connection = opened()
    connection.chunks([(entry(BACKEND, frame(TEXT, b"one"), 410), 1)])
    later = connection.chunks([(entry(BACKEND, frame(TEXT, b"two") + frame(TEXT, b"three"), 420), 1)])

    connection.set_types(later, ["text", None])

    assert [m.type for m in connection.fresh] == [None, "text", None]
