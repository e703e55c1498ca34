"""A recording as a file: what is written is read again."""

import json

import msgspec
import pytest

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.message import Message
from relayproxy.conversation.recording import (
    Header,
    NotARecording,
    Recorded,
    RecordedConnection,
    read_recording,
    write_header,
    write_messages,
)

OPENING = Opening(
    connection_id="a" * 32,
    trace_id="b" * 32,
    span_id="c" * 16,
    route="default",
    backend="wss://agent.example.com/ws",
    target="/",
    opened_at=1_788_000_000_000_000_000,
    peer="203.0.113.9:4711",
    status=101,
    request_headers=(("Host", "relay.example.com"),),
)
MESSAGES = (
    Message(0, 10, "twilio", "text", out=20, text='{"type":"setup","x":"ü\\n\N{RIGHT-TO-LEFT OVERRIDE}"}', size=30),
    Message(1, 30, "backend", "binary", data=b"\x00\xff", size=2),
    Message(2, 40, "twilio", "gap", size=99, note="buffer"),
    Message(3, 50, "twilio", "close", code=1000, reason="bye", size=5),
)


ENDING = Ending(t=60, first="twilio")


def header(*, messages: int = len(MESSAGES), ending: Ending | None = ENDING) -> Header:
    return Header(
        relayproxy="recording",
        version=1,
        produced_by="relayproxy 1.2.3",
        id="a" * 32,
        session_id="VX1",
        call_sid="CA1",
        account_sid=None,
        trace_id="b" * 32,
        connections=(RecordedConnection(OPENING, None, 0), RecordedConnection(OPENING, ending, messages)),
    )


def test_what_is_written_is_read_again() -> None:
    lines = (write_header(header()) + write_messages(1, MESSAGES)).splitlines(keepends=True)
    found, messages = read_recording(lines)

    assert found == header()
    assert [*messages] == [Recorded(1, message) for message in MESSAGES]


def test_a_message_is_its_stored_line_with_its_connection_in_front() -> None:
    first = write_messages(7, MESSAGES[:1])

    assert first.startswith(b'{"connection":7,"seq":0,')
    assert json.loads(first) == {"connection": 7, **json.loads(msgspec.json.encode(MESSAGES[0]))}
    assert write_messages(0, ()) == b""


def test_a_file_of_a_live_call_says_so_and_may_hold_more_than_its_header_knew() -> None:
    assert not header(ending=None).complete
    _, messages = read_recording([write_header(header(messages=2)), write_messages(1, MESSAGES)[:-1].split(b"\n")[0]])
    assert next(messages).message == MESSAGES[0]

    _, messages = read_recording([write_header(header(messages=2)), *write_messages(1, MESSAGES).splitlines()])
    assert len([*messages]) == len(MESSAGES)


@pytest.mark.parametrize(
    "first", [b"", b"not json", b"{}", b"\xff\xfe", b'{"relayproxy":"something"}', b'{"connection":0,"seq":0}']
)
def test_anything_else_is_refused(first: bytes) -> None:
    with pytest.raises(NotARecording, match="first line is no header"):
        read_recording([first])


def test_a_later_version_is_refused_by_name() -> None:
    later = msgspec.structs.replace(header(), version=2)
    with pytest.raises(NotARecording, match="version 2; this relayproxy reads 1 at most"):
        read_recording([write_header(later)])


def test_unknown_fields_of_a_line_are_passed_over() -> None:
    line = write_messages(1, MESSAGES[:1]).replace(b'"seq":0', b'"later":true,"seq":0')
    _, messages = read_recording([write_header(header(messages=1)), b"\n", line])

    assert [*messages] == [Recorded(1, MESSAGES[0])]


@pytest.mark.parametrize(
    "damage", [b"{", b'{"connection":2,"seq":0,"t":1,"from":"twilio","kind":"text"}', b'{"seq":0}']
)
def test_a_damaged_line_is_named(damage: bytes) -> None:
    _, messages = read_recording([write_header(header()), *write_messages(1, MESSAGES[:1]).splitlines(), damage])

    assert next(messages).message == MESSAGES[0]
    with pytest.raises(NotARecording, match="line 3 of the recording is damaged"):
        next(messages)


def test_missing_messages_are_noticed() -> None:
    _, messages = read_recording([write_header(header()), *write_messages(1, MESSAGES[:3]).splitlines()])

    with pytest.raises(NotARecording, match="1 message of connection 1 cannot be found"):
        _ = [*messages]
