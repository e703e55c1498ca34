"""Replays that are under way, that wait, and that are over."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from relayproxy.console.replays import running
from relayproxy.console.replays.running import ReplayFailed, Replays, Run
from tests.supervisor.serving import until


def run(session: str = "a") -> Run:
    return Run(session, "next", "ada")


async def at_once() -> None:
    """A step that takes no time."""


class Made:
    """A making whose steps take as long as they are told to."""

    def __init__(
        self, call: Callable[[], Awaitable[object]] = at_once, keep: Callable[[], Awaitable[object]] = at_once
    ) -> None:
        self._call, self._keep = call, keep

    async def call(self, _: Run) -> None:
        await self._call()

    async def keep(self, run: Run) -> str:
        await self._keep()
        return run.session + "-again"


async def over(one: Run) -> None:
    await until(lambda: not one.live)


async def test_few_are_made_at_once_and_the_others_wait() -> None:
    replays, release = Replays(), asyncio.Event()
    make = Made(release.wait)

    runs = [run(str(number)) for number in range(running.AT_ONCE + 1)]
    assert [replays.start(one, make) for one in runs] == [True] * len(runs)
    await until(lambda: [one.state for one in runs].count("under_way") == running.AT_ONCE)
    assert runs[-1].state == "waits"
    release.set()
    for one in runs:
        await over(one)
    assert [one.made for one in runs] == ["0-again", "1-again", "2-again"]
    assert [replays.find(one.id) for one in runs] == runs


async def test_too_many_are_refused_and_old_ones_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "WAITING", 2)
    monkeypatch.setattr(running, "KNOWN", 2)
    replays, release = Replays(), asyncio.Event()

    make = Made(release.wait)
    first, second, third = run(), run(), run()
    assert [replays.start(one, make) for one in (first, second, third)] == [True, True, False]
    assert replays.find(third.id) is None
    release.set()
    await over(first)
    await over(second)
    await asyncio.sleep(0)
    assert replays.start(third, make)
    assert [replays.find(one.id) for one in (first, second, third)] == [None, second, third]
    await replays.close()


async def test_what_fails_says_why_and_what_is_stopped_keeps_nothing() -> None:
    replays = Replays()

    async def fails() -> None:
        raise ReplayFailed("The backend was not reached.")

    one, other = run(), run()
    replays.start(one, Made(fails))
    replays.start(other, Made(asyncio.Event().wait))
    await over(one)
    assert (one.state, one.problem) == ("failed", "The backend was not reached.")
    await replays.stop(other)
    assert (other.state, other.made) == ("stopped", None)
    await replays.stop(other)


async def test_what_is_being_kept_is_kept_whoever_wants_to_stop_it() -> None:
    replays, keeps, release = Replays(), asyncio.Event(), asyncio.Event()

    async def keep() -> None:
        keeps.set()
        await release.wait()

    one = run()
    replays.start(one, Made(keep=keep))
    await keeps.wait()
    assert one.state == "being_kept"
    stopping, closing = asyncio.create_task(replays.stop(one)), asyncio.create_task(replays.close())
    impatient = asyncio.create_task(replays.stop(one))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait({impatient})
    assert not stopping.done()
    assert not closing.done()
    release.set()
    await stopping
    await closing
    assert (one.state, one.made) == ("over", "a-again")


async def test_one_that_waits_is_stopped_without_having_begun() -> None:
    replays = Replays()
    runs = [run() for _ in range(running.AT_ONCE + 1)]
    for one in runs:
        replays.start(one, Made(asyncio.Event().wait))
    await until(lambda: runs[0].state == "under_way")
    await replays.stop(runs[-1])
    assert [one.state for one in runs] == ["under_way"] * running.AT_ONCE + ["stopped"]
    await replays.close()
    assert {one.state for one in runs} == {"stopped"}
