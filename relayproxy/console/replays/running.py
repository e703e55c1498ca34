"""Running of replays: few at a time, each in a task of its own, known until the console ends.

Knows: how many are under way, and what became of each.
Must not know: HTTP, HTML; how a call is made again and kept.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

AT_ONCE = 2
"""Calls that are made at once; others wait."""
KNOWN = 200
"""Replays that are remembered; WAITING of them may not be over."""
WAITING = 20

State = Literal["waits", "under_way", "over", "failed", "stopped"]


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
        return self.state in ("waits", "under_way")

    def turn(self, state: State) -> None:
        self.state, self.since = state, time.monotonic()


class ReplayFailed(Exception):
    """Raised by what makes a replay: why there is no call to look at, in one sentence."""


Make = Callable[[Run], Awaitable[str]]
"""Makes the call, and returns our id of the session that came of it. Raises `ReplayFailed`."""


class Replays:
    """The replays of this console."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def start(self, run: Run, make: Make) -> bool:
        """Begins a replay as soon as there is room; False when too many wait already."""
        if len(self._tasks) >= WAITING:
            return False
        self._runs[run.id] = run
        over = [id for id, one in self._runs.items() if not one.live]
        for id in over[: max(0, len(self._runs) - KNOWN)]:
            del self._runs[id]
        task = self._tasks[run.id] = asyncio.create_task(self._run(run, make))
        task.add_done_callback(lambda _: self._tasks.pop(run.id, None))
        return True

    def find(self, id: str) -> Run | None:
        """The replay of that id, while it is remembered."""
        return self._runs.get(id)

    async def stop(self, run: Run) -> None:
        """Hangs up, and keeps nothing."""
        if (task := self._tasks.get(run.id)) is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def close(self) -> None:
        """Hangs up on all."""
        for run in [*self._runs.values()]:
            await self.stop(run)

    async def _run(self, run: Run, make: Make) -> None:
        try:
            async with self._turns:
                run.turn("under_way")
                run.made = await make(run)
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
