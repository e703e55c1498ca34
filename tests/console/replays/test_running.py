"""Replays that are under way, that wait, and that are over."""

import asyncio

import pytest

from relayproxy.console.replays import running
from relayproxy.console.replays.running import ReplayFailed, Replays, Run
from tests.supervisor.serving import until


def run(session: str = "a") -> Run:
    return Run(session, "next", "ada")


async def over(one: Run) -> None:
    await until(lambda: not one.live)


async def test_few_are_made_at_once_and_the_others_wait() -> None:
    replays, release = Replays(), asyncio.Event()

    async def make(one: Run) -> str:
        await release.wait()
        return one.session + "-again"

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

    async def make(one: Run) -> str:
        await release.wait()
        return "made"

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

    async def fails(_: Run) -> str:
        raise ReplayFailed("The backend was not reached.")

    async def hangs(_: Run) -> str:
        await asyncio.Event().wait()
        return "never"

    one, other = run(), run()
    replays.start(one, fails)
    replays.start(other, hangs)
    await over(one)
    assert (one.state, one.problem) == ("failed", "The backend was not reached.")
    await replays.stop(other)
    assert (other.state, other.made) == ("stopped", None)
    await replays.stop(other)
