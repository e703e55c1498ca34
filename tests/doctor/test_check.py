"""Checks at once: none holds up the others, and what goes wrong with one is a result."""

import asyncio
import os
import threading
from collections.abc import Iterable

import pytest

from relayproxy.doctor.check import Check, Result, by_group, in_thread, run_all
from tests.patience import PATIENCE


async def test_a_check_that_never_ends_holds_up_nobody() -> None:
    never = threading.Event()
    good = Result("ports", "b", "ok", "free")

    async def stands() -> Iterable[Result]:
        await in_thread(never.wait)
        return []

    async def passes() -> Iterable[Result]:
        return [good]

    async def breaks() -> Iterable[Result]:
        raise ValueError("token canary")

    checks = [Check("disk", "a", stands), Check("ports", "b", passes), Check("files", "c", breaks)]
    first, second, third = await run_all(checks, longest=0.05)
    never.set()

    assert (first.state, first.text) == ("failed", "it did not end within 0.05 s")
    assert second is good
    assert (third.state, third.text) == ("failed", "it could not be checked (ValueError)")
    assert "canary" not in repr(third)
    assert by_group([first, second]) == (second, first)


async def test_what_a_thread_raises_is_raised() -> None:
    with pytest.raises(KeyError):
        await in_thread(lambda: os.environ["GONE_X"])


def test_a_thread_may_end_after_everybody_has_left() -> None:
    began, go, left = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        go.wait(PATIENCE)

    async def leave() -> None:
        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(began.wait)
        task.cancel()

    asyncio.run(leave())
    hook, threading.excepthook = threading.excepthook, lambda _: left.set()
    try:
        go.set()
        for thread in threading.enumerate():
            if thread.name == "check":
                thread.join(PATIENCE)
    finally:
        threading.excepthook = hook
    assert not left.is_set()
