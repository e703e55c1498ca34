"""Size limit: how much of one connection is kept in the database.

Knows: what messages weigh, that Twilio begins with a setup message, and how the count goes on after a restart.
Must not know: frames, the journal, the database.

The relay, which cannot tell a message, limits bytes. Here it is known how much they come to, and whether anything says
that this is a call: of a connection without a setup message little is kept.
"""

from collections.abc import Iterable

import msgspec

from relayproxy.conversation.message import Message
from relayproxy.journal.dropped import DroppedChunks
from relayproxy.journal.format import EntryKind, GapCause

MESSAGE_WEIGHT = 100
"""Bytes that a message takes besides its payload."""
COSTLY_WEIGHT = 64
"""Times that a byte counts that is not of a text, or that compression made of next to nothing: ConversationRelay sends
none, and to look through them is slow, or takes long for the little that came."""
MOST_EXCESS = 64 * 1024
"""Bytes of one message that count so: alone it leaves room for the rest of its call."""
UNNAMED_LIMIT = 64 * 1024
"""Bytes kept of a connection while Twilio's setup message has not come. One message may exceed it."""
_SIDES = (EntryKind.TWILIO_CHUNK, EntryKind.BACKEND_CHUNK)
_SMALL = 64 * 1024
"""A count up to which it is not worth keeping over a restart."""


class SizeState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state from which the count goes on. `told` and `untold` are the bytes dropped of Twilio's and the backend's
    side, by whether a gap tells them."""

    weight: int = 0
    unnamed: bool = False
    told: tuple[int, int] = (0, 0)
    untold: tuple[int, int] = (0, 0)


class SizeLimit:
    """The bytes kept of one connection, and those dropped beyond `limit`. `payload`: bytes kept of one message."""

    def __init__(self, limit: int, payload: int, state: SizeState | None) -> None:
        state = state or SizeState()
        self._limit = limit
        self._payload = payload
        self._weight = state.weight
        self.unnamed = state.unnamed
        """No setup message has come, and none can have been lost."""
        self.dropped = {
            side: DroppedChunks(side, GapCause.LIMIT, size=untold, told=told)
            for side, untold, told in zip(_SIDES, state.untold, state.told, strict=True)
        }

    def state(self) -> SizeState | None:
        """The state as of now; None when a new one would do."""
        told, untold = zip(*((one.told, one.size) for one in self.dropped.values()), strict=True)
        if not self.unnamed and self._weight < _SMALL and not any(told):
            return None
        return SizeState(self._weight, self.unnamed, told, untold)

    @property
    def exceeded(self) -> bool:
        """True when nothing more is kept."""
        return self._weight >= (min(UNNAMED_LIMIT, self._limit) if self.unnamed else self._limit)

    def keep(self, messages: Iterable[Message]) -> None:
        """Counts messages that are kept."""
        for message in messages:
            size = min(message.size, self._payload)
            self._weight += MESSAGE_WEIGHT + size * (COSTLY_WEIGHT if self._is_costly(message) else 1)

    def _is_costly(self, message: Message) -> bool:
        return not self.unnamed and message.kind == "binary"

    def inflated(self, excess: int) -> None:
        """Counts bytes of a message that compression made of next to nothing."""
        self._weight += COSTLY_WEIGHT * min(excess, MOST_EXCESS)

    def name(self) -> None:
        """Takes that the setup message has come, or may have come and was lost."""
        self.unnamed = False
