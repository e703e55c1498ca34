"""Redaction of what was recorded elsewhere: a call without what must not be stored here.

Knows: that what was masked where it was recorded stays so; that of two ways of recording the one that keeps less holds.
Must not know: settings; how a secret is found; where the call goes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from relayproxy.connection import Opening
from relayproxy.conversation.message import Message
from relayproxy.recordings.call import CallConnection
from relayproxy.redaction.redactor import Redactor
from relayproxy.redaction.rules import Rules

_KEEPS_LESS: tuple[str | None, ...] = (None, "redacted", "metadata")


def redacted(connections: Iterable[CallConnection], rules: Rules) -> tuple[CallConnection, ...]:
    """The connections of a session as these rules would have stored them. Raises whatever is wrong with a redactor:
    then nothing of the session may be stored."""
    kinds: set[str] = set()
    done: list[CallConnection] = []
    for one in connections:
        redactor = Redactor(rules)
        redactor.follows(kinds)
        messages = tuple(_messages(redactor, one.messages) if rules.record != "full" else one.messages)
        kinds.update(kind for message in messages for kind in message.redacted or ())
        done.append(replace(one, opening=_opening(one.opening, rules), messages=messages))
    return tuple(done)


def _messages(redactor: Redactor, messages: Iterable[Message]) -> Iterator[Message]:
    known: dict[int, dict[str, int]] = {}
    t = 0
    for message in messages:
        t = max(t, message.t)
        if message.redacted is not None:
            known[message.seq] = message.redacted
        yield from (_counted(one, known) for one in redactor.feed(message))
    yield from (_counted(one, known) for one in redactor.end(t))


def _counted(message: Message, known: dict[int, dict[str, int]]) -> Message:
    """The message with the secrets that were masked in it before."""
    before = known.pop(message.seq, None)
    if before is None or message.redacted == before:
        return message
    now = message.redacted or {}
    both = {kind: before.get(kind, 0) + now.get(kind, 0) for kind in {**before, **now}}
    return msgspec.structs.replace(message, redacted=both)


def _opening(opening: Opening, rules: Rules) -> Opening:
    stored = rules.opening(opening)
    less = max(stored.record, opening.record, key=_keeps_less)
    return msgspec.structs.replace(stored, record=less)


def _keeps_less(record: str | None) -> int:
    # What a later version calls otherwise keeps least, for all that is known.
    return _KEEPS_LESS.index(record) if record in _KEEPS_LESS else len(_KEEPS_LESS)
