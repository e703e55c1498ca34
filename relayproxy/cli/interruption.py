"""Interruption of a long command by Ctrl-C: what it has found by then is kept.

Knows: signals, and how one reaches an event loop.
Must not know: what the command does.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")


def run_until_interrupted(work: Callable[[asyncio.Event], Awaitable[Result]]) -> Result:
    """The result of `work`, whose event is set by the first Ctrl-C; a second one ends it without a result."""
    return asyncio.run(_run(work))


async def _run(work: Callable[[asyncio.Event], Awaitable[Result]]) -> Result:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupted() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    # Signals reach the main thread alone.
    with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
        loop.add_signal_handler(signal.SIGINT, interrupted)
    return await work(stop)
