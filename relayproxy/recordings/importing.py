"""Import: a recording file becomes a session of this installation's database, whole or not at all.

Knows: what is checked of a file, that it is redacted as calls are here, and what marks it as imported.
Must not know: SQL, HTTP; who asks, beyond the name.
"""

import re
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import msgspec

from relayproxy.connection import Ending
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.message import INJECTED, Message, write_lines
from relayproxy.conversation.model import Conversation
from relayproxy.conversation.protocol.decoding import decode
from relayproxy.conversation.recording import Header
from relayproxy.errors import RelayproxyError
from relayproxy.recordings.backend_version import backend_version
from relayproxy.recordings.call import CallConnection, RecordedCall, fold_connections, recorded_connections
from relayproxy.recordings.derive import session_labels, session_row, treatment_rows, turn_row
from relayproxy.recordings.files import MAX_UNPACKED, recording_of
from relayproxy.recordings.redacting import redacted
from relayproxy.redaction.rules import Rules
from relayproxy.redaction.values import NameFinder, Record
from relayproxy.settings.model import Settings, slow_turn_and_stall, version_from
from relayproxy.settings.recording import recording, rules_of
from relayproxy.settings.retention import days_by_route
from relayproxy.store.read.recording_reader import pack
from relayproxy.store.schema.rows import Batch, ConnectionRow, ImportRow, RecordingRow
from relayproxy.store.write.archive import Archive
from relayproxy.store.write.chunks import PART_BYTES
from relayproxy.text import mended

DAY = 86_400 * 1_000_000_000
MAX_LANGUAGES = 20
_ID, _SPAN = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file. `session` is our id of the session."""

    session: str
    new: bool
    """False where that session, or one with a connection of it, was here already: nothing was changed."""
    messages: int


class ImportRefused(RelayproxyError):
    """Raised for a whole recording that this installation does not take; the message begins with the file's name."""


def import_file(
    archive: Archive,
    settings: Settings,
    file: BinaryIO,
    name: str,
    actor: str,
    names: Callable[[str], NameFinder] | None = None,
    limit: int = MAX_UNPACKED,
    at_most: Record = "full",
) -> Imported:
    """Imports the recording in an open file called `name`, for `actor`. `names` gives the finder of names of people for
    a model (`redact_names`); None where they cannot be looked for. No more of it is stored than `at_most` says,
    whatever `record` does. Raises `RecordingFileError` and `ImportRefused`, and what `Archive.commit` raises; then
    nothing was imported."""
    now = time.time_ns()
    try:
        batch = _batch_of(settings, file, name, ImportRow("", now, actor, ""), names, limit, at_most)
    except _Wrong as problem:
        raise ImportRefused(f"{mended(name)}: {problem}") from None
    except RelayproxyError:
        raise
    except Exception as problem:
        # Values may be what callers said: where it was is told, and nothing else.
        frame = traceback.extract_tb(problem.__traceback__)[-1]
        place = f"{type(problem).__name__} in {Path(frame.filename).name}:{frame.lineno}"
        raise ImportRefused(
            f"{mended(name)}: a bug of relayproxy keeps it from being imported ({place}); nothing of it is stored"
        ) from None
    (session,) = batch.sessions
    there = archive.add_session(batch)
    return Imported(there or session.id, there is None, sum(row.next_seq for row in batch.connections))


class _Wrong(Exception):
    """Why a recording is not taken."""


def _batch_of(
    settings: Settings,
    file: BinaryIO,
    name: str,
    imported: ImportRow,
    names: Callable[[str], NameFinder] | None,
    limit: int,
    at_most: Record,
) -> Batch:
    """All rows of the session in the file."""
    header, messages = recording_of(file, name, limit)
    first = _checked_header(header, imported.at)
    route = header.connections[first].opening.route
    rules = _rules(settings, route, names, at_most)
    connections = redacted(map(_ended, recorded_connections(header, messages)), rules)
    connections = tuple(replace(one, messages=tuple(map(_typed, one.messages))) for one in connections)
    conversation = fold_connections(connections, Thresholds.of_seconds(*slow_turn_and_stall(settings, route)))
    _check_age(settings, route, conversation, imported.at)
    openings = [one.opening for one in connections]
    version = backend_version(version_from(settings, route), openings, conversation.custom_parameters)
    call = RecordedCall(header, connections, conversation)
    return _batch(call, first, version, replace(imported, session=header.id, produced_by=header.produced_by))


def _checked_header(header: Header, now: int) -> int:
    """The place of the connection that the session has its id of."""
    ids = [one.opening.connection_id for one in header.connections]
    for one in header.connections:
        opening = one.opening
        if not (_ID.fullmatch(opening.connection_id) and _ID.fullmatch(opening.trace_id)):
            raise _Wrong("the recording is damaged: an id is not 32 hexadecimal digits")
        if not _SPAN.fullmatch(opening.span_id):
            raise _Wrong("the recording is damaged: the id of a span is not 16 hexadecimal digits")
        if one.opening.opened_at > now + DAY:
            raise _Wrong("this call is yet to come, by its time; is the clock of this machine right?")
    return ids.index(header.id)


def _rules(settings: Settings, route: str, names: Callable[[str], NameFinder] | None, at_most: Record) -> Rules:
    found = recording(settings, route, at_most)
    if found.record == "none":
        raise _Wrong(f"nothing is recorded here of calls over route {mended(route)} (record), so none is imported")
    if found.names is None:
        return rules_of(found)
    if names is None:
        raise _Wrong("names of people are masked here (redact_names), which only the command does: relayproxy import")
    return rules_of(found, names(found.names))


def _check_age(settings: Settings, route: str, conversation: Conversation, now: int) -> None:
    days = days_by_route(settings)
    content, _ = days.get(route, days[""])
    if content and conversation.ended_at is not None and conversation.ended_at < now - content * DAY:
        raise _Wrong(
            f"what was said is kept here for {content:g} days (keep_content), and this call is older: it would be "
            "deleted at once"
        )


def _ended(connection: CallConnection) -> CallConnection:
    """The connection with an end: of one that lived when it was downloaded, the last that is known."""
    if connection.ending is not None:
        return connection
    last = max((message.t for message in connection.messages), default=0)
    return replace(connection, ending=Ending(t=last))


def _typed(message: Message) -> Message:
    """The message with the type that it has by its text, whatever the file says, and of faults what a relay may say."""
    type = decode(message).type if message.kind == "text" else None
    injected = message.injected if INJECTED.fullmatch(message.injected or "") else None
    same = (type, injected) == (message.type, message.injected)
    return message if same else msgspec.structs.replace(message, type=type, injected=injected)


def _batch(call: RecordedCall, first: int, version: str | None, imported: ImportRow) -> Batch:
    id, conversation = call.header.id, call.conversation
    langs = dict.fromkeys(turn.lang for turn in conversation.turns if turn.lang)
    return Batch(
        sessions=(session_row(id, call.connections[first].opening, conversation, version),),
        connections=tuple(_connection_row(id, one) for one in call.connections),
        turns=tuple(turn_row(id, turn) for turn in conversation.turns),
        labels=(session_labels(id, conversation, list(langs)[:MAX_LANGUAGES]),),
        treatments=treatment_rows((id, one.opening) for one in call.connections),
        recordings=tuple(part for one in call.connections for part in _parts(one)),
        imports=(imported,),
    )


def _connection_row(session: str, connection: CallConnection) -> ConnectionRow:
    opening, ending = connection.opening, connection.ending
    assert ending is not None
    return ConnectionRow(
        id=opening.connection_id,
        session=session,
        journal="",  # it is in none
        number=0,
        opened_at=opening.opened_at,
        opened_mono=0,
        ended_at=opening.opened_at + ending.t,
        trace_id=opening.trace_id,
        opening=msgspec.json.encode(opening).decode(),
        ending=msgspec.json.encode(ending).decode(),
        next_seq=len(connection.messages),
        resume=None,
    )


def _parts(connection: CallConnection) -> Iterator[RecordingRow]:
    for number, (first, lines) in enumerate(_pieces(connection.messages)):
        yield RecordingRow(connection.opening.connection_id, number, first, lines.count(b"\n"), pack(lines))


def _pieces(messages: Iterable[Message]) -> Iterator[tuple[int, bytes]]:
    """Lines of messages in pieces of `PART_BYTES` or a little more, each with the place of its first message."""
    first, held = 0, bytearray()
    place = 0
    for place, message in enumerate(messages, 1):
        held += write_lines((message,))
        if len(held) > PART_BYTES:
            yield first, bytes(held)
            first, held = place, bytearray()
    if held:
        yield first, bytes(held)
