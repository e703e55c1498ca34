"""Message places: positions of messages counted over all connections of a session, and found by time.

Knows: that a connection's messages are numbered from 0 without a gap.
Must not know: HTTP, HTML; what messages say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

MessagePlace = tuple[int, int]
"""(connection index, seq): where a message stands in its session."""


@dataclass(frozen=True, slots=True)
class MessagePlaces:
    """All places of a session: `lengths` are the numbers of messages of its connections, first opened first."""

    lengths: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.lengths)

    def ordinal(self, place: MessagePlace) -> int:
        """The number of messages before the place, which need not exist (yet)."""
        index, seq = place
        if index >= len(self.lengths):
            return self.total
        return sum(self.lengths[:index]) + min(max(seq, 0), self.lengths[index])

    def before(self, ordinal: int) -> MessagePlace | None:
        """The place just before the message with this ordinal, to read on from; None to read from the start."""
        left = min(ordinal, self.total) - 1
        if left < 0:
            return None
        for index, length in enumerate(self.lengths):
            if left < length:
                return index, left
            left -= length
        return None

    def at_time(self, wall: int, opened: Sequence[int], read_at: Callable[[MessagePlace | None], int | None]) -> int:
        """The ordinal of the first message at or after a moment; the number of all when there is none.

        `opened` are the moments at which the connections opened. `read_at` gives the moment of the message that follows
        a place. Connection by connection, so one that was open meanwhile is found first.
        """
        starts = (0, *accumulate(self.lengths))
        for index, length in enumerate(self.lengths):
            low, high = starts[index], starts[index] + length
            if wall <= opened[index]:
                return low
            while low < high:
                middle = (low + high) // 2
                moment = read_at(self.before(middle))
                if moment is None or moment >= wall:
                    high = middle
                else:
                    low = middle + 1
            if low < starts[index] + length:
                return low
        return self.total
