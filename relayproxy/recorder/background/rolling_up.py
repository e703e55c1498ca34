"""Rolling up beside recording: numbers of the half hours that are over are added up, by a thread of the recorder's
process.

Knows: how often it is looked for new ones; that of a database that is new to rollups there are many, which may take
their time; that those that are there are looked through once for damage.
Must not know: SQL; what a rollup is made of; the play loop.
"""

import logging
import threading
import time

from relayproxy.errors import RelayproxyError
from relayproxy.store.engine import is_in_place, open_engine, reading, writing
from relayproxy.store.errors import store_errors
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.write.rollups import (
    damaged_rollups,
    forget_rollups,
    keep_rollups,
    missing_rollups,
    read_half_hour,
    rolled_up_days,
)

log = logging.getLogger(__name__)

LOOK = 60.0
"""Seconds between two looks."""
REST = 4.0
"""How many times as long as it took it rests after each half hour."""
_PATIENCE = 5.0
"""Seconds that a step that has begun gets to end."""


class RollupThread:
    """Adds up what the database at `url` has, until `close`."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self._ended = threading.Event()
        self._problem = ""
        self._checked = False
        self._days: range | None = None
        self._thread = threading.Thread(target=self._run, name="rollups", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread, waiting a moment at most."""
        self._ended.set()
        self._thread.join(_PATIENCE)
        self._engine.dispose()

    def _run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            try:
                self._work()
            except Exception as problem:
                self._failed(problem)
            else:
                if self._problem:
                    log.warning("calls are added up again")
                self._problem = ""
            pause = LOOK

    def _work(self) -> None:
        self._check()
        self._look_through()
        with store_errors(), self._engine.connect() as db:
            missing = missing_rollups(db, time.time_ns())
        for start in missing:
            began = time.monotonic()
            with store_errors():
                with reading(self._engine).connect() as db:
                    made = read_half_hour(db, start)
                if made is not None:
                    with writing(self._engine).begin() as db:
                        keep_rollups(db, made)
            if self._ended.wait(REST * (time.monotonic() - began)):
                return

    def _look_through(self) -> None:
        """Once: what cannot be read is to be made anew. Until it is, pages read its calls one by one."""
        if self._days is None:
            with store_errors(), self._engine.connect() as db:
                self._days = rolled_up_days(db)
        while self._days:
            began = time.monotonic()
            with store_errors():
                with reading(self._engine).connect() as db:
                    damaged = damaged_rollups(db, self._days[0])
                if damaged:
                    with writing(self._engine).begin() as db:
                        forget_rollups(db, *damaged)
                    log.warning(
                        "numbers of many calls were damaged, and are added up again (half hours: %d)", len(damaged)
                    )
            self._days = self._days[1:]
            if self._ended.wait(REST * (time.monotonic() - began)):
                return

    def _check(self) -> None:
        with store_errors(), self._engine.connect() as db:
            there = is_in_place(db)
        if not there:
            self._engine.dispose()
        if not (there and self._checked):
            check_schema(self._engine)
            self._checked = True

    def _failed(self, problem: Exception) -> None:
        # Only errors of ours are known not to quote what was being written.
        words = str(problem) if isinstance(problem, RelayproxyError) else type(problem).__name__
        if words != self._problem:
            log.error("pages over many calls are slower, as these are not added up (%s)", words)
        self._problem = words
