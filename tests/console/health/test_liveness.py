"""The console tells whatever restarts it when its threads take no more work."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from relayproxy.console.health import liveness
from relayproxy.console.health.liveness import FRESH, LIVENESS, PATIENCE, Liveness
from tests.console.conftest import Client


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def pool() -> AsyncIterator[ThreadPoolExecutor]:
    """One thread for everybody."""
    with ThreadPoolExecutor(1) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        yield pool


@pytest.fixture
async def healthz(clock: Clock, pool: ThreadPoolExecutor) -> AsyncIterator[Client]:
    app = web.Application()
    liveness.set_up(app)
    app.on_startup.append(lambda app: _with_clock(app, clock))
    async with TestClient(TestServer(app)) as client:
        yield client


async def _with_clock(app: web.Application, clock: Clock) -> None:
    app[LIVENESS].now = clock


async def told(client: Client) -> tuple[int, str]:
    async with client.get("/healthz") as answer:
        return answer.status, (await answer.json())["status"]


async def done(pool: ThreadPoolExecutor) -> None:
    """Until the pool has done what it was given before."""
    await asyncio.get_running_loop().run_in_executor(pool, lambda: None)


async def test_threads_that_do_not_come_back_are_told(healthz: Client, clock: Clock, pool: ThreadPoolExecutor) -> None:
    assert await told(healthz) == (200, "ok")
    await done(pool)
    go_on = threading.Event()
    held = pool.submit(go_on.wait)
    try:
        clock.now += FRESH
        assert await told(healthz) == (200, "ok")
        clock.now += PATIENCE - 0.1
        assert await told(healthz) == (200, "ok")
        clock.now += 0.1
        assert await told(healthz) == (503, "stuck")
    finally:
        go_on.set()
    held.result(30)
    await done(pool)
    assert await told(healthz) == (200, "ok")


async def test_who_has_not_asked_for_long_is_not_told_of_that_time(clock: Clock, pool: ThreadPoolExecutor) -> None:
    ours = Liveness(clock)
    for _ in range(3):
        clock.now += 3600
        assert not ours.stuck()
        await done(pool)


async def test_many_who_ask_give_the_threads_little_to_do(clock: Clock, pool: ThreadPoolExecutor) -> None:
    ours, given = Liveness(clock), []
    submit = pool.submit
    pool.submit = lambda *work: given.append(work) or submit(*work)  # type: ignore[method-assign,assignment,func-returns-value]
    for _ in range(100):
        assert not ours.stuck()
    assert len(given) == 1
