"""Running of replays: few at a time, each in a task of its own, known until the console ends.

Knows: how many are under way, and what became of each.
Must not know: HTTP, HTML; how a call is made again and kept.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

AT_ONCE = 2
"""Calls that are made at once; others wait."""
KNOWN = 200
"""Replays that are remembered; WAITING of them may not be over."""
WAITING = 20

State = Literal["waits", "under_way", "being_kept", "over", "failed", "stopped"]


@dataclass(slots=True)
class Run:
    """One replay of a session to a target."""

    session: str
    """Our id of the recorded session."""
    target: str
    actor: str
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    state: State = "waits"
    since: float = field(default_factory=time.monotonic)
    """When it came to that state."""
    made: str | None = None
    """Once it is over, our id of the session that came of it."""
    problem: str = ""
    """Why it failed, one sentence."""

    @property
    def live(self) -> bool:
        return self.state in ("waits", "under_way", "being_kept")

    def turn(self, state: State) -> None:
        self.state, self.since = state, time.monotonic()


class ReplayFailed(Exception):
    """Raised by what makes a replay: why there is no call to look at, in one sentence."""


class Making(Protocol):
    """How one is made, in two steps. Both raise `ReplayFailed`."""

    async def call(self, run: Run) -> None:
        """Makes the call. When this is cancelled, the call is over and nothing is left of it."""

    async def keep(self, run: Run) -> str:
        """Keeps what came of it, and returns our id of that session. It is never cancelled."""


class Replays:
    """The replays of this console."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def start(self, run: Run, making: Making) -> bool:
        """Begins a replay as soon as there is room; False when too many wait already."""
        if len(self._tasks) >= WAITING:
            return False
        self._runs[run.id] = run
        over = [id for id, one in self._runs.items() if not one.live]
        for id in over[: max(0, len(self._runs) - KNOWN)]:
            del self._runs[id]
        task = self._tasks[run.id] = asyncio.create_task(self._run(run, making))
        task.add_done_callback(lambda _: self._tasks.pop(run.id, None))
        return True

    def find(self, id: str) -> Run | None:
        """The replay of that id, while it is remembered."""
        return self._runs.get(id)

    async def stop(self, run: Run) -> None:
        """Hangs up, and keeps nothing; of a call that is being kept already, waits until it is."""
        if (task := self._tasks.get(run.id)) is not None:
            if run.state != "being_kept":
                task.cancel()
            # Whoever waits may be cancelled; that is nothing to the replay.
            await asyncio.wait({task})

    async def close(self) -> None:
        """Hangs up on all."""
        await asyncio.gather(*(self.stop(run) for run in self._runs.values()))

    async def _run(self, run: Run, making: Making) -> None:
        try:
            async with self._turns:
                run.turn("under_way")
                await making.call(run)
                run.turn("being_kept")
                run.made = await making.keep(run)
            run.turn("over")
        except ReplayFailed as problem:
            run.problem = str(problem)
            run.turn("failed")
        except asyncio.CancelledError:
            run.turn("stopped")
            raise
        except Exception:
            run.problem = "The replay broke off by an error of the console; its log has more."
            run.turn("failed")
            raise
