"""The text messages of an answer as they came: first, sentences, gaps, last.

Knows: times and lengths of tokens.
Must not know: what was asked, what was stale or heard.

Times are wall nanoseconds.
"""

import re
from collections.abc import Sequence

from relayproxy.conversation.measures.percentiles import nearest_rank
from relayproxy.conversation.model import ChunkGaps
from relayproxy.conversation.moment import Moment
from relayproxy.conversation.totals import milliseconds

STALL = 1_000_000_000
"""A longer gap between two chunks is a stall."""

_END = ".?!…:"
_MARKS = frozenset(_END)
_SENTENCE = re.compile(rf"[{_END}][\"')\]»”’]*\s")
_ENDING = re.compile(rf"[{_END}][\"')\]»”’]*\Z")


class Stream:
    """The text messages of one response. Feed it every text message of it but stale ones."""

    __slots__ = (
        "_pending",
        "_previous_at",
        "chars",
        "chunks",
        "done_out",
        "first_at",
        "first_out",
        "gaps",
        "last_at",
        "last_out",
        "later_chars",
        "longest_gap",
        "sentence_out",
        "stalls",
    )

    def __init__(self) -> None:
        self.chunks = 0
        """Non-empty tokens."""
        self.chars = 0
        self.later_chars = 0
        """Characters behind the first chunk."""
        self.first_at: int | None = None
        self.first_out: int | None = None
        self.last_at = 0
        self.last_out = 0
        self.sentence_out: int | None = None
        """When the chunk that completes the first sentence had been written."""
        self.done_out: int | None = None
        """When `last: true` had been written."""
        self.gaps: list[int] = []
        self.stalls = 0
        self.longest_gap: tuple[int, Moment] | None = None
        """The longest gap and the chunk that ended it."""
        self._previous_at: int | None = None
        self._pending: int | None = None
        """When a chunk was written that may have completed a sentence: a space or the end must follow."""

    def chunk(self, token: str, moment: Moment) -> None:
        """Takes a non-empty token."""
        at = moment.at
        if self._previous_at is not None:
            gap = at - self._previous_at
            self.gaps.append(gap)
            self.stalls += gap > STALL
            if self.longest_gap is None or gap > self.longest_gap[0]:
                self.longest_gap = gap, moment
        if self.first_at is None:
            self.first_at, self.first_out = at, moment.out
        else:
            self.later_chars += len(token)
        self._previous_at = self.last_at = at
        self.last_out = moment.out
        self.chunks += 1
        self.chars += len(token)
        if self.sentence_out is None:
            self._look_for_sentence(token, moment.out)

    def last(self, out: int) -> None:
        """Takes `last: true`."""
        self.done_out = out
        if self.sentence_out is None and self.chunks:
            self.sentence_out = self._pending if self._pending is not None else out

    def chunk_gaps(self) -> ChunkGaps | None:
        """The gaps between chunks; None of fewer than two chunks."""
        if not self.gaps:
            return None
        ranked = sorted(self.gaps)
        return ChunkGaps(_ms(nearest_rank(ranked, 0.5)), _ms(nearest_rank(ranked, 0.95)), _ms(ranked[-1]))

    def rates(self) -> tuple[float | None, float | None]:
        """Chunks and characters a second behind the first chunk; None where one chunk or no time is all there is."""
        span = self.last_at - (self.first_at or 0)
        if self.chunks < 2 or span <= 0:
            return None, None
        return round((self.chunks - 1) / (span / 1e9), 3), round(self.later_chars / (span / 1e9), 3)

    def ended_out(self) -> int | None:
        """The time at which the last token had been written, once it has come; that of a single chunk is the chunk
        itself."""
        return self.first_out if self.chunks == 1 and self.done_out is not None else self.done_out

    def _look_for_sentence(self, token: str, out: int) -> None:
        if self._pending is not None and token[:1].isspace():
            self.sentence_out = self._pending
        elif _MARKS.isdisjoint(token):
            self._pending = None
        elif _SENTENCE.search(token):
            self.sentence_out = out
        else:
            self._pending = out if _ENDING.search(token) else None


def joined(streams: Sequence[Stream]) -> Stream:
    """Several responses in order as one, to be read; the pause between two of them is no gap."""
    if len(streams) == 1:
        return streams[0]
    spoken = [stream for stream in streams if stream.chunks]
    made = Stream()
    made.done_out = next((stream.done_out for stream in reversed(streams) if stream.done_out is not None), None)
    if not spoken:
        return made
    first, last = spoken[0], spoken[-1]
    made.chunks, made.chars = sum(s.chunks for s in spoken), sum(s.chars for s in spoken)
    made.later_chars = made.chars - (first.chars - first.later_chars)
    made.first_at, made.first_out = first.first_at, first.first_out
    made.last_at, made.last_out = last.last_at, last.last_out
    made.sentence_out = next((stream.sentence_out for stream in spoken if stream.sentence_out is not None), None)
    made.gaps = [gap for stream in spoken for gap in stream.gaps]
    made.stalls = sum(stream.stalls for stream in spoken)
    made.longest_gap = max((s.longest_gap for s in spoken if s.longest_gap), key=lambda gap: gap[0], default=None)
    return made


def _ms(ns: int) -> int:
    return milliseconds(ns) or 0
