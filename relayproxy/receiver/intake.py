"""Intake: the bounded queue between those who receive spans and the one who writes them.

Knows: how much may wait; that it is asked from several threads.
Must not know: OTLP, sessions, SQL.
"""

import threading
from collections import deque
from collections.abc import Sequence

from relayproxy.receiver.unjoined import ReceivedSpan

MAX_SPANS = 20_000
MAX_BYTES = 64 * 1024 * 1024


class Intake:
    """A queue of received spans. `put` never waits."""

    def __init__(self, spans: int = MAX_SPANS, size: int = MAX_BYTES) -> None:
        self._most_spans = spans
        self._most_bytes = size
        self._waiting: deque[ReceivedSpan] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """True when nothing more is taken for now."""
        return self._closed or len(self._waiting) >= self._most_spans or self._size >= self._most_bytes

    def put(self, spans: Sequence[ReceivedSpan]) -> bool:
        """Takes all of a request's spans, even if that is a little more than fits; False, and nothing is taken, when it
        was full before."""
        with self._changed:
            if self.full:
                return False
            self._waiting += spans
            self._size += sum(one.size for one in spans)
            self._changed.notify()
        return True

    def take(self, most: int, patience: float) -> list[ReceivedSpan]:
        """The first spans, at most so many; waits for one for so many seconds, and not once it was closed."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(patience)
            found = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._size -= sum(one.size for one in found)
        return found

    def close(self) -> None:
        """Nothing more is taken in."""
        with self._changed:
            self._closed = True
            self._changed.notify()
