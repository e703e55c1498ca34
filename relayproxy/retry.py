"""Retry: repeats an operation after pauses until it succeeds.

Knows: the errors after which an operation is repeated, and the pauses.
Must not know: the operation; log lines.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import TypeVar

T = TypeVar("T")
Errors = type[Exception] | tuple[type[Exception], ...]
Failed = Callable[[Exception], None]


def retry(
    action: Callable[[], T],
    pauses: Sequence[float],
    *,
    errors: Errors = Exception,
    failed: Failed = lambda _: None,
    wait: Callable[[float], None] = time.sleep,
) -> T:
    """The result of `action`, which is called again for as long as it raises one of `errors`. `pauses` are the seconds
    before each further attempt, the last one again and again; `wait` takes one of them, and gives up by raising.
    `failed` is called with each failure before the pause, and raises to give up. Other exceptions of `action` are
    raised."""
    for pause in _without_end(pauses):
        try:
            return action()
        except errors as problem:
            failed(problem)
        wait(pause)
    raise AssertionError("there are pauses without end")


async def retry_async(
    action: Callable[[], Awaitable[T]],
    pauses: Sequence[float],
    *,
    errors: Errors = Exception,
    failed: Failed = lambda _: None,
) -> T:
    """As `retry`, on an event loop; given up by cancelling it."""
    for pause in _without_end(pauses):
        try:
            return await action()
        except errors as problem:
            failed(problem)
        await asyncio.sleep(pause)
    raise AssertionError("there are pauses without end")


def _without_end(pauses: Sequence[float]) -> Iterator[float]:
    return chain(pauses, repeat(pauses[-1]))
