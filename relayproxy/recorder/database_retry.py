"""Database retry: repeats what needs the database until it answers.

Knows: retrying until it works, one log line for each change, and giving up only on a stop.
Must not know: what is read or written.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from relayproxy.errors import RelayproxyError
from relayproxy.retry import retry
from relayproxy.store.errors import DamagedFileError, OvertakenError, ReplacedError

log = logging.getLogger(__name__)
T = TypeVar("T")

PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 2.0)
"""Seconds between two attempts."""


class Stopped(Exception):
    """The recorder was told to stop while the database was away."""


class DatabaseRetry:
    """Retries an action that needs the database. `check` raises when the database cannot be used as it is (its schema);
    it is asked before the first use and after each failure."""

    def __init__(self, check: Callable[[], None], stop: threading.Event) -> None:
        self._check = check
        self._stop = stop
        self._healthy: bool | None = None
        self.trouble: tuple[int, str] | None = None
        """The time (wall nanoseconds) of the database's last failure, and its message without secrets."""

    def __call__(self, action: Callable[[], T]) -> T:
        """The action's result, however long it takes. Raises Stopped when told to stop meanwhile, and OvertakenError,
        ReplacedError and DamagedFileError: with another database, all that the caller knows is wrong."""

        def attempt() -> T:
            if not self._healthy:
                self._check()
            return action()

        result = retry(attempt, PAUSES, failed=self._failed, wait=self._wait)
        if self._healthy is False:
            log.warning("recording goes on")
        self._healthy = True
        return result

    def _failed(self, problem: Exception) -> None:
        if isinstance(problem, DamagedFileError | OvertakenError | ReplacedError):
            raise problem
        # Only errors of ours are known not to quote what was being written.
        words = str(problem) if isinstance(problem, RelayproxyError) else type(problem).__name__
        self.trouble = time.time_ns(), words
        if self._healthy is not False:
            log.error("nothing can be recorded (%s); calls go on, the journal keeps them", words)
        self._healthy = False

    def _wait(self, pause: float) -> None:
        if self._stop.wait(pause):
            raise Stopped
