"""Trying again until it works."""

import asyncio

import pytest

from relayproxy.errors import RelayproxyError
from relayproxy.retry import retry, retry_async


class Flaky:
    """Fails as often as it has failures."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = [*failures]

    def __call__(self) -> str:
        if self._failures:
            raise self._failures.pop(0)
        return "done"

    async def later(self) -> str:
        return self()


def test_it_is_tried_again_after_each_pause_and_the_last_one_again_and_again() -> None:
    pauses: list[float] = []
    told: list[Exception] = []
    failures = [OSError(str(number)) for number in range(4)]
    assert retry(Flaky(*failures), (0.1, 0.2, 5), failed=told.append, wait=pauses.append) == "done"
    assert pauses == [0.1, 0.2, 5, 5]
    assert told == failures


def test_what_was_not_expected_is_raised_at_once() -> None:
    pauses: list[float] = []
    with pytest.raises(ValueError, match="a bug"):
        retry(Flaky(OSError(), ValueError("a bug"), OSError()), (1,), errors=OSError, wait=pauses.append)
    assert pauses == [1]


def test_waiting_ends_when_one_is_told_to_stop_and_so_does_trying() -> None:
    def stop(_pause: float) -> None:
        raise RelayproxyError("stopped")

    with pytest.raises(RelayproxyError, match="stopped"):
        retry(Flaky(OSError()), (1,), wait=stop)


async def test_on_a_loop_others_go_on_meanwhile_and_cancelling_ends_it() -> None:
    told: list[Exception] = []
    assert await retry_async(Flaky(OSError(), OSError()).later, (0,), errors=OSError, failed=told.append) == "done"
    assert len(told) == 2
    failed = asyncio.Event()
    waiting = asyncio.create_task(retry_async(Flaky(OSError()).later, (3600,), failed=lambda _: failed.set()))
    await failed.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
