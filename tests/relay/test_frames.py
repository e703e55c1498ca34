"""Frames are found at their borders, however the bytes come in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame as Theirs
from websockets.frames import Opcode
from websockets.streams import StreamReader

from relayproxy.relay.frames import FrameCutter, TooLong, frame
from tests import wire

FRAMES = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 8, 9, 10]), st.binary(max_size=300), st.booleans(), st.booleans()), max_size=8
)


@given(FRAMES, st.data())
def test_frames_come_out_whole_and_nothing_is_lost(
    frames: list[tuple[int, bytes, bool, bool]], data: st.DataObject
) -> None:
    whole = b"".join(wire.frame(opcode, payload, mask=mask, fin=fin) for opcode, payload, mask, fin in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    cutter, found = FrameCutter(1000), []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += cutter.feed(whole[start:end])
    assert [(one.opcode, one.payload, one.plain, one.final) for one in found] == [
        (opcode, payload, not mask, fin) for opcode, payload, mask, fin in frames
    ]
    assert b"".join(one.raw for one in found) == whole
    assert cutter.rest == b""


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
@pytest.mark.parametrize("masked", [True, False])
def test_what_is_written_another_implementation_reads(size: int, masked: bool) -> None:
    payload = bytes(range(256)) * 256
    stream = StreamReader()
    stream.feed_data(frame(2, payload[:size], masked=masked))
    reading = Theirs.parse(stream.read_exact, mask=masked)
    with pytest.raises(StopIteration) as read:
        next(reading)
    assert (read.value.value.opcode, read.value.value.data) == (Opcode.BINARY, payload[:size])


def test_a_message_begins_with_a_frame_that_is_neither_a_fragment_nor_control() -> None:
    whole = b"".join(wire.frame(opcode, b"?", fin=opcode != 1) for opcode in (1, 9, 0, 2, 8))
    assert [one.begins for one in FrameCutter(100).feed(whole)] == [True, False, False, True, False]


def test_one_that_is_too_long_is_not_waited_for() -> None:
    cutter = FrameCutter(100)
    assert cutter.feed(b"\x81") == []
    with pytest.raises(TooLong):
        cutter.feed(b"\x7e\x01\x00")
