"""Background thread: does one kind of work again and again, beside recording, until it is closed.

Knows: how long it waits in between, and that what fails is told once, and once that it goes on.
Must not know: what the work is.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod

from relayproxy.errors import RelayproxyError
from relayproxy.store.engine import is_in_place, open_engine
from relayproxy.store.errors import AwayError, store_errors
from relayproxy.store.schema.revisions import check_schema

log = logging.getLogger(__name__)

BRIEF = 60.0
"""Seconds for which a database may be locked or away before that is told here: the recorder that writes to it tells it
at once, and where it is locked by others' transactions the next look mostly succeeds."""
_PATIENCE = 5.0
"""Seconds that a step that has begun gets to end."""


class BackgroundThread(ABC):
    """Works on the database at `url` from `start` to `close`. `look`: seconds from one time to the next; `again`: from
    a failure. `waits`, `goes_on`: what is logged of a failure, in front of its reason, and when it is over."""

    def __init__(self, name: str, url: str, *, look: float, again: float, waits: str, goes_on: str) -> None:
        self._engine = open_engine(url)
        self._look, self._again = look, again
        self._waits, self._goes_on = waits, goes_on
        self._ended = threading.Event()
        self._checked = False
        self._problem: str | None = None
        self._problem_at: int | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the thread, waiting a moment at most; what it was at goes on with the next start."""
        self._ended.set()
        self._thread.join(_PATIENCE)
        self._engine.dispose()

    @abstractmethod
    def _work(self) -> bool:
        """Does what there is to do; True when there may be more at once."""

    def _tell(self, problem: str | None, since: int | None) -> None:  # noqa: B027 (nothing to tell)
        """Takes what keeps it from working, since when (wall nanoseconds); None when nothing does."""

    def _leave(self) -> None:  # noqa: B027 (nothing to do)
        """Does what is to be done at the end."""

    def _wait(self, seconds: float) -> bool:
        """False when it is to end."""
        return not self._ended.wait(seconds)

    def _check(self) -> bool:
        """False when the database file is another than before, which is used from here on. Raises RelayproxyError when
        the database is away or has not this version's schema."""
        with store_errors(), self._engine.connect() as db:
            there = is_in_place(db)
        if not there:
            self._engine.dispose()
        if not (there and self._checked):
            check_schema(self._engine)
            self._checked = True
        return there

    def _run(self) -> None:
        pause, away = 0.0, 0.0
        while self._wait(pause):
            try:
                pause = 0.0 if self._work() else self._look
            except Exception as problem:
                away = away or time.monotonic()
                if isinstance(problem, AwayError) and time.monotonic() - away < BRIEF:
                    pause = self._look
                else:
                    self._failed(problem)
                    pause = self._again
            else:
                away = 0.0
                if self._problem is not None:
                    log.warning(self._goes_on)
                    self._problem = self._problem_at = None
                    self._tell(None, None)
        self._leave()

    def _failed(self, problem: Exception) -> None:
        # Only errors of ours are known not to quote what was being written.
        words = str(problem) if isinstance(problem, RelayproxyError) else type(problem).__name__
        if words != self._problem:
            log.error("%s (%s)", self._waits, words)
        self._problem, self._problem_at = words, self._problem_at or time.time_ns()
        self._tell(words, self._problem_at)
