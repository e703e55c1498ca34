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


OTHER = msgspec.structs.replace(OPENING, connection_id="f" * 32)
TOO_DEEP = b"[" * 60_000 + b"]" * 60_000


def header(*, messages: int = len(MESSAGES), ending: Ending | None = ENDING, opening: Opening = OTHER) -> Header:
    return Header(
        relayproxy="recording",
        version=1,
        produced_by="relayproxy 1.2.3",
        id="a" * 32,
        session_id="VX1",
        call_sid="CA1",
        account_sid=None,
        trace_id="b" * 32,
        connections=(RecordedConnection(OPENING, None, 0), RecordedConnection(opening, ending, messages)),
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
    "first",
    [
        b"",
        b"not json",
        b"{}",
        b"\xff\xfe",
        b'{"relayproxy":"something"}',
        b'{"connection":0,"seq":0}',
        write_header(header())[:-2] + b',"later":' + TOO_DEEP + b"}",
    ],
    ids=range(7),
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


MESSAGE = b'{"connection":1,"seq":1,"t":1,"from":"twilio","kind":"text","later":1}'


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (b"{", "it is no message"),
        (b'{"seq":0}', "it is no message"),
        (MESSAGE.replace(b'"later":1', b'"later":' + TOO_DEEP), "it is no message"),
        (MESSAGE.replace(b'"later":1', rb'"text":"\ud800 alone"'), "it is no message"),
        (MESSAGE.replace(b'"connection":1', b'"connection":2'), "there is no connection 2"),
        (MESSAGE.replace(b'"connection":1', b'"connection":-1'), "there is no connection -1"),
        (MESSAGE.replace(b'"seq":1', b'"seq":-1'), "message -1 is where message 1 is expected"),
        (MESSAGE.replace(b'"seq":1', b'"seq":3'), "message 3 is where message 1 is expected"),
        (MESSAGE.replace(b'"t":1', b'"t":-1'), "message 1 has an impossible time"),
        (MESSAGE.replace(b'"t":1', b'"t":%d' % 2**62), "message 1 has an impossible time"),
        (MESSAGE.replace(b'"later":1', b'"out":-1'), "message 1 has an impossible time"),
        (MESSAGE.replace(b'"later":1', b'"size":-1'), "message 1 has an impossible size"),
        (MESSAGE.replace(b'"later":1', b'"frames":-1'), "message 1 has an impossible size"),
    ],
    ids=range(13),
)
def test_a_damaged_line_is_named(damage: bytes, problem: str) -> None:
    _, messages = read_recording([write_header(header()), *write_messages(1, MESSAGES[:1]).splitlines(), damage])

    assert next(messages).message == MESSAGES[0]
    with pytest.raises(NotARecording, match=f"^line 3 of the recording is damaged: {problem}$"):
        next(messages)


@pytest.mark.parametrize(
    ("damaged", "problem"),
    [
        (header(opening=OPENING), "its connections do not fit its id"),
        (msgspec.structs.replace(header(), id="d" * 32), "its connections do not fit its id"),
        (header(opening=msgspec.structs.replace(OTHER, opened_at=-1)), "connection 1 has an impossible time"),
        (header(opening=msgspec.structs.replace(OTHER, opened_at=2**62)), "connection 1 has an impossible time"),
        (header(opening=msgspec.structs.replace(OTHER, connected_after=-1)), "connection 1 has an impossible time"),
        (header(ending=Ending(t=-1)), "connection 1 has an impossible time"),
        (header(ending=Ending(t=1, backend_t=2**61)), "connection 1 has an impossible time"),
        (header(ending=Ending(t=1, twilio_bytes=-1)), "connection 1 has an impossible size"),
        (header(messages=-1), "connection 1 has an impossible size"),
    ],
    ids=range(9),
)
def test_a_header_that_no_call_has_is_damaged(damaged: Header, problem: str) -> None:
    with pytest.raises(NotARecording, match=f"^line 1 of the recording is damaged: {problem}$"):
        read_recording([write_header(damaged)])


def test_missing_messages_are_noticed() -> None:
    _, messages = read_recording([write_header(header()), *write_messages(1, MESSAGES[:3]).splitlines()])

    with pytest.raises(NotARecording, match="1 message of connection 1 cannot be found"):
        _ = [*messages]
