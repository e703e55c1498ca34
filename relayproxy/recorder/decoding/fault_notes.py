"""Fault notes: joins what the relay noted of an injected fault to the message that it is about.

Knows: that a note stands before the bytes of its message.
Must not know: which faults there are.
"""

import msgspec

from relayproxy.conversation.message import Message


class FaultNotes:
    """The notes of one connection that wait for their messages, which are the backend's."""

    __slots__ = ("_notes",)

    def __init__(self) -> None:
        self._notes: list[str] = []

    def add(self, body: bytes) -> None:
        """Takes a note as the journal has it."""
        self._notes.append(body.decode("utf-8", "replace"))

    def join(self, messages: list[Message]) -> list[Message]:
        """The backend's next messages, the first of them with what was noted before it."""
        if not self._notes or not messages:
            return messages
        noted, self._notes = "; ".join(self._notes), []
        return [msgspec.structs.replace(messages[0], injected=noted), *messages[1:]]
