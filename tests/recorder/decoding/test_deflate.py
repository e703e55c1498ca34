"""permessage-deflate: what another implementation compresses, with and without context takeover; bombs and breaks."""

import tracemalloc
import zlib
from typing import Literal
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from relayproxy.recorder.decoding.deflate import takeover
from tests.recorder.decoding.test_frames import restarted
from tests.recorder.direction import LIMIT, decode, make, sha256, split, summary, timeless
from tests.wire import frame

cuts = st.lists(st.integers(0, 100_000), max_size=6)


class Compressing:
    """The sending half of another implementation."""

    def __init__(self, *, keeps: bool, window: int = 15, mask: bool = False) -> None:
        self._extension = PerMessageDeflate(
            remote_no_context_takeover=False,
            local_no_context_takeover=not keeps,
            remote_max_window_bits=15,
            local_max_window_bits=window,
        )
        self._mask = mask

    def send(self, payload: bytes, *, pieces: int = 1, opcode: Opcode = Opcode.TEXT) -> bytes:
        sent = b""
        size = len(payload) // pieces + 1
        for at in range(pieces):
            piece = Frame(
                opcode if at == 0 else Opcode.CONT, payload[at * size : (at + 1) * size], fin=at == pieces - 1
            )
            sent += piece.serialize(mask=self._mask, extensions=[self._extension])
        return sent


@pytest.mark.parametrize(
    ("answer", "twilio", "backend"),
    [
        ("permessage-deflate", True, True),
        ("permessage-deflate; client_no_context_takeover", False, True),
        ("Permessage-Deflate;server_no_context_takeover ; client_max_window_bits=12", True, False),
        ("x-other, permessage-deflate; server_no_context_takeover; client_no_context_takeover", False, False),
        ("x-webkit-deflate-frame", None, None),
    ],
)
def test_what_was_agreed_on(answer: str, twilio: bool | None, backend: bool | None) -> None:
    headers = [("Server", "some/1.0"), ("sec-WebSocket-extensions", answer)]
    assert (takeover(headers, "twilio"), takeover(headers, "backend")) == (twilio, backend)
    assert takeover([], "twilio") is None


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("window", [9, 15])
def test_compressed_messages(keeps: bool, window: int) -> None:
    sender = Compressing(keeps=keeps, window=window)
    texts = ["hello hello hello", "", "hello again, " * 30, "hello again, " * 30]
    sent = [sender.send(text.encode(), pieces=pieces) for text, pieces in zip(texts, (1, 1, 3, 1), strict=True)]
    messages = decode(make(deflate=keeps), sent)
    assert [message.text for message in messages] == texts
    assert [message.frames for message in messages] == [1, 1, 3, 1]
    assert [message.size for message in messages] == [len(text) for text in texts]
    assert all(message.compressed for message in messages)


def test_uncompressed_messages_between_leave_the_context_alone() -> None:
    sender = Compressing(keeps=True)
    sent = [sender.send(b"one and all"), frame(1, b"plain"), frame(9, b"ping"), sender.send(b"one and all")]
    messages = decode(make(deflate=True), sent)
    assert summary(messages) == [
        ("text", "one and all"), ("text", "plain"), ("ping", b"ping"), ("text", "one and all"),
    ]  # fmt: skip
    assert [message.compressed for message in messages] == [True, False, False, True]


def test_compressed_control_frames_and_continuations_are_against_the_protocol() -> None:
    for odd in (frame(9, b"", rsv=4), frame(1, b"", fin=False) + frame(0, b"", rsv=4)):
        assert decode(make(deflate=True), [odd])[-1].note == "reserved_bits"


def test_a_message_that_ends_with_a_final_block() -> None:
    final = zlib.compressobj(9, zlib.DEFLATED, -15)
    hello = final.compress(b"hello ") + final.flush() + b"\x00"
    sender = Compressing(keeps=True)
    sent = [frame(1, hello, rsv=4), frame(1, hello * 3, rsv=4), sender.send(b"hello")]
    for keeps in (True, False):
        messages = decode(make(deflate=keeps), sent)
        assert summary(messages)[0] == ("text", "hello ")
        assert summary(messages)[2] == ("text", "hello")


def test_what_does_not_inflate_is_kept_raw() -> None:
    sender = Compressing(keeps=True)
    sent = [sender.send(b"first first"), frame(1, b"\xff" * 1500, rsv=4), sender.send(b"first"), sender.send(b"new!")]
    first, broken, refers, standalone = decode(make(deflate=True), sent)
    assert first.text == "first first"
    assert (broken.text, broken.data, broken.size, broken.note) == (None, b"\xff" * 1000, 1500, "inflate_failed")
    assert (broken.cut, broken.sha256) == (True, sha256(b"\xff" * 1500))
    assert (refers.note, refers.text) == ("inflate_failed", None)
    assert standalone.text == "new!"


def test_a_bomb_costs_bounded_memory() -> None:
    size = 50 * 1024 * 1024
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(50)) + packer.flush(zlib.Z_SYNC_FLUSH)
    sent = frame(2, packed[:-4], rsv=4)
    decoder = make(deflate=True)
    tracemalloc.start()
    try:
        [message] = decoder.feed(sent, 0, 0, 0, (1, 0))
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024 + len(sent) * 3
    finally:
        tracemalloc.stop()
    assert (message.size, message.cut, message.data) == (size, True, bytes(1000))


def test_after_a_gap_nothing_comes_out_wrong() -> None:
    sender = Compressing(keeps=True)
    said = [f"word{at} and the same tail".encode() for at in range(40)]
    sent = [sender.send(text) for text in said]
    decoder = make(deflate=True)
    messages = decode(decoder, sent[:10], end=False)
    messages = decoder.gap(0, 0)  # 10 … 14 are missing
    for chunk in sent[15:]:
        messages += decoder.feed(chunk, 0, 0, 0, (1, 0))
    for message, text in zip(messages, said[15:], strict=True):
        assert message.note == "inflate_failed" or message.text == text.decode()
    assert messages[0].note == "inflate_failed"


@given(
    st.lists(st.tuples(st.text(max_size=300), st.integers(1, 3)), max_size=5),
    st.booleans(),
    st.sampled_from(["twilio", "backend"]),
    cuts,
)
def test_any_chunking_and_going_on_at_every_byte(
    texts: list[tuple[str, int]], keeps: bool, side: Literal["twilio", "backend"], at: list[int]
) -> None:
    sender = Compressing(keeps=keeps, mask=side == "twilio")
    sent = b"".join(sender.send(text.encode(), pieces=pieces) + sender.send(b"amen") for text, pieces in texts)
    whole = decode(make(side, deflate=keeps), [sent] if sent else [])
    expected = [part for text, _ in texts for part in (text, "amen")]
    assert [message.text for message in whole] == [text if len(text.encode()) <= LIMIT else ANY for text in expected]
    assert timeless(decode(make(side, deflate=keeps), split(sent, at))) == timeless(whole)
    going_on = restarted(sent, at, lambda state: make(side, deflate=keeps, state=state))
    assert going_on == timeless(whole)


def test_the_window_alone_carries_the_context_on() -> None:
    sender = Compressing(keeps=True)
    long = bytes(range(256)) * 300
    first = make(deflate=True)
    decode(first, [sender.send(long, opcode=Opcode.BINARY)], end=False)
    state = first.state()
    assert state is not None
    assert (state.at, len(state.window), state.window) == (None, 32768, long[-32768:])
    [message] = decode(make(deflate=True, state=state), [sender.send(long[-900:], opcode=Opcode.BINARY)])
    assert message.data == long[-900:]
