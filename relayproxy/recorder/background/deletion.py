"""Deletion beside recording: retention and erasures, carried out by a thread of the recorder's process.

Knows: how often each is looked for; that the journals of this data folder are this recorder's to overwrite; that
nothing here may hold up recording.
Must not know: SQL, what is deleted of a session, the play loop.
"""

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from relayproxy.errors import RelayproxyError
from relayproxy.journal.erase import erase_connections
from relayproxy.journal.segments import journal_paths
from relayproxy.recorder.background.background_thread import BackgroundThread
from relayproxy.store.read.health.heartbeat import RetentionHeartbeat
from relayproxy.store.write.deletion.deleter import Deleter, Interrupted
from relayproxy.store.write.deletion.retention import DAY, Keep, Retention
from relayproxy.wall_clock import wall_ahead

log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two looks for erasures."""
RETAIN = 1800.0
"""Seconds between two runs of retention."""
FORWARD = 86_400.0
"""Seconds by which the clock may be set forward without making calls older than they are."""
AGAIN = 30.0
"""Seconds after a failure."""


class DeletionThread(BackgroundThread):
    """Deletes from the database at `url` until `close`. `by_route`: for how long calls are kept, as
    `settings.retention.days_by_route` has it."""

    def __init__(self, url: str, journal_dir: Path, by_route: Mapping[str, tuple[float, float]]) -> None:
        super().__init__(
            "deletion", url, look=LOOK, again=AGAIN, waits="retention and erasures wait", goes_on="deletion goes on"
        )
        self._journal_dir = journal_dir
        kept = {route: Keep(*map(_nanoseconds, days)) for route, days in by_route.items()}
        self._retention = Retention(kept.pop(""), kept)
        self._deleter = Deleter(self._engine, self._wait)
        self._next = 0.0
        self._clock = wall_ahead()
        self.state = RetentionHeartbeat(dict(by_route))
        """What is reported of it."""
        self.start()

    def _tell(self, problem: str | None, since: int | None) -> None:
        self.state = replace(self.state, problem=problem, problem_at=since)

    def _work(self) -> bool:
        with suppress(Interrupted):
            self._delete()
        return False

    def _delete(self) -> None:
        self._deleter.check()
        erasures = self._deleter.erase()
        if self._erase_in_journals():
            erasures = self._deleter.erase()
        self.state = replace(self.state, erasures=erasures)
        self._deleter.merge()
        if time.monotonic() < self._next:
            return
        if (ahead := wall_ahead() - self._clock) > FORWARD:
            # What is deleted by a wrong clock does not come back.
            raise RelayproxyError(
                f"this machine's clock was set forward by {ahead / 86_400:.0f} days since the recorder started: "
                "nothing is deleted by age until it is set right, or the recorder is started again"
            )
        done = self._deleter.retain(self._retention)
        self._next = time.monotonic() + RETAIN
        self.state = replace(
            self.state,
            ran_at=time.time_ns(),
            content=self.state.content + done.content,
            sessions=self.state.sessions + done.sessions,
            due=self._deleter.due_count(self._retention),
        )
        if done.content or done.sessions:
            log.info("retention: %d sessions lost their content, %d are gone", done.content, done.sessions)
            self._erase_in_journals()

    def _erase_in_journals(self) -> bool:
        """True when something was overwritten."""
        noted = self._deleter.noted_journal_erasures()
        mine = [path for path in journal_paths(self._journal_dir) if path.name in noted] if noted else []
        for path in mine:
            erase_connections(path, noted[path.name])
            self._deleter.settle_journal_erasures(path.name, noted[path.name])
        return bool(mine)


def _nanoseconds(days: float) -> int | None:
    return round(days * DAY) if days else None
