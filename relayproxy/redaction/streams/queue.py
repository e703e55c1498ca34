"""Queue of a connection's messages that wait, in order, until it is decided what of them is masked.

Knows: which messages wait, which stretches of them are masked, what each of them completes.
Must not know: what is secret, and when that is decided.
"""

from collections import deque
from itertools import islice

from relayproxy.connection import Side
from relayproxy.conversation.message import Message

_NOBODY: frozenset[Side] = frozenset()


class QueuedMessage:
    """A message in the queue. `field` is its member that is a part of a stream, None when it has none. `said`: it is
    what one of the two says, presses or sends."""

    __slots__ = ("counts", "field", "goes_with", "message", "said", "spans", "stored", "waits", "words")

    def __init__(self, message: Message, field: str | None, *, stored: bool, said: bool = False) -> None:
        self.message = message
        self.field = field
        self.said = said
        self.words = ""
        """What the field says, where that is text."""
        self.stored = stored
        """It is stored already and only told again, after a restart."""
        self.waits = 0
        """The number of streams that have not decided about it."""
        self.goes_with = message.seq
        """The number of the last message with which it shares a secret: after a restart the part of one alone could
        not be told."""
        self.spans: list[tuple[int, int]] | None = None
        """The stretches of the field's text that are masked."""
        self.counts: dict[str, int] | None = None

    def mask(self, start: int, end: int) -> None:
        """Masks a stretch of the field's text."""
        self.spans = [*(self.spans or ()), (start, end)]

    def count(self, kind: str, number: int) -> None:
        """Counts secrets of a kind that it completes; 0 for a part of one."""
        self.counts = self.counts or {}
        self.counts[kind] = self.counts.get(kind, 0) + number


class Queue:
    """Messages in order."""

    def __init__(self) -> None:
        self.messages: deque[QueuedMessage] = deque()
        """First first."""
        self.size = 0
        """Bytes of payload in it."""

    @property
    def waits(self) -> bool:
        """Whether none can leave."""
        return not self.messages or self.messages[0].waits > 0

    @property
    def first(self) -> Message | None:
        """The oldest message that is not stored yet."""
        for one in self.messages:
            if not one.stored:
                return one.message
        return None

    @property
    def speakers(self) -> frozenset[Side]:
        """Who said what is not stored yet."""
        if not self.messages:
            return _NOBODY
        return frozenset(one.message.sender for one in self.messages if one.said and not one.stored)

    def add(self, message: QueuedMessage) -> None:
        self.messages.append(message)
        self.size += message.message.size

    def decided(self) -> list[QueuedMessage]:
        """The first messages, those that wait for nothing and have nothing in front of them that does; those that
        share a secret together."""
        count = until = 0
        for number, message in enumerate(self.messages, 1):
            if message.waits:
                break
            until = max(until, message.goes_with)
            if message.message.seq >= until:
                count = number
        return [*islice(self.messages, count)]

    def take(self, count: int) -> None:
        """Takes out the first messages, so many."""
        for _ in range(count):
            self.size -= self.messages.popleft().message.size

    def clear(self) -> list[QueuedMessage]:
        """Takes out everything, decided or not."""
        found = [*self.messages]
        self.messages.clear()
        self.size = 0
        return found
