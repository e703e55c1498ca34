"""Moving beside recording: recordings go to their place, and objects that are not needed any more go for good, by a
thread of the recorder's process.

Knows: how often each is looked for; that a place may be away for as long as it likes; that of several recorders one
does it at a time.
Must not know: SQL, the order in which anything is written, the play loop.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable

from msgspec.structs import replace

from relayproxy.errors import RelayproxyError
from relayproxy.objects.place import ObjectsError, Place
from relayproxy.store.engine import is_in_place, open_engine, writing
from relayproxy.store.errors import AwayError, store_errors
from relayproxy.store.read.health.heartbeat import RecordingsHeartbeat
from relayproxy.store.schema.revisions import check_schema
from relayproxy.store.write.leases import give_up_lease, take_lease
from relayproxy.store.write.moving.mover import Mover
from relayproxy.store.write.moving.places import KnownPlace, use_place
from relayproxy.store.write.moving.sweeper import Sweeper

log = logging.getLogger(__name__)

LOOK = 2.0
"""Seconds between two looks."""
BRIEF = 60.0
"""Seconds for which a database may be locked or away before that is told here: the recorder that writes to it tells it
at once, and where it is locked by others' transactions the next look mostly succeeds."""
AGAIN = 5.0
"""Seconds after a failure."""
COUNT = 30.0
"""Seconds between two counts of what waits."""
FIRST_SWEEP, SWEEP = 3600.0, 86_400.0
"""Seconds from the start to the first search for objects that no row names, and from one to the next."""
LEASE = 300.0
"""Seconds for which another recorder waits that has heard nothing of this one."""
_PATIENCE = 5.0
"""Seconds that a step that has begun gets to end."""


class MovingThread:
    """Moves recordings of the database at `url` to `place`, if there is one, until `close`; and deletes, wherever any
    have been moved, those that are not needed any more."""

    def __init__(self, url: str, place: Place | None) -> None:
        self._engine = open_engine(url)
        self._place = place
        self._known: KnownPlace | None = None
        self._ended = threading.Event()
        self._mover = Mover(self._engine, self._wait)
        self._sweeper = Sweeper(self._engine, self._wait)
        self._owner = secrets.token_hex(8)
        self._leased_until = 0.0
        self._checked = False
        self._next_count, self._next_sweep = 0.0, time.monotonic() + FIRST_SWEEP
        self.state = RecordingsHeartbeat(None if place is None else str(place))
        """What is reported of it."""
        self._thread = threading.Thread(target=self._run, name="moving", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread, waiting a moment at most; what it was at goes on with the next start."""
        self._ended.set()
        self._thread.join(_PATIENCE)
        self._engine.dispose()

    def _wait(self, seconds: float) -> bool:
        return not self._ended.wait(seconds)

    def _run(self) -> None:
        pause, away = 0.0, 0.0
        while not self._ended.wait(pause):
            try:
                pause = 0.0 if self._work() else LOOK
            except Exception as problem:
                away = away or time.monotonic()
                if isinstance(problem, AwayError) and time.monotonic() - away < BRIEF:
                    pause = LOOK
                    continue
                self._failed(problem)
                pause = AGAIN
            else:
                away = 0.0
                if self.state.problem:
                    log.warning("recordings are moved again")
                self.state = replace(self.state, problem=None, problem_at=None)
        if self._leased_until > time.monotonic():
            self._give_up()

    def _work(self) -> bool:
        """True when there may be more to do at once."""
        self._check()
        if not self._has_lease():
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

    def _check(self) -> None:
        with store_errors(), self._engine.connect() as db:
            there = is_in_place(db)
        if not there:
            self._engine.dispose()
            self._known = None
        if not (there and self._checked):
            check_schema(self._engine)
            self._checked = True

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

    def _give_up(self) -> None:
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
        self.state = replace(self.state, moved=self.state.moved + moved)
        return moved

    def _sweep(self) -> int:
        if time.monotonic() < self._next_sweep:
            return 0
        found = self._sweeper.sweep()
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

    def _failed(self, problem: Exception) -> None:
        # Only errors of ours are known not to quote what was being written.
        words = str(problem) if isinstance(problem, RelayproxyError) else type(problem).__name__
        if words != self.state.problem:
            log.error("recordings stay where they are (%s)", words)
        since = self.state.problem_at or time.time_ns()
        self.state = replace(self.state, problem=words, problem_at=since)
