"""Pages of raw messages: cursors, filters, and how many there are of each kind.

Knows: how to find the next matching messages without reading a long call to its end.
Must not know: HTML, JSON; what messages mean.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from relayproxy.console.preview import kind_of
from relayproxy.store.queries import PlacedMessage, Queries

Place = tuple[int, int]
"""(connection index, seq): where a message stands in its session."""

_BATCH = 5000
_SCAN = 200_000
"""Messages that one filtered page looks at before it gives the reader what it has."""
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages are shown: of these sides and kinds; an empty set takes all."""

    sides: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.sides or self.kinds)

    def takes(self, placed: PlacedMessage) -> bool:
        """True when the message is to be shown."""
        message = placed.message
        side_fits = not self.sides or message.sender in self.sides
        return side_fits and (not self.kinds or kind_of(message) in self.kinds)


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Matching messages in order. `next` is the place to go on from, None when all have been looked at; `seen`
    is the last place looked at, from where a live call's new messages follow."""

    messages: tuple[PlacedMessage, ...]
    next: Place | None
    seen: Place | None


def read_page(queries: Queries, session: str, after: Place | None, limit: int, wanted: Filter) -> MessagePage:
    """At most `limit` matching messages after a place."""
    found: list[PlacedMessage] = []
    scanned = 0
    batch = _BATCH if wanted else limit + 1
    while True:
        read = queries.messages(session, after, batch)
        for placed in read:
            if len(found) == limit or scanned == _SCAN:
                return MessagePage(tuple(found), after, after)
            after = (placed.index, placed.message.seq)
            scanned += 1
            if wanted.takes(placed):
                found.append(placed)
        if len(read) < batch:
            return MessagePage(tuple(found), None, after)


def read_cursor(text: str) -> Place:
    """A cursor as `write_cursor` wrote it. Raises ValueError."""
    index, seq = text.split(".")
    if not (index.isascii() and index.isdigit() and seq.isascii() and seq.isdigit()):
        raise ValueError("not a cursor")
    return int(index[:9]), int(seq[:18])


def write_cursor(place: Place) -> str:
    """A place as text for a URL."""
    return f"{place[0]}.{place[1]}"


@dataclass(slots=True)
class _Count:
    seen: Place | None = None
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


class Counts:
    """How many messages of each (side, kind) a session has; remembered, so that only new messages are counted.

    Not for use by several threads at once for the same session.
    """

    def __init__(self) -> None:
        self._remembered: OrderedDict[str, _Count] = OrderedDict()

    def of(self, queries: Queries, session: str, at_most: int | None = None) -> Counter[tuple[str, str]] | None:
        """The counts up to now; None when more than `at_most` messages would have to be looked at."""
        found = self._remembered.pop(session, None) or _Count()
        self._remembered[session] = found
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return found.counts if self._count(found, queries, session, at_most) else None

    @staticmethod
    def _count(found: _Count, queries: Queries, session: str, at_most: int | None) -> bool:
        left = at_most
        while True:
            batch = _BATCH if left is None else min(_BATCH, left + 1)
            read = queries.messages(session, found.seen, batch)
            for placed in read:
                found.counts[placed.message.sender, kind_of(placed.message)] += 1
                found.seen = (placed.index, placed.message.seq)
            if len(read) < batch:
                return True
            if left is not None:
                left -= len(read)
                if left < 0:
                    return False
