"""Recorded calls: those of tests/recordings, and calls that the simulated Twilio made.

Knows: how a recording is put together.
Must not know: what is replayed.
"""

import gzip
from collections.abc import Iterable
from pathlib import Path

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.message import Message, write_lines
from relayproxy.conversation.recording import Header, Recorded, RecordedConnection, place_lines, write_header
from relayproxy.lab.twilio.result import CallResult
from relayproxy.recordings.call import RecordedCall, recorded_call
from tests.recordings import recording
from tests.script import play

SESSION = "VX" + "1" * 32
Part = tuple[Opening, tuple[Message, ...], Ending | None]


def of_parts(parts: Iterable[Part], session_id: str = SESSION) -> RecordedCall:
    """The recorded call of these connections."""
    return recorded_call(*_recording(tuple(parts), session_id))


def of_script(text: str) -> RecordedCall:
    """The recorded call of a script (`tests.script`)."""
    return of_parts(parts_of_script(text))


def parts_of_script(text: str) -> list[Part]:
    """Its connections."""
    played = play(text)
    return [
        (
            opening,
            tuple(message for message, at in zip(played.messages, played.places, strict=True) if at == place),
            played.endings.get(place),
        )
        for place, opening in played.openings.items()
    ]


def parts_of_fixture(name: str, session: int = 1) -> list[Part]:
    """The connection of a session of a call of tests/recordings."""
    one = recording(name).sessions[session - 1]
    return [(one.opening(), tuple(one.messages()), one.ending())]


def of_fixture(name: str, session: int = 1) -> RecordedCall:
    """That session as a recorded call."""
    return of_parts(parts_of_fixture(name, session))


def parts_of_call(call: CallResult, speed: float = 1.0) -> list[Part]:
    """The connections of a call of the simulated Twilio, at the pace of life."""
    began = call.connections[0].opening.opened_at
    return [
        (
            msgspec.structs.replace(one.opening, opened_at=began + _slow(one.opening.opened_at - began, speed)),
            tuple(
                msgspec.structs.replace(m, t=_slow(m.t, speed), out=None if m.out is None else _slow(m.out, speed))
                for m in one.messages
            ),
            msgspec.structs.replace(one.ending, t=_slow(one.ending.t, speed)),
        )
        for one in call.connections
    ]


def answered_in(parts: Iterable[Part], ms: int) -> list[Part]:
    """The same connections with an agent that begins each answer after so many milliseconds, however long it took."""
    found: list[Part] = []
    for opening, messages, ending in parts:
        last, later, told = 0, 0, []
        before = ""
        for message in messages:
            if (before, message.sender) == ("twilio", "backend"):
                later += last + ms * 1_000_000 - message.t
            last, before = message.t, message.sender
            out = None if message.out is None else message.out + later
            told.append(msgspec.structs.replace(message, t=message.t + later, out=out))
        if ending is not None:
            ending = msgspec.structs.replace(ending, t=ending.t + later)
        found.append((opening, tuple(told), ending))
    return found


def of_call(call: CallResult, speed: float = 1.0) -> RecordedCall:
    """A call of the simulated Twilio as it would have been recorded."""
    return of_parts(parts_of_call(call, speed), call.caller.session_id)


def write_file(path: Path, parts: Iterable[Part], session_id: str = SESSION) -> Path:
    """A recording file."""
    found = tuple(parts)
    header, _ = _recording(found, session_id)
    lines = [write_header(header), *(place_lines(at, write_lines(part[1])) for at, part in enumerate(found))]
    path.write_bytes(gzip.compress(b"".join(lines)))
    return path


def _recording(parts: tuple[Part, ...], session_id: str) -> tuple[Header, list[Recorded]]:
    connections = tuple(RecordedConnection(opening, ending, len(messages)) for opening, messages, ending in parts)
    first = parts[0][0]
    header = Header(
        "recording", 1, "test", first.connection_id, session_id, "CA" + "1" * 32, None, first.trace_id, connections
    )
    return header, [Recorded(place, message) for place, part in enumerate(parts) for message in part[1]]


def _slow(nanoseconds: int, speed: float) -> int:
    return round(nanoseconds * speed)
