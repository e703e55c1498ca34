"""Moving beside recording: recordings go to their place, and objects that are not needed any more go for good, by a
thread of the recorder's process.

Knows: how often each is looked for; that a place may be away for as long as it likes; that of several recorders one
does it at a time.
Must not know: SQL, the order in which anything is written, the play loop.
"""

import logging
import secrets
import time
from collections.abc import Callable

from msgspec.structs import replace

from relayproxy.errors import RelayproxyError
from relayproxy.objects.place import ObjectsError, Place
from relayproxy.recorder.background.background_thread import BackgroundThread
from relayproxy.store.engine import writing
from relayproxy.store.errors import store_errors
from relayproxy.store.read.health.heartbeat import RecordingsHeartbeat
from relayproxy.store.write.leases import give_up_lease, take_lease
from relayproxy.store.write.moving.mover import Mover
from relayproxy.store.write.moving.places import KnownPlace, use_place
from relayproxy.store.write.moving.sweeper import Sweeper

log = logging.getLogger(__name__)

LOOK = 2.0
"""Seconds between two looks."""
AGAIN = 5.0
"""Seconds after a failure."""
COUNT = 30.0
"""Seconds between two counts of what waits."""
FIRST_SWEEP, SWEEP = 3600.0, 86_400.0
"""Seconds from the start to the first search for objects that no row names, and from one to the next."""
LEASE = 300.0
"""Seconds for which another recorder waits that has heard nothing of this one."""


class MovingThread(BackgroundThread):
    """Moves recordings of the database at `url` to `place`, if there is one, until `close`; and deletes, wherever any
    have been moved, those that are not needed any more."""

    def __init__(self, url: str, place: Place | None) -> None:
        super().__init__(
            "moving", url, look=LOOK, again=AGAIN,
            waits="recordings stay where they are", goes_on="recordings are moved again",
        )  # fmt: skip
        self._place = place
        self._known: KnownPlace | None = None
        self._mover = Mover(self._engine, self._wait)
        self._sweeper = Sweeper(self._engine, self._wait)
        self._owner = secrets.token_hex(8)
        self._leased_until = 0.0
        self._next_count, self._next_sweep = 0.0, time.monotonic() + FIRST_SWEEP
        self.state = RecordingsHeartbeat(None if place is None else str(place))
        """What is reported of it."""
        self.start()

    def _tell(self, problem: str | None, since: int | None) -> None:
        self.state = replace(self.state, problem=problem, problem_at=since)

    def _work(self) -> bool:
        if not self._check():
            self._known = None
        if not self._has_lease():
            self.state = replace(self.state, waiting=0, waiting_since=None, deletions=0)  # another one tells of it
            self._next_count = 0.0
            return False
        self._count()
        away: list[ObjectsError] = []
        done = sum(self._done(step, away) for step in (self._sweeper.delete_noted, self._move, self._sweep))
        if away:
            self._known, self._next_count = None, 0.0
            self._count()
            raise away[0]
        return done > 0

    @staticmethod
    def _done(step: Callable[[], int], away: list[ObjectsError]) -> int:
        # One place may be away, and another one not.
        try:
            return step()
        except ObjectsError as problem:
            away.append(problem)
            return 0

    def _has_lease(self) -> bool:
        if self._engine.dialect.name == "sqlite":
            return True  # there is one recorder
        if self._leased_until - time.monotonic() < LEASE / 2:
            self._leased_until = time.monotonic() + LEASE
            now = time.time_ns()
            with store_errors(), writing(self._engine).begin() as db:
                if not take_lease(db, "recordings", self._owner, now, now + round(LEASE * 1e9)):
                    self._leased_until = 0.0
        return self._leased_until > 0

    def _leave(self) -> None:
        if self._leased_until <= time.monotonic():
            return
        try:
            with store_errors(), writing(self._engine).begin() as db:
                give_up_lease(db, "recordings", self._owner)
        except RelayproxyError:
            pass  # it ends by itself

    def _move(self) -> int:
        if self._place is None:
            return 0
        if self._known is None:
            self._known = use_place(self._engine, self._place)
        moved = self._mover.move_out(self._known)
        waiting = max(0, self.state.waiting - moved)
        since = self.state.waiting_since if waiting else None
        self.state = replace(self.state, moved=self.state.moved + moved, waiting=waiting, waiting_since=since)
        return moved

    def _sweep(self) -> int:
        if time.monotonic() < self._next_sweep:
            return 0
        try:
            found = self._sweeper.sweep()
        except ObjectsError as problem:
            raise ObjectsError(f"objects that no row names cannot be looked for: {problem}") from None
        self._next_sweep = time.monotonic() + SWEEP
        if found:
            log.info("recordings: %d objects that no row names are deleted", found)
        return found

    def _count(self) -> None:
        if time.monotonic() < self._next_count:
            return
        self._next_count = time.monotonic() + COUNT
        waiting = None if self._place is None else self._mover.waiting()
        self.state = replace(
            self.state,
            waiting=0 if waiting is None else waiting.parts,
            waiting_since=None if waiting is None else waiting.since,
            deletions=self._sweeper.noted(),
        )
