"""Backlog: how long the oldest unplayed entry of the journals has waited.

Knows: sizes of files at earlier looks, and when files were last written.
Must not know: entries; what the age means.

What was played says nothing of what cannot be: the age is that of bytes. They were there at the first look that saw
the file that long, and no later than the file was last written.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from relayproxy.journal.format import MAGIC
from relayproxy.journal.reader import Position
from relayproxy.journal.segments import segment_numbers, segment_path

_MARKS = 1000
"""Looks that are remembered of a journal; of more, every other one."""


class Backlog:
    """The ends of journals and the times at which they were first seen there. For one thread."""

    def __init__(self) -> None:
        self._marks: dict[Path, list[tuple[Position, float]]] = {}
        """Ends of journals, and when (monotonic seconds) they were first seen there."""

    def age(self, places: Iterable[tuple[Path, Position]]) -> float:
        """Seconds that the oldest bytes behind these places have been waiting at least; 0 when nothing waits."""
        found, marks = 0.0, self._marks
        self._marks = {}
        for path, position in places:
            self._marks[path] = marks.get(path, [])
            found = max(found, self._look(path, position, self._marks[path]))
        return found

    def _look(self, path: Path, position: Position, marks: list[tuple[Position, float]]) -> float:
        ends = [(number, stat) for number in segment_numbers(path) if (stat := _stat(segment_path(path, number)))]
        unread = [one for one in ends if Position(one[0], one[1][0]) > max(position, Position(one[0], len(MAGIC)))]
        now = time.monotonic()
        if not unread:
            marks.clear()
            return 0.0
        end = Position(ends[-1][0], ends[-1][1][0])
        if not marks or marks[-1][0] < end:
            marks.append((end, now))
        while marks[0][0] <= position:
            del marks[0]
        if len(marks) > _MARKS:
            del marks[1::2]
        written = time.time() - unread[0][1][1]
        return max(now - marks[0][1], written, 0.0)


def _stat(path: Path) -> tuple[int, float] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime
