"""Dropped chunks: counts what one side sends beyond a limit, and tells it in few gaps.

Knows: when a gap is due.
Must not know: who drops, and why.

A gap is due at the first chunk, and again whenever as many bytes as all that were told before have come since: however
much is dropped, there are a few dozen gaps, and what is not told yet is never more than what is.
"""

from relayproxy.journal.format import EntryKind, GapBody, GapCause


class DroppedChunks:
    """The chunks of one side that were dropped. `told` is the number of bytes that gaps have told before."""

    __slots__ = ("_cause", "_chunks", "_first", "_last", "_side", "size", "told")

    def __init__(self, side: EntryKind, cause: GapCause, *, size: int = 0, told: int = 0) -> None:
        self._side = side
        self._cause = cause
        self._chunks = 1 if size else 0
        self._first = self._last = 0
        self.size = size
        """Bytes that no gap has told yet."""
        self.told = told

    def add(self, t: int, size: int) -> tuple[int, GapBody] | None:
        """Counts a chunk. The gap that is due, with the `t` of its first chunk."""
        if not self.size:
            self._first = t
        self._chunks += 1
        self.size += size
        self._last = t
        return self.rest() if self.size >= self.told else None

    def rest(self) -> tuple[int, GapBody] | None:
        """The gap for what is not told yet; None when there is nothing."""
        if not self._chunks:
            return None
        gap = GapBody(self._cause, self._side, self._chunks, self.size, self._last)
        self.told += self.size
        self.size = self._chunks = 0
        return self._first, gap
