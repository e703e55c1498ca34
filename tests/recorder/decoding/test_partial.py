"""A message that is being received: its text, its bytes, and what is noted of it."""

import pytest

from relayproxy.recorder.decoding.deflate import Inflater
from relayproxy.recorder.decoding.partial import Control, Partial, text_of
from tests.recorder.direction import decode, make, sha256
from tests.wire import frame

TEXT, CONTINUATION, CLOSE, PING = 1, 0, 8, 9


def test_closes() -> None:
    for payload, code, reason, note in (
        (b"", None, None, None),
        (b"\x03\xe8", 1000, "", None),
        (b"\x0f\xa0see you", 4000, "see you", None),
        (b"\x00\x01", 1, "", None),
        (b"\x03\xf3bad \xff", 1011, "bad �", "invalid_utf8"),
        (b"\x03", None, None, "malformed_close"),
    ):
        [close] = decode(make(), [frame(CLOSE, payload)])
        assert (close.kind, close.code, close.reason, close.note, close.size) == (
            "close", code, reason, note, len(payload),
        )  # fmt: skip
        assert close.data == (payload if note else None)


def test_text_that_is_not_utf8_is_kept_as_bytes() -> None:
    for payload in (b"\xff", b"ok \xc3", b"\xed\xa0\x80", b"{\xf5}" * 40):
        for sent in (frame(TEXT, payload), frame(TEXT, payload[:1], fin=False) + frame(CONTINUATION, payload[1:])):
            [message] = decode(make(), [sent])
            assert (message.kind, message.text, message.data, message.note) == ("text", None, payload, "invalid_utf8")


def test_a_control_frame_longer_than_allowed_is_still_one() -> None:
    [ping, text] = decode(make(), [frame(PING, b"p" * 126) + frame(TEXT, b"on")])
    assert (ping.kind, ping.data, ping.note, text.text) == ("ping", b"p" * 126, "oversized_control", "on")
    [close] = decode(make(), [frame(CLOSE, b"\x03\xe8" + b"r" * 5000)])
    assert (close.kind, close.code, close.cut, close.size, close.note) == (
        "close", 1000, True, 5002, "oversized_control",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "cut", "text"),
    [
        (b"caf\xc3\xa9", False, "café"),
        (b"caf\xc3", True, "caf"),
        (b"caf\xc3", False, None),
        (b"\xffcaf\xc3", True, None),
        (b"", True, ""),
    ],
)
def test_a_character_that_was_cut_is_left_out_and_other_bytes_are_no_text(
    payload: bytes, cut: bool, text: str | None
) -> None:
    assert text_of(payload, cut=cut) == text


def test_pieces_are_one_message_and_the_limit_holds_for_all_of_them() -> None:
    partial = Partial("text", 6, None)
    for piece in (b"one ", b"two ", b"three"):
        partial.add(piece)
    partial.frames += 2
    partial.finish()
    message = partial.message(4, 10, "backend", 11)

    assert (message.seq, message.t, message.out, message.sender, message.kind) == (4, 10, 11, "backend", "text")
    assert (message.text, message.size, message.cut, message.frames) == ("one tw", 13, True, 3)
    assert message.sha256 == sha256(b"one two three")
    assert not message.compressed


def test_what_will_not_come_any_more_leaves_what_has_come() -> None:
    partial = Partial("text", 100, None)
    partial.add("caf\xe9".encode()[:-1])
    partial.abandon()

    message = partial.message(0, 0, "twilio", None)
    assert (message.text, message.data, message.note) == ("caf", None, "incomplete")


def test_bytes_stay_bytes_however_readable() -> None:
    partial = Partial("binary", 100, None)
    partial.add(b"readable")
    partial.finish()

    message = partial.message(0, 0, "twilio", None)
    assert (message.kind, message.text, message.data, message.note) == ("binary", None, b"readable", None)


def test_of_a_compressed_message_that_breaks_the_bytes_are_kept_as_they_came() -> None:
    partial = Partial("text", 100, Inflater(True))
    partial.add(b"\xff\xff")
    partial.add(b"\xfe")
    partial.finish()

    message = partial.message(0, 0, "backend", None)
    assert (message.text, message.data, message.size) == (None, b"\xff\xff\xfe", 3)
    assert (message.note, message.compressed) == ("inflate_failed", True)


def test_a_close_frame_that_is_cut_says_so() -> None:
    control = Control("close", 125)
    control.payload.add(b"\x03\xe8by")

    message = control.message(0, 0, "twilio", None, incomplete=True)
    assert (message.code, message.reason, message.data, message.note) == (1000, "by", None, "incomplete")


def test_a_ping_without_a_payload_has_none() -> None:
    message = Control("ping", 125).message(0, 0, "twilio", None)

    assert (message.kind, message.data, message.size, message.note) == ("ping", None, 0, None)
