"""A session's recording as one file: a header, then its messages.

Knows: the format (docs/recordings.md), which is the same wherever a recording is written or read.
Must not know: where bytes come from or go to; compression.

The first line says what is recorded and how each connection opened and ended. Every other line is a message exactly as
it is stored, with the place of its connection in front.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.message import Message, write_lines
from relayproxy.plural import plural

VERSION = 1
SUFFIX = ".relayproxy.jsonl.gz"
"""How the names of such files end; inside they are JSON Lines, compressed with gzip."""
_LATEST = 2**62
"""Nanoseconds since the epoch: what is later fits no column of a database."""
_LONGEST = 2**60
"""Nanoseconds: no connection lasts for longer."""
_LARGEST = 2**62
"""Bytes of a message."""
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class NotARecording(ValueError):
    """Raised for text that is no recording, a damaged one, or one of a later version."""


class RecordedConnection(msgspec.Struct, frozen=True):
    """One WebSocket of the session. `messages` is how many were recorded of it when the file was written."""

    opening: Opening
    ending: Ending | None
    """None while it lived."""
    messages: int


class Header(msgspec.Struct, frozen=True):
    """The first line."""

    relayproxy: Literal["recording"]
    version: int
    produced_by: str
    """`relayproxy` and the version that wrote the file."""
    id: str
    """The recording's own id."""
    session_id: str | None
    """Twilio's VX id."""
    call_sid: str | None
    account_sid: str | None
    trace_id: str
    connections: tuple[RecordedConnection, ...]
    """As they opened; a message names its connection by the place in this list, from 0."""

    @property
    def complete(self) -> bool:
        """True when every connection had ended when the file was written."""
        return all(connection.ending is not None for connection in self.connections)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A message and the place of its connection."""

    connection: int
    message: Message


class _Place(msgspec.Struct):
    connection: int


_header = msgspec.json.Decoder(Header)
_place = msgspec.json.Decoder(_Place)
_message = msgspec.json.Decoder(Message)


def write_header(header: Header) -> bytes:
    """The first line with its newline."""
    return msgspec.json.encode(header) + b"\n"


def write_messages(connection: int, messages: Iterable[Message]) -> bytes:
    """Lines for messages of the connection at that place."""
    return place_lines(connection, write_lines(messages))


def place_lines(connection: int, lines: bytes) -> bytes:
    """Lines as they are stored (whole ones), as those of the connection at that place."""
    before = b'{"connection":%d,' % connection
    # Within a line there is no newline.
    return before + lines[1:].replace(b"\n{", b"\n" + before) if lines else b""


def read_recording(lines: Iterable[bytes]) -> tuple[Header, Iterator[Recorded]]:
    """The header and then, as they are asked for, the messages. `lines` are the file's, inflated, with or without their
    newlines. Raises `NotARecording`, also where the messages turn out to be damaged or not all there."""
    rest = iter(lines)
    try:
        header = _header.decode(next(rest, b""))
    except _UNREADABLE:
        raise NotARecording("not a recording of relayproxy: its first line is no header") from None
    if header.version > VERSION:
        raise NotARecording(f"a recording of version {header.version}; this relayproxy reads {VERSION} at most")
    if problem := _problem_of_header(header):
        raise NotARecording(f"line 1 of the recording is damaged: {problem}")
    return header, _recorded(header, rest)


def _recorded(header: Header, lines: Iterator[bytes]) -> Iterator[Recorded]:
    found = [0] * len(header.connections)
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        try:
            place, message = _place.decode(line).connection, _message.decode(line)
        except _UNREADABLE:
            raise NotARecording(f"line {number} of the recording is damaged: it is no message") from None
        if not 0 <= place < len(found):
            raise NotARecording(f"line {number} of the recording is damaged: there is no connection {place}")
        if problem := _problem_of_message(message, found[place]):
            raise NotARecording(f"line {number} of the recording is damaged: {problem}")
        found[place] += 1
        yield Recorded(place, message)
    for place, connection in enumerate(header.connections):
        if found[place] < connection.messages:
            missing = plural(connection.messages - found[place], "message")
            raise NotARecording(f"the recording is cut short: {missing} of connection {place} cannot be found")


def _problem_of_header(header: Header) -> str | None:
    ids = [one.opening.connection_id for one in header.connections]
    if header.id not in ids or len(set(ids)) < len(ids):
        return "its connections do not fit its id"
    for place, one in enumerate(header.connections):
        opening, ending = one.opening, one.ending
        times = [opening.connected_after, *(() if ending is None else (ending.t, ending.twilio_t, ending.backend_t))]
        if not 0 < opening.opened_at < _LATEST or not all(map(_possible, times)):
            return f"connection {place} has an impossible time"
        sizes = [one.messages, *(() if ending is None else (ending.twilio_bytes, ending.backend_bytes))]
        if not all(0 <= size < _LARGEST for size in sizes):
            return f"connection {place} has an impossible size"
    return None


def _problem_of_message(message: Message, expected: int) -> str | None:
    if message.seq != expected:
        return f"message {message.seq} is where message {expected} is expected"
    if not _possible(message.t) or not _possible(message.out):
        return f"message {message.seq} has an impossible time"
    if not 0 <= message.size < _LARGEST or not 0 <= message.frames < _LARGEST:
        return f"message {message.seq} has an impossible size"
    return None


def _possible(time: int | None) -> bool:
    return time is None or 0 <= time < _LONGEST
