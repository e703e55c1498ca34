"""Many calls, so many at a time.

Knows: how calls are spread over time, and how they are broken off.
Must not know: how a call goes; what becomes of its result.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

MakeCall = Callable[[], Awaitable[None]]


async def make_calls(
    calls: Sequence[MakeCall], *, at_once: int, rate: float | None = None, stop: asyncio.Event | None = None
) -> None:
    """Makes the calls in their order, at most `at_once` at a time, of which no more than `rate` begin in a second.
    Once `stop` is set, those under way are broken off, and no others begin."""
    numbered = enumerate(calls)
    began = time.monotonic()

    async def worker() -> None:
        for number, call in numbered:
            if rate is not None:
                await asyncio.sleep(began + number / rate - time.monotonic())
            await call()

    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(worker()) for _ in range(min(at_once, len(calls)))]
        stopping = asyncio.create_task(_cancel(workers, stop)) if stop is not None else None
        try:
            await asyncio.wait(workers)
        finally:
            if stopping is not None:
                stopping.cancel()


async def _cancel(workers: Sequence[asyncio.Task[None]], stop: asyncio.Event) -> None:
    await stop.wait()
    for worker in workers:
        worker.cancel()
