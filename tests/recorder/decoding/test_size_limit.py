"""How much of one connection is kept: little of one that says nothing of a call, and not without end of any."""

import os

import pytest

from relayproxy.conversation.message import Message
from relayproxy.journal.format import EntryKind, GapCause
from relayproxy.recorder.decoding.size_limit import UNNAMED_LIMIT
from relayproxy.redaction.rules import Rules
from tests.recorder.decoding.test_deflate import Compressing
from tests.recorder.stage import DEFLATE, TEXT, Call, Stage, prompt, setup, token
from tests.wire import frame

TWILIO, BACKEND = EntryKind.TWILIO_CHUNK, EntryKind.BACKEND_CHUNK
PIECE = 1000
BINARY = 2


def noise(call: Call, pieces: int) -> int:
    """Binary messages of a stranger; the bytes that they take on the wire."""
    sent = 0
    for _ in range(pieces):
        data = frame(BINARY, os.urandom(PIECE), mask=True)
        sent += len(data)
        call.chunk(TWILIO, data, after=1)
    return sent


def kept(messages: list[Message]) -> int:
    """Wire bytes of the messages of `noise` that were kept."""
    return sum(len(frame(BINARY, message.data or b"", mask=True)) for message in messages if message.kind == "binary")


def gaps(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message.kind == "gap"]


@pytest.mark.parametrize("restarts", [False, True])
def test_of_a_connection_that_never_says_what_call_it_is_little_is_kept(stage: Stage, restarts: bool) -> None:
    call = stage.journal().call()
    recorder, sent = stage.recorder(), 0
    for _ in range(20):
        sent += noise(call, 50)
        recorder.finish()
        if restarts:
            recorder = stage.recorder()
    call.end()
    recorder.finish()
    messages = stage.stored(call.id).messages[call.id]
    assert 0.9 * UNNAMED_LIMIT < kept(messages) <= UNNAMED_LIMIT
    assert kept(messages) + sum(gap.size for gap in gaps(messages)) == sent
    assert {gap.note for gap in gaps(messages)} == {"limit"}
    assert len(gaps(messages)) < 12
    assert stage.stored(call.id).session.gaps == len(gaps(messages))


def test_with_a_setup_message_all_is_kept_also_after_it_was_lost(stage: Stage) -> None:
    journal = stage.journal()
    named, holed, late = journal.call(), journal.call(), journal.call()
    named.twilio(setup())
    holed.gap(TWILIO, 400, GapCause.DISK)
    noise(late, 20)
    late.twilio(setup("VX2", "CA2"))
    for call in (named, holed, late):
        noise(call, 100)
        call.end()
    stage.recorder().finish()
    for call in (named, holed, late):
        messages = stage.stored(call.id).messages[call.id]
        assert len([message for message in messages if message.kind == "binary"]) >= 100
        assert "limit" not in {gap.note for gap in gaps(messages)}


def test_of_binary_data_which_no_call_has_less_is_kept_than_of_words(stage: Stage) -> None:
    limit = 4 * 1024 * 1024
    journal = stage.journal()
    loud, wordy = journal.call(), journal.call()
    loud.twilio(setup())
    noise(loud, 200)
    wordy.twilio(setup("VX2", "CA2"))
    for _ in range(200):
        wordy.twilio(prompt("words " * 150))
    for call in (loud, wordy):
        call.end()
    stage.recorder(size_limit=limit).finish()
    messages = stage.stored(loud.id).messages[loud.id]
    assert 50 < len([message for message in messages if message.kind == "binary"]) < 80
    assert {gap.note for gap in gaps(messages)} == {"limit"}
    assert not gaps(stage.stored(wordy.id).messages[wordy.id])


@pytest.mark.parametrize("restarts", [False, True])
def test_messages_count_for_more_than_their_bytes(stage: Stage, restarts: bool) -> None:
    limit = 1024 * 1024
    call = stage.journal().call()
    call.twilio(setup())
    call.twilio(prompt("Hello?"))
    recorder = stage.recorder(size_limit=limit)
    empty = frame(BINARY, b"") * 1000
    for number in range(20):
        call.chunk(BACKEND, empty)
        if restarts and number % 4 == 0:
            recorder.finish()
            recorder = stage.recorder(size_limit=limit)
    call.chunk(BACKEND, frame(TEXT, token("Good bye.", last=True).encode()))
    call.end()
    recorder.finish()
    stored = stage.stored(call.id)
    messages = stored.messages[call.id]
    assert 0.8 * limit < 100 * len(messages) < 1.2 * limit
    assert {gap.note for gap in gaps(messages)} == {"limit"}
    assert [turn.caller_text for turn in stored.turns][-1] == "Hello?"
    assert stored.session.outcome is not None


def test_of_what_compression_makes_of_next_to_nothing_little_is_kept(stage: Stage) -> None:
    limit = 4 * 1024 * 1024
    journal = stage.journal()
    bomb, spoken = (journal.call(response_headers=DEFLATE) for _ in range(2))
    squeezed, usual = Compressing(keeps=True), Compressing(keeps=True)
    bomb.twilio(setup())
    spoken.twilio(setup("VX2", "CA2"))
    sent = [squeezed.send(token("a" * 50_000).encode()) for _ in range(60)]
    for one in sent:
        bomb.chunk(BACKEND, one, after=1)
    sorry = token("I am sorry, I did not get that. Could you say it once more, please? " * 4, last=True).encode()
    for number in range(400):
        for part in (token(f"You are number {number} ").encode(), token("in the line.", last=True).encode(), sorry):
            spoken.chunk(BACKEND, usual.send(part), after=1)
    for call in (bomb, spoken):
        call.end()

    stage.recorder(size_limit=limit, rules=Rules()).finish()

    messages = stage.stored(bomb.id).messages[bomb.id]
    texts = [message for message in messages if message.sender == "backend" and message.kind == "text"]
    assert 5 < len(texts) < 10
    assert {gap.note for gap in gaps(messages)} == {"limit"}
    assert sum(gap.size for gap in gaps(messages)) == sum(map(len, sent[len(texts) :]))
    messages = stage.stored(spoken.id).messages[spoken.id]
    assert len(messages) == 1 + 3 * 400
    assert not gaps(messages)


def test_of_one_long_message_all_is_counted_once_it_has_come(stage: Stage) -> None:
    call, squeezed = stage.journal().call(response_headers=DEFLATE), Compressing(keeps=True)
    call.twilio(setup())
    size = 2 * 1024 * 1024
    sent = squeezed.send(token("a" * size).encode(), pieces=4) + squeezed.send(token("and more", last=True).encode())
    for at in range(0, len(sent), 500):
        call.chunk(BACKEND, sent[at : at + 500], after=1)
    for _ in range(3):
        call.chunk(BACKEND, squeezed.send(token("and more", last=True).encode()), after=1)
    call.end()
    stage.recorder(size_limit=4 * 1024 * 1024).finish()
    messages = stage.stored(call.id).messages[call.id]
    long, behind, *rest = messages[1:]
    assert (long.kind, long.cut, long.note) == ("text", True, None)
    assert long.size > size
    assert (behind.kind, behind.note) == ("text", None)
    assert {(one.kind, one.note) for one in rest} == {("gap", "limit")}
