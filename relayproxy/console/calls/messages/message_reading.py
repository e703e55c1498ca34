"""Message pages: reads raw messages by cursor and filter, and counts them by type.

Knows: how to find the next or previous matching messages without reading a long call to its end.
Must not know: HTML, JSON; what messages mean.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import compress
from operator import attrgetter

from relayproxy.console.calls.messages.message_places import MessagePlace, MessagePlaces
from relayproxy.console.calls.messages.message_preview import hits, kind_of, named_kind
from relayproxy.conversation.message import Outline, read_lines, read_outlines
from relayproxy.store.errors import store_errors
from relayproxy.store.read.queries import PlacedMessage, Queries
from relayproxy.store.read.recording_reader import RecordingReader
from relayproxy.store.read.recording_streams import lines_after, message_count

SCAN = 200_000
"""Messages that are scanned for one filtered page."""
LOOKED = 64 * 1024 * 1024
"""Payload bytes that are scanned for one filtered page, to the end of the message in which they are reached."""
_BATCH = 1_000
_REMEMBERED = 64
_WHAT = attrgetter("sender", "kind", "type")


@dataclass(frozen=True)
class Filter:
    """A filter of messages: by side and kind, where an empty set takes all; with `text` in their payload, ignoring
    case."""

    sides: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    text: str = ""

    def __bool__(self) -> bool:
        return bool(self.sides or self.kinds or self.text)

    @cached_property
    def folded(self) -> str:
        """`text` as it is compared."""
        return self.text.casefold()

    def takes(self, placed: PlacedMessage) -> bool:
        """True when the message is to be shown."""
        message = placed.message
        if self.sides and message.sender not in self.sides:
            return False
        if self.kinds and kind_of(message) not in self.kinds:
            return False
        return not self.folded or hits(message, self.folded)


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Matching messages in order. `next` is the place to go on from, None when all have been looked at; `seen`
    is the last place looked at, from where a live call's new messages follow. `previous` is the place that the page
    before ends at (the first message of this one, or the first looked at), None when nothing comes before."""

    messages: tuple[PlacedMessage, ...]
    next: MessagePlace | None
    seen: MessagePlace | None
    previous: MessagePlace | None = None
    scanned: int = 0
    """The number of messages that were scanned."""
    stopped: bool = False
    """True when the scan stopped at its limit, so that there may be more."""


def read_page(
    queries: Queries,
    session: str,
    after: MessagePlace | None,
    limit: int,
    wanted: Filter,
    reader: RecordingReader | None = None,
) -> MessagePage:
    """At most `limit` matching messages after a place."""
    found: list[PlacedMessage] = []
    reader = reader or RecordingReader()
    scanned, looked, previous = 0, 0, _following(after)
    batch = _BATCH if wanted else limit + 1
    while True:
        read = queries.messages(session, after, batch, reader)
        for placed in read:
            stopped = scanned == SCAN or (bool(wanted) and looked >= LOOKED)
            if len(found) == limit or stopped:
                return MessagePage(tuple(found), after, after, previous, scanned, stopped)
            after = (placed.index, placed.message.seq)
            scanned += 1
            looked += _length(placed)
            if wanted.takes(placed):
                found.append(placed)
        if len(read) < batch:
            return MessagePage(tuple(found), None, after, previous, scanned)


def read_back(
    queries: Queries,
    session: str,
    places: MessagePlaces,
    before: int,
    limit: int,
    wanted: Filter,
    reader: RecordingReader | None = None,
) -> MessagePage:
    """The last `limit` matching messages before the ordinal `before`, in order."""
    found: list[PlacedMessage] = []
    reader = reader or RecordingReader()
    end = before = min(before, places.total)
    batch, looked = _BATCH if wanted else limit, 0
    while end > 0 and len(found) < limit and before - end < SCAN and (looked < LOOKED or not wanted):
        start = max(0, end - batch)
        read = queries.messages(session, places.before(start), end - start, reader)
        found = [*(placed for placed in read if wanted.takes(placed)), *found]
        looked += sum(map(_length, read))
        end = start
    kept = found[-limit:]
    first = (kept[0].index, kept[0].message.seq) if len(found) > limit else _following(places.before(end))
    seen = places.before(before)
    return MessagePage(
        messages=tuple(kept),
        next=seen if before < places.total else None,
        seen=seen,
        previous=first,
        scanned=before - end,
        stopped=len(found) < limit and end > 0,
    )


def read_around(
    queries: Queries, session: str, places: MessagePlaces, at: int, limit: int, wanted: Filter
) -> MessagePage:
    """Matching messages on both sides of the ordinal `at`, more of them after it."""
    reader = RecordingReader()
    above = read_back(queries, session, places, at, limit // 4, wanted, reader)
    below = read_page(queries, session, places.before(at), limit - len(above.messages), wanted, reader)
    return replace(
        below,
        messages=(*above.messages, *below.messages),
        previous=above.previous,
        scanned=above.scanned + below.scanned,
        stopped=above.stopped or below.stopped,
    )


def ordinal_at(queries: Queries, session: str, places: MessagePlaces, opened: Iterable[int], wall: int) -> int:
    """The ordinal of the first message that was read at a moment (wall nanoseconds) or later."""
    reader = RecordingReader()

    def read_at(after: MessagePlace | None) -> int | None:
        read = queries.messages(session, after, 1, reader)
        return read[0].opened_at + read[0].message.t if read else None

    return places.at_time(wall, tuple(opened), read_at)


def read_cursor(text: str) -> MessagePlace:
    """A cursor as `write_cursor` wrote it. Raises ValueError."""
    index, seq = text.split(".")
    if not (index.isascii() and index.isdigit() and seq.isascii() and seq.isdigit()):
        raise ValueError("not a cursor")
    return int(index[:9]), int(seq[:18])


def write_cursor(place: MessagePlace) -> str:
    """A place as text for a URL."""
    return f"{place[0]}.{place[1]}"


def _length(placed: PlacedMessage) -> int:
    return len(placed.message.text or placed.message.data or b"")


def _following(place: MessagePlace | None) -> MessagePlace | None:
    return None if place is None else (place[0], place[1] + 1)


@dataclass(slots=True)
class _Count:
    seen: MessagePlace | None = None
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


class Counts:
    """The number of messages of each (side, kind) in a session; remembered, so that only new messages are counted.

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
        if at_most is not None and message_count(queries, session) - found.counts.total() > at_most:
            return False
        while stored := lines_after(queries, session, found.seen):
            with store_errors():
                outlines = read_outlines(stored.lines)
                found.counts.update(_kinds(outlines, stored.lines))
            found.seen = (stored.index, outlines[-1].seq)
        return True


def _kinds(outlines: Sequence[Outline], lines: bytes) -> Counter[tuple[str, str]]:
    """Messages by (side, kind)."""
    alike = Counter(map(_WHAT, outlines))
    found: Counter[tuple[str, str]] = Counter()
    for (sender, kind, type_), count in alike.items():
        if kind != "text" or type_:
            found[sender, named_kind(kind, type_)] += count
    if any(kind == "text" and not type_ for _, kind, type_ in alike):
        # What these are called is told by their payload.
        untyped = (outline.kind == "text" and not outline.type for outline in outlines)
        for message in read_lines(b"".join(compress(lines.splitlines(keepends=True), untyped))):
            found[message.sender, kind_of(message)] += 1
    return found
