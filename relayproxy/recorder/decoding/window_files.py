"""Window files of one journal: the deflate windows with which its live connections go on after a restart.

Knows: which files rows refer to, when one is written, and since when one could not be.
Must not know: what is in a window, decoding, the database.
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from relayproxy.journal.windows import Windows, delete_windows, read_windows, write_windows
from relayproxy.recorder.decoding.connection import DecodedConnection
from relayproxy.recorder.decoding.resume import read_resume
from relayproxy.store.schema.rows import ConnectionRow

log = logging.getLogger(__name__)


class WindowFiles:
    """The window files in a journal's folder; `connections` are those that live, by their numbers in it."""

    def __init__(self, journal: Path, connections: Mapping[int, DecodedConnection]) -> None:
        self._journal = journal
        self._connections = connections
        self._written = {number: one.windows.id for number, one in connections.items()}
        """The ids of the windows that are written, by connection."""
        self._unwritten: dict[int, tuple[int, str]] = {}
        """The connections whose windows could not be written, since when (wall nanoseconds), and why."""

    def write(self, connection: DecodedConnection) -> None:
        """Writes the windows that the connection's row refers to, before the row is committed. What is compressed goes
        on from them after a restart; without them it has a gap."""
        windows = connection.windows
        if not windows.id or windows.id == self._written.get(connection.number):
            return
        try:
            write_windows(self._journal, connection.number, windows)
        except OSError as problem:
            words = problem.strerror or type(problem).__name__
            if self.trouble is None:
                log.error(  # noqa: TRY400
                    "journal %s: deflate windows cannot be written (%s); a restart will lose what is compressed",
                    self._journal.name, words,
                )  # fmt: skip
            since = self._unwritten.get(connection.number, (time.time_ns(), ""))[0]
            self._unwritten[connection.number] = (since, words)
        else:
            self._written[connection.number] = windows.id
            self._unwritten.pop(connection.number, None)

    @property
    def trouble(self) -> tuple[int, str] | None:
        """Since when, and why, windows that live connections need after a restart are not written."""
        return min((told for number, told in self._unwritten.items() if number in self._connections), default=None)

    def delete(self) -> None:
        """Deletes the windows that no row refers to."""
        self._written = {number: id for number, id in self._written.items() if number in self._connections}
        self._unwritten = {number: told for number, told in self._unwritten.items() if number in self._connections}
        delete_windows(self._journal, self._is_needed)

    def _is_needed(self, number: int, id: str) -> bool:
        connection = self._connections.get(number)
        return connection is not None and connection.windows.id == id


def windows_of(path: Path, row: ConnectionRow) -> Windows | None:
    """The deflate windows that a connection's row refers to; None when there are none, or they are lost."""
    resume = read_resume(row.resume)
    id = resume.windows if resume is not None else ""
    found = read_windows(path, row.number, id) if id else None
    if id and found is None:
        log.error(
            "connection %s: its deflate windows are gone or damaged; what is compressed has a gap until it can be read",
            row.id,
        )
    return found
