"""Recorded call: one session with its connections, their messages, and the conversation that the fold makes of them.

Knows: in which order the messages of several connections happened.
Must not know: files, the database.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.checks.findings import Thresholds
from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation
from relayproxy.conversation.recording import Header, Recorded
from relayproxy.plural import plural


@dataclass(frozen=True, slots=True)
class CallConnection:
    """One WebSocket of the session with all of its messages. `ending` is None while it lived."""

    opening: Opening
    messages: Sequence[Message]
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A recorded session. `conversation` has all of its turns."""

    header: Header
    connections: tuple[CallConnection, ...]
    """As the header lists them: as they opened."""
    conversation: Conversation


def missing(call: RecordedCall) -> str | None:
    """What was not recorded of a call, in words; None when all was that can be compared."""
    if any(part.opening.record == "metadata" for part in call.connections):
        return "it was recorded without words (record = metadata), so that none are compared"
    if not any(part.messages for part in call.connections):
        return "no message of it was recorded, so that there is nothing to compare"
    gaps = sum(message.kind in ("gap", "undecodable") for part in call.connections for message in part.messages)
    if gaps:
        return f"{plural(gaps, 'stretch', 'stretches')} of it could not be recorded, so that something may be missing"
    return None


def recorded_call(
    header: Header,
    messages: Iterable[Recorded],
    thresholds: Thresholds = Thresholds(),  # noqa: B008 (an immutable value)
) -> RecordedCall:
    """The call of a recording; raises what `messages` raises. `thresholds`: from when on a turn is slow and a pause a
    stall."""
    connections = recorded_connections(header, messages)
    return RecordedCall(header, connections, fold_connections(connections, thresholds))


def recorded_connections(header: Header, messages: Iterable[Recorded]) -> tuple[CallConnection, ...]:
    """The connections of a recording with their messages; raises what `messages` raises."""
    found: list[list[Message]] = [[] for _ in header.connections]
    for recorded in messages:
        found[recorded.connection].append(recorded.message)
    return tuple(
        CallConnection(one.opening, tuple(messages), one.ending)
        for one, messages in zip(header.connections, found, strict=True)
    )


def fold_connections(
    connections: Sequence[CallConnection],
    thresholds: Thresholds = Thresholds(),  # noqa: B008 (an immutable value)
) -> Conversation:
    """The conversation of one session's connections. What happened on several at once is taken in the order of time."""
    fold = Fold(thresholds)
    for _, step in heapq.merge(*(_course(fold, one) for one in connections), key=itemgetter(0)):
        step()
    return fold.conversation()


def _course(fold: Fold, part: CallConnection) -> Iterator[tuple[int, Callable[[], object]]]:
    """The course of one connection: wall times and steps."""
    opening, ending = part.opening, part.ending
    id, began = opening.connection_id, opening.opened_at
    yield began, lambda: fold.open(opening)
    for message in part.messages:
        yield began + message.t, lambda message=message: fold.feed(id, message)  # type: ignore[misc]
    if ending is not None:
        yield began + ending.t, lambda: fold.end(id, ending)
