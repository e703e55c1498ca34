"""A call in miniature: who spoke when and who waited, in at most 240 bins.

Knows: turns' times; how bins are written as text.
Must not know: messages; how it is drawn.

Bins are 250 ms wide, or that times a power of two, as the call needs. A bin is a set of bits, so that joining two is
one operation and the result does not depend on when it was done.
"""

from collections.abc import Iterable
from string import ascii_lowercase, ascii_uppercase, digits

from relayproxy.conversation.model import Turn
from relayproxy.conversation.timings import left_unanswered

CALLER, AGENT, WAITING, SLOW, INTERRUPTED, UNANSWERED = 1, 2, 4, 8, 16, 32
MAX_BINS = 240
_FINEST = 250
_MS = 1_000_000
_ALPHABET = ascii_uppercase + ascii_lowercase + digits + "+/"
_LETTERS = _ALPHABET.encode().ljust(256)
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


class SparklineBins:
    """The bins of a sparkline, which grow with the call. `slow_ms`: from when on a wait is slow."""

    def __init__(self, slow_ms: int) -> None:
        self._slow_ms = slow_ms
        self._width = _FINEST
        self._bins = bytearray()

    def copy(self) -> "SparklineBins":
        made = SparklineBins(self._slow_ms)
        made._width, made._bins = self._width, self._bins[:]
        return made

    def add(self, turn: Turn, start: int) -> None:
        """Takes a turn in; `start` is when the session began (wall nanoseconds)."""
        for begin, end, bits in _segments(turn, self._slow_ms):
            self._paint((begin - start) // _MS, (end - start) // _MS, bits)

    def text(self, length_ms: int) -> str:
        """The bins as text that `read_strip` reads, for a session of that length so far; empty without a turn."""
        if not self._bins:
            return ""
        made = self.copy()
        made._reach(max(0, length_ms))
        shown = made._bins[: max(1, -(-length_ms // made._width))] if length_ms > 0 else made._bins
        return f"{made._width}:{shown.translate(_LETTERS).decode()}"

    def _paint(self, begin: int, end: int, bits: int) -> None:
        begin = max(0, begin)
        end = max(begin, end)
        self._reach(end)
        for at in range(begin // self._width, end // self._width + 1):
            self._bins[at] |= bits

    def _reach(self, ms: int) -> None:
        while ms // self._width >= MAX_BINS:
            self._width *= 2
            if len(self._bins) % 2:
                self._bins.append(0)
            self._bins = bytearray(a | b for a, b in zip(self._bins[::2], self._bins[1::2], strict=True))
        missing = ms // self._width + 1 - len(self._bins)
        if missing > 0:
            self._bins.extend(bytes(missing))


def read_strip(text: str) -> tuple[int, tuple[int, ...]]:
    """Milliseconds of a bin, and the bins; (0, ()) of anything that is no strip."""
    width, colon, bins = text.partition(":")
    if not colon or not width.isascii() or not width.isdigit() or not all(character in _VALUES for character in bins):
        return 0, ()
    return int(width), tuple(_VALUES[character] for character in bins)


def _segments(turn: Turn, slow_ms: int) -> Iterable[tuple[int, int, int]]:
    for mark in turn.marks:
        for spoken in mark.spoken:
            yield spoken.start, spoken.end, CALLER
        if mark.kind == "dtmf":
            yield mark.at, mark.at, CALLER
    for begin, end in left_unanswered(turn.marks, turn.agent_at):
        yield begin, end, WAITING | (UNANSWERED if (end - begin) // _MS >= slow_ms else 0)
    for played in turn.played:
        if played.end is not None:
            yield played.start, played.end, AGENT
    answered = turn.agent_at if turn.agent_at is not None else turn.ended_at
    if turn.caller_at is not None and answered is not None and answered >= turn.caller_at:
        bits = WAITING
        if turn.unanswered:
            bits |= UNANSWERED
        if turn.response_latency_ms is not None and turn.response_latency_ms >= slow_ms:
            bits |= SLOW
        yield turn.caller_at, answered, bits
    for cut in turn.interruptions:
        yield cut.at, cut.at, INTERRUPTED
