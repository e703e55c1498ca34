"""Budget of one connection: how much of what it says is searched for secrets.

Knows: what it takes to search a text; how much a call may need.
Must not know: messages and streams; what becomes of what is not searched.

Times are nanoseconds on the connection's clock, as its messages have them.
"""

import re

BURST = 1_000_000
"""Characters that are searched at once. A setup or handoff message of 64 KiB takes 100,000 to 300,000, and an answer of
4,000 characters 150,000, as each of its tokens is searched together with the words before it. Searching the worst of
texts takes five to eight seconds for so many."""
RATE = 8_000
"""Characters that are searched in each second besides. People and voices say about 20 characters a second: in tokens of
four, those take 750. A call of two who never pause, in tokens of two letters, with ten partial prompts a second whose
members are all searched (`redact_fields`), takes 4,500."""
PAUSE = 30
"""Seconds of `RATE` that have to be left again before searching goes on: not in the middle of a number."""
OVERHEAD = 16
"""Characters that take as long to search as a text takes however short it is."""
BINARY = 32
"""Times that a byte of binary data counts. No call has any, and what is no text takes several times as long to search:
what one connection may send of it takes less than a second."""
BROKEN = 8
"""Times that text counts that begins as JSON and is none. Read as near as possible, it falls into pieces each of which
is searched with whatever stands where its name would: up to eight times as long as what calls have."""
NAMES_OVERHEAD, NAMES_RATIO = 1_000, 8
"""Characters that take as long to search as a search for names takes, however short the text is, and besides for each
character: 5 ms and 40 µs, some times as much as `make names-check` measures of a network of spaCy's default size."""
_SECOND = 1_000_000_000
_BREAKS = re.compile(r'[\s{}\[\]:,"]+')
_NESTED = re.compile(r"[{\[]")


def effort(text: str, *, names: bool = False) -> int:
    """What it takes to search a text, in characters; of JSON each string and number is searched by itself. `names`:
    its strings are searched for names of people, too."""
    nested = _NESTED.search(text)
    pieces = len(_BREAKS.findall(text)) if nested else 1
    needed = len(text) + OVERHEAD * max(pieces, 1)
    if names:
        needed += names_effort(text, text.count('"') // 2 if nested else 1)
    return needed


def names_effort(text: str, strings: int = 1) -> int:
    """What it takes besides to search a text of so many strings for names of people; twice where it has tags."""
    needed = NAMES_RATIO * len(text) + NAMES_OVERHEAD * max(strings, 1)
    return 2 * needed if "<" in text else needed


class SearchBudget:
    """What is left of a connection's budget. It may be overdrawn by what one message takes; the rate pays that back."""

    def __init__(self) -> None:
        self.spent = 0
        """Characters that were searched so far."""
        self._left = BURST
        self._t = 0
        self._exceeded = False

    def is_ample(self, size: int, t: int) -> bool:
        """Whether up to three texts of so many characters may be searched at `t`, whatever `effort` they take without
        names."""
        self._refill(t)
        return not self._exceeded and (OVERHEAD + 1) * size + 3 * OVERHEAD <= self._left

    def covers(self, needed: int, t: int) -> bool:
        """Whether so many characters may be searched at `t`. Once they may not, nothing is for a while."""
        self._refill(t)
        self._exceeded = needed > self._left or (self._exceeded and self._left < PAUSE * RATE)
        return not self._exceeded

    def _refill(self, t: int) -> None:
        if t > self._t:
            self._left = min(BURST, self._left + (t - self._t) * RATE // _SECOND)
            self._t = t

    def spend(self, characters: int) -> None:
        """Takes that so many characters were searched."""
        self.spent += characters
        self._left -= characters
