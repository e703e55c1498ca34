"""One recorded message, and its form as a line of a recording.

Knows: the fields of a line (JSON Lines, one message a line).
Must not know: the ConversationRelay vocabulary; how frames are decoded; where lines are kept.

The same lines are appended while a call lives, kept in the archive, downloaded and played again.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

MessageKind = Literal["text", "binary", "ping", "pong", "close", "gap", "undecodable"]
"""`gap`: bytes that could not be recorded. `undecodable`: bytes that are not WebSocket frames; from there
on this side's bytes are only counted (until it can be read again after a gap)."""

MessageNote = Literal[
    "invalid_utf8",
    "inflate_failed",
    "incomplete",
    "oversized_control",
    "malformed_close",
    "reserved_bits",
    "reserved_opcode",
    "fragmented_control",
    "unexpected_continuation",
    "unfinished_message",
    "wrong_mask",
    "invalid_length",
    "skipped",
    "buffer",
    "quota",
    "disk",
    "limit",
    "fault",
    "window_lost",
    "journal_damaged",
    "recording_unreadable",
    "redaction_failed",
    "search_limit",
]
"""What is odd about a message. From `reserved_bits` on to `skipped`: why bytes are undecodable; from `buffer` on to
`recording_unreadable`: a gap's cause. That last one is a gap of what was derived, until it is derived anew.
`redaction_failed`: metadata alone was kept, because what is secret in it could not be told. `search_limit`: so it was,
because the connection sent more than is searched for secrets."""


_INJECTED = r"(?:held back [0-9]{1,9} ms|cut from [0-9]{1,9} to [0-9]{1,9} bytes)"
INJECTED = re.compile(f"{_INJECTED}(?:; {_INJECTED})*", re.ASCII)
"""The forms of `Message.injected`."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True, rename={"sender": "from"}):
    """A WebSocket message or control frame, a gap, or a stretch of bytes that is no WebSocket traffic."""

    seq: int
    """Position in its connection, from 0, over both directions, in order of completion."""
    t: int
    """Nanoseconds from the connection's `opened_at` until the chunk that completed it had been read."""
    sender: Literal["twilio", "backend"]
    kind: MessageKind
    out: int | None = None
    """Nanoseconds from `opened_at` until the write of that chunk to the other side had returned; None when that is
    not known (`held`), or when the message was never complete."""
    text: str | None = None
    """Payload of a text message that is valid UTF-8 (or the head of it, when cut)."""
    data: bytes | None = None
    """Payload (or its head) of everything else that has one; base64 in JSON."""
    size: int = 0
    """Payload length in bytes after inflating; for a gap and undecodable bytes, the number of bytes."""
    cut: bool = False
    """True when only the head of the payload was kept; then `sha256` is that of the whole payload."""
    sha256: str | None = None
    frames: int = 1
    """Number of data frames the message came in."""
    compressed: bool = False
    code: int | None = None
    """Close code; None for a close without one."""
    reason: str | None = None
    note: str | None = None
    """A `MessageNote`, or one that another version knows."""
    held: bool = False
    """The other side was not taking data, so that it left later than at once."""
    type: str | None = None
    """What a text message calls itself in its JSON, at most 64 characters, so that nobody has to parse it for that.
    None for everything else, for text without a type, and in recordings of before this was stored."""
    injected: str | None = None
    """In words, in what it differs from what its sender sent, where a fault was injected: held back, or cut. What is
    recorded is what went out."""
    redacted: dict[str, int] | None = None
    """Of a message that is not stored as it came: the secrets masked in it, by kind (`redaction.values.Kind`). Each is
    counted once, by the message that completes it; 0 for a part or an echo of one. There is no hash of what was
    masked."""


class Outline(msgspec.Struct, frozen=True, gc=False, rename={"sender": "from"}):
    """What a message is, without its payload; fields as those of `Message`."""

    seq: int
    sender: Literal["twilio", "backend"]
    kind: MessageKind
    type: str | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)
_outlines = msgspec.json.Decoder(Outline)


def write_lines(messages: Iterable[Message]) -> bytes:
    """JSON Lines, one line a message, each ended by a newline."""
    return _encoder.encode_lines(list(messages))


def read_lines(lines: bytes) -> Iterator[Message]:
    """The messages of `write_lines`. Raises msgspec.DecodeError on a damaged line."""
    return iter(_decoder.decode_lines(lines))


def read_outlines(lines: bytes) -> list[Outline]:
    """What each of these messages is; takes a tenth of the time of reading them. Raises as `read_lines`."""
    return _outlines.decode_lines(lines)
