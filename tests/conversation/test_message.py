"""A recorded message and its line: what is written is read again, by this version and by later ones."""

import msgspec
import pytest

from relayproxy.conversation.message import Message, Outline, read_lines, read_outlines, write_lines

MESSAGES = [
    Message(0, 10, "twilio", "text", out=20, text='{"type":"setup","x":"ü\\n"}', size=30, type="setup"),
    Message(1, 30, "backend", "text", text="", size=0, frames=3, compressed=True, held=True),
    Message(2, 31, "backend", "binary", data=b"\x00\xff", size=2),
    Message(3, 40, "twilio", "gap", size=99, note="buffer"),
    Message(4, 45, "backend", "text", text="head", size=9000, cut=True, sha256="0f" * 32),
    Message(5, 50, "twilio", "close", code=1000, reason="bye", size=5),
]


def test_lines_are_read_as_they_were_written() -> None:
    assert list(read_lines(write_lines(MESSAGES))) == MESSAGES
    assert list(read_lines(write_lines(MESSAGES[:2]) + write_lines(MESSAGES[2:]))) == MESSAGES
    assert (write_lines([]), list(read_lines(b""))) == (b"", [])


def test_what_messages_are_is_read_without_their_payload() -> None:
    assert read_outlines(write_lines(MESSAGES)) == [
        Outline(message.seq, message.sender, message.kind, message.type) for message in MESSAGES
    ]


def test_a_line_says_only_what_there_is() -> None:
    assert write_lines(MESSAGES[2:4]) == (
        b'{"seq":2,"t":31,"from":"backend","kind":"binary","data":"AP8=","size":2}\n'
        b'{"seq":3,"t":40,"from":"twilio","kind":"gap","size":99,"note":"buffer"}\n'
    )


def test_a_line_break_in_what_was_said_is_none_of_the_file() -> None:
    said = [Message(0, 0, "twilio", "text", text="one\ntwo\r\n\u2028three", size=17)]

    assert write_lines(said).count(b"\n") == 1
    assert list(read_lines(write_lines(said))) == said


def test_what_another_version_knows_besides_is_passed_over_and_its_notes_are_kept() -> None:
    (message,) = read_lines(b'{"seq":0,"t":1,"from":"twilio","kind":"text","mood":"good","note":"of tomorrow"}\n')

    assert message == Message(0, 1, "twilio", "text", note="of tomorrow")


@pytest.mark.parametrize(
    "line", [b"{", b'{"seq":0,"t":1,"kind":"text"}', b'{"seq":0,"t":1,"from":"caller","kind":"text"}', b"\xff"]
)
def test_a_damaged_line_is_an_error_and_not_a_message(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        list(read_lines(write_lines(MESSAGES[:1]) + line + b"\n"))
