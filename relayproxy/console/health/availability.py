"""Database availability: logs when the database becomes unreadable and readable again.

Knows: the log lines for both.
Must not know: what is read, and for whom.
"""

import logging
import threading

from relayproxy.store.errors import RefusedError, SlowError, StoreError

_log = logging.getLogger(__name__)


class Availability:
    """Logs changes of the database's availability. For any thread; a database that works from the start is not
    logged."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._away = False

    def note(self, problem: StoreError | None) -> None:
        """A use of the database failed with `problem`, or worked (None)."""
        if isinstance(problem, RefusedError | SlowError):
            return  # about the question, and not about the database
        with self._turn:
            changed, self._away = self._away != (problem is not None), problem is not None
        if changed and problem is not None:
            _log.error("the database cannot be read (%s); pages say so until it can", problem)
        elif changed:
            _log.warning("the database can be read again")
