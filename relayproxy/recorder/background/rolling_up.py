"""Rolling up beside recording: numbers of the half hours that are over are added up, and those of days, by a thread of
the recorder's process.

Knows: how often it is looked for new ones; that of a database that is new to rollups there are many, which may take
their time; that those that are there are looked through once for damage.
Must not know: SQL; what a rollup is made of; the play loop.
"""

import logging
import time

from relayproxy.errors import RelayproxyError
from relayproxy.recorder.background.background_thread import BackgroundThread
from relayproxy.store.engine import reading, writing
from relayproxy.store.errors import store_errors
from relayproxy.store.write.day_rollups import keep_day, mark_half_hours, missing_days, read_day
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


class RollupThread(BackgroundThread):
    """Adds up what the database at `url` has, until `close`."""

    def __init__(self, url: str) -> None:
        super().__init__(
            "rollups", url, look=LOOK, again=LOOK,
            waits="pages over many calls are slower, as these are not added up", goes_on="calls are added up again",
        )  # fmt: skip
        self._days: range | None = None
        self.start()

    def _work(self) -> bool:
        self._check()
        self._look_through()
        with store_errors(), self._engine.connect() as db:
            missing = missing_rollups(db, time.time_ns())
        failed: Exception | None = None
        for start in missing:
            began = time.monotonic()
            try:
                self._add_up(start)
            except RelayproxyError:
                raise
            except Exception as problem:
                failed = failed or problem  # by impossible numbers of a call; the others are added up nevertheless
            if not self._wait(REST * (time.monotonic() - began)):
                return False
        self._add_up_days()
        if failed is not None:
            raise failed
        return False

    def _add_up(self, start: int) -> None:
        with store_errors():
            with reading(self._engine).connect() as db:
                made = read_half_hour(db, start)
            if made is not None:
                with writing(self._engine).begin() as db:
                    keep_rollups(db, made)

    def _add_up_days(self) -> None:
        with store_errors(), self._engine.connect() as db:
            missing = missing_days(db)
        for start in missing:
            began = time.monotonic()
            with store_errors():
                with writing(self._engine).begin() as db:
                    mark = mark_half_hours(db, start)
                if mark is not None:
                    with reading(self._engine).connect() as db:
                        made = read_day(db, start, mark)
                    if made is None:
                        self._forget_damaged(start)
                    else:
                        with writing(self._engine).begin() as db:
                            keep_day(db, made)
            if not self._wait(REST * (time.monotonic() - began)):
                return

    def _look_through(self) -> None:
        """Once: what cannot be read is to be made anew. Until it is, pages read its calls one by one."""
        if self._days is None:
            with store_errors(), self._engine.connect() as db:
                self._days = rolled_up_days(db)
        while self._days:
            began = time.monotonic()
            self._forget_damaged(self._days[0])
            self._days = self._days[1:]
            if not self._wait(REST * (time.monotonic() - began)):
                return

    def _forget_damaged(self, day: int) -> None:
        with store_errors():
            with reading(self._engine).connect() as db:
                damaged = damaged_rollups(db, day)
            if damaged:
                with writing(self._engine).begin() as db:
                    forget_rollups(db, *damaged)
                log.warning("numbers of many calls were damaged, and are added up again (half hours: %d)", len(damaged))
