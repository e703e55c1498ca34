"""Bytes of one direction into messages: RFC 6455 case by case, in any chunking, and after a restart at any byte."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

import relayproxy
from relayproxy.conversation.message import Message, read_lines, write_lines
from relayproxy.recorder.decoding.frames import Decoder, DecoderState
from tests.recorder.direction import LIMIT, decode, make, sha256, split, summary, timeless
from tests.wire import frame

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
cuts = st.lists(st.integers(0, 100_000), max_size=8)


def backend(*frames: bytes) -> list[tuple[object, ...]]:
    return summary(decode(make(), [b"".join(frames)]))


def held() -> int:
    """Bytes that relayproxy's own code has asked for since tracemalloc started, and holds. Other threads of this
    process, those that speak with a browser or with other workers, ask for some at any time."""
    own = tracemalloc.Filter(True, f"{Path(relayproxy.__file__).parent}/*")
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([own]).traces)


def test_whole_messages_of_every_length_form() -> None:
    for size in (0, 1, 125, 126, 127, 999, 1000):
        [text] = decode(make(), [frame(TEXT, b"a" * size)])
        assert (text.kind, text.text, text.size, text.frames, text.cut, text.note) == (
            "text", "a" * size, size, 1, False, None,
        )  # fmt: skip
        [binary] = decode(make("twilio"), [frame(BINARY, b"b" * size, mask=True)])
        assert (binary.kind, binary.data, binary.size, binary.text) == ("binary", b"b" * size, size, None)


def test_longer_length_forms_than_needed() -> None:
    assert backend(frame(TEXT, b"hi", length_bytes=2), frame(TEXT, b"ho", length_bytes=8), frame(PING, b"")) == [
        ("text", "hi"), ("text", "ho"), ("ping", None),
    ]  # fmt: skip


def test_messages_are_numbered_and_timed_by_the_chunk_that_completes_them() -> None:
    decoder = make()
    first, second = frame(TEXT, b"one"), frame(TEXT, b"two")
    [one] = decoder.feed(first + second[:2], 100, 110, 7, (1, 0))
    [two] = decoder.feed(second[2:], 200, 230, 8, (1, 50))
    assert (one.seq, one.t, one.out, one.sender) == (7, 100, 110, "backend")
    assert (two.seq, two.t, two.out) == (8, 200, 230)


def test_fragments_are_merged_and_counted_with_control_frames_between() -> None:
    messages = decode(
        make(),
        [
            frame(TEXT, b"na", fin=False)
            + frame(PING, b"still there?")
            + frame(CONTINUATION, b"\xc3", fin=False)
            + frame(CONTINUATION, b"", fin=False)
            + frame(PONG, b"")
            + frame(CONTINUATION, b"\xaf")
            + frame(BINARY, b"", fin=False)
            + frame(CONTINUATION, b"")
        ],
    )
    assert summary(messages) == [("ping", b"still there?"), ("pong", None), ("text", "naï"), ("binary", b"")]
    assert [message.frames for message in messages] == [1, 1, 4, 2]


@pytest.mark.parametrize(
    ("odd", "note"),
    [
        (b"\xc1\x00", "reserved_bits"),
        (b"\xa1\x00", "reserved_bits"),
        (b"\x99\x00", "reserved_bits"),
        (b"\x83\x00", "reserved_opcode"),
        (b"\x8b\x00", "reserved_opcode"),
        (b"\x8f\x00", "reserved_opcode"),
        (b"\x09\x00", "fragmented_control"),
        (b"\x80\x00", "unexpected_continuation"),
        (b"\x81\x80\x00\x00\x00\x00", "wrong_mask"),
        (b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x01", "invalid_length"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "reserved_bits"),
    ],
)
def test_what_is_no_websocket_traffic_ends_the_reading(odd: bytes, note: str) -> None:
    before, after = frame(TEXT, b"fine"), frame(TEXT, b"too late")
    messages = decode(make(), [before + odd + after])
    assert summary(messages) == [("text", "fine"), ("undecodable", len(odd + after))]
    assert (messages[1].note, messages[1].data) == (note, odd + after)
    for cut in range(1, len(odd)):
        messages = decode(make(), [before + odd[:cut], odd[cut:] + after, b"and more"])
        assert summary(messages) == [("text", "fine"), ("undecodable", len(odd + after) + 8)]
        assert messages[1].note == note


def test_frames_of_twilio_must_be_masked() -> None:
    [message] = decode(make("twilio"), [frame(TEXT, b"hi")])
    assert (message.kind, message.note) == ("undecodable", "wrong_mask")


def test_a_message_within_a_fragmented_one() -> None:
    messages = decode(make(), [frame(TEXT, b"half", fin=False) + frame(TEXT, b"whole")])
    assert summary(messages) == [("text", "half"), ("undecodable", 7)]
    assert [message.note for message in messages] == ["incomplete", "unfinished_message"]


def test_payloads_over_the_limit_keep_head_length_and_hash() -> None:
    payload = ("é" * 700).encode()  # the limit falls between characters; one byte on, within one
    for sent in (payload, b"x" + payload):
        for chunks in ([frame(TEXT, sent)], split(frame(TEXT, sent, mask=False), range(0, 3000, 7))):
            [message] = decode(make(), chunks)
            assert message.text == sent[:LIMIT].decode(errors="ignore")
            assert (message.size, message.cut, message.sha256) == (len(sent), True, sha256(sent))
    [binary] = decode(make(), [frame(BINARY, payload, fin=False), frame(CONTINUATION, payload)])
    assert (binary.data, binary.size, binary.sha256) == (payload[:LIMIT], 2800, sha256(payload * 2))


def test_the_end_accounts_for_what_is_under_way() -> None:
    whole = frame(TEXT, b"hello") + frame(BINARY, b"abc", fin=False) + frame(PING, b"pi")
    for size in range(len(whole) + 1):
        messages = decode(make(), [whole[:size]])
        got = sum(message.size for message in messages)
        # Every byte is in some message, or in the head of a frame that a message stands for.
        heads = 2 * sum(message.kind != "undecodable" for message in messages)
        assert got + heads == size
    assert summary(messages) == [("text", "hello"), ("ping", b"pi"), ("binary", b"abc")]
    assert [message.note for message in messages] == [None, None, "incomplete"]


def test_lengths_that_never_come_cost_nothing() -> None:
    tracemalloc.start()
    try:
        decoders = [make("twilio") for _ in range(100)]
        for decoder in decoders:
            assert decoder.feed(b"\x82\xff" + (2**62).to_bytes(8, "big") + b"mask", 0, 0, 0, (1, 0)) == []
            for _ in range(20):
                assert decoder.feed(b"z" * 1000, 0, 0, 0, (1, 0)) == []
        assert held() < 100 * 5 * LIMIT
    finally:
        tracemalloc.stop()
    [message] = decoders[0].end(9, 0)
    assert (message.kind, message.size, message.cut, message.note) == ("binary", 20_000, True, "incomplete")


def test_endless_fragments_cost_nothing() -> None:
    decoder = make()
    decoder.feed(frame(TEXT, b"", fin=False), 0, 0, 0, (1, 0))
    tracemalloc.start()
    try:
        for _ in range(2000):
            decoder.feed(frame(CONTINUATION, b"more", fin=False) * 10, 0, 0, 0, (1, 0))
        assert held() < 20_000
    finally:
        tracemalloc.stop()
    [message] = decoder.feed(frame(CONTINUATION, b"."), 0, 0, 0, (1, 0))
    assert (message.frames, message.size, message.sha256) == (20_002, 80_001, sha256(b"more" * 20_000 + b"."))


def test_after_a_gap_reading_begins_again_with_whole_frames() -> None:
    decoder = make()
    assert decoder.feed(frame(TEXT, b"lost half")[:5], 0, 0, 0, (1, 0)) == []
    assert summary(decoder.gap(1, 0)) == [("text", "los")]
    assert decoder.feed(b"the rest of something", 2, 2, 1, (1, 10)) == []
    assert decoder.feed(frame(TEXT, b"glued")[1:] + frame(TEXT, b"not at the start"), 3, 3, 1, (1, 40)) == []
    messages = decoder.feed(frame(TEXT, b"back") + frame(PING, b""), 4, 4, 1, (1, 80))
    assert summary(messages) == [("undecodable", 21 + 6 + 18), ("text", "back"), ("ping", None)]
    assert messages[0].note == "skipped"
    assert summary(decoder.feed(frame(TEXT, b"again")[:3], 5, 5, 4, (1, 90))) == []
    assert summary(decoder.feed(frame(TEXT, b"again")[3:], 6, 6, 4, (1, 93))) == [("text", "again")]


def test_after_a_gap_what_merely_looks_like_a_frame_is_not_one() -> None:
    for odd in (
        b"\x81\x02\xff\xff",
        b"\x81\x05abc",
        b"\x01\x02ab",
        b"\x80\x02ab",
        b"\x88\x7e\x00\x02ab",
        b"\x81\x82keysab",
        b"\x81",
        b'{"type":"text"}',
    ):
        decoder = make()
        decoder.gap(0, 0)
        assert decoder.feed(odd, 1, 1, 0, (1, 0)) == []
        assert summary(decoder.end(2, 0)) == [("undecodable", len(odd))]


def test_a_gap_is_also_a_chance_after_a_protocol_error() -> None:
    decoder = make()
    decoder.feed(b"\x83\x00", 0, 0, 0, (1, 0))
    assert decoder.feed(frame(TEXT, b"ignored"), 1, 1, 1, (1, 2)) == []
    assert summary(decoder.gap(2, 1)) == [("undecodable", 9)]
    assert summary(decoder.feed(frame(TEXT, b"heard"), 3, 3, 2, (1, 11))) == [("text", "heard")]


traffic = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([TEXT, BINARY]),
            st.one_of(st.text(max_size=200).map(str.encode), st.binary(max_size=200), st.just(b"x" * 2000)),
            st.lists(st.integers(0, 2000), max_size=3),
        ),
        st.tuples(st.sampled_from([PING, PONG, CLOSE]), st.binary(max_size=125), st.just([])),
    ),
    max_size=6,
)
Traffic = list[tuple[int, bytes, list[int]]]


def send(messages: Traffic, *, mask: bool) -> bytes:
    """The messages as another implementation frames them, fragmented at the given places."""
    sent = bytearray()
    for opcode, payload, fragments in messages:
        pieces = split(payload, fragments) or [b""]
        for at, piece in enumerate(pieces):
            code = Opcode(opcode if at == 0 else CONTINUATION)
            last = at == len(pieces) - 1
            sent += Frame(code, piece, fin=last).serialize(mask=mask)
            if not last:
                sent += Frame(Opcode.PING, b"between").serialize(mask=mask)
    return bytes(sent)


@given(traffic, st.sampled_from(["twilio", "backend"]), cuts)
def test_any_traffic_in_any_chunking(messages: Traffic, sender: Literal["twilio", "backend"], at: list[int]) -> None:
    sent = send(messages, mask=sender == "twilio")
    whole = decode(make(sender), [sent] if sent else [])
    assert timeless(decode(make(sender), split(sent, at))) == timeless(whole)
    assert timeless(decode(make(sender), [sent[i : i + 1] for i in range(len(sent))])) == timeless(whole)
    expected = [(opcode, payload) for opcode, payload, _ in messages]
    plain = [message for message in whole if message.data != b"between"]
    assert len(plain) == len(expected)
    for message, (opcode, payload) in zip(plain, expected, strict=True):
        kinds = {TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}
        assert (message.kind, message.size) == (kinds[opcode], len(payload))
        kept = message.text.encode() if message.text is not None else message.data or b""
        if opcode != CLOSE:
            assert payload.startswith(kept)
            assert len(kept) == len(payload) or (message.cut and message.sha256 == sha256(payload))
    assert [message.seq for message in whole] == list(range(len(whole)))
    assert [*read_lines(write_lines(whole))] == whole


@given(st.binary(max_size=300), cuts, st.sampled_from([None, True, False]), st.sampled_from(["twilio", "backend"]))
def test_any_bytes_are_recordable(
    data: bytes, at: list[int], deflate: bool | None, sender: Literal["twilio", "backend"]
) -> None:
    messages = decode(make(sender, deflate=deflate), split(data, at))
    assert [*read_lines(write_lines(messages))] == messages
    assert summary(messages) == summary(decode(make(sender, deflate=deflate), [data] if data else []))


@given(
    traffic,
    st.sampled_from([b"", b"\x83\x00 nonsense", b"\x01\x02ab\x89\x7f"]),
    st.sampled_from(["twilio", "backend"]),
    cuts,
)
def test_going_on_at_every_byte_equals_no_restart(
    messages: Traffic, tail: bytes, sender: Literal["twilio", "backend"], at: list[int]
) -> None:
    sent = send(messages, mask=sender == "twilio") + tail
    expected = decode(make(sender), split(sent, at))
    assert restarted(sent, at, lambda state: make(sender, state=state)) == timeless(expected)


def restarted(sent: bytes, at: list[int], new: Callable[[DecoderState | None], Decoder]) -> list[Message]:
    """What is recorded when the decoder is killed after each chunk, and goes on as the recorder does."""
    recorded: list[Message] = []
    state: DecoderState | None = None
    place = 0
    for chunk in split(sent, at):
        decoder = new(state)
        if state is not None and state.at is not None:
            decoder.feed(sent[state.at[1] : place], 0, 0, 0, state.at)  # known already
        recorded += decoder.feed(chunk, 0, 0, len(recorded), (1, place))
        place += len(chunk)
        state = decoder.state()
        state = msgspec.json.decode(msgspec.json.encode(state), type=DecoderState) if state else None
    decoder = new(state)
    if state is not None and state.at is not None:
        decoder.feed(sent[state.at[1] :], 0, 0, 0, state.at)
    recorded += decoder.end(0, len(recorded))
    return timeless(recorded)


def test_nothing_under_way_needs_nothing_remembered() -> None:
    decoder = make("twilio")
    decode(decoder, [frame(TEXT, b"whole", mask=True), frame(PING, b"", mask=True)], end=False)
    assert decoder.state() is None
    decoder.feed(frame(TEXT, b"ha", mask=True, fin=False) + frame(PING, b"", mask=True)[:3], 0, 0, 0, (4, 1000))
    assert decoder.pending == (4, 1000)
    decoder.feed(frame(PING, b"", mask=True)[3:] + frame(CONTINUATION, b"lf", mask=True), 0, 0, 0, (4, 1100))
    assert decoder.pending is None
