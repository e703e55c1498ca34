"""Many calls at once."""

import asyncio
import time

import pytest

from relayproxy.errors import RelayproxyError
from relayproxy.lab.agent import server as agent
from relayproxy.lab.scenarios.builtin import CALLERS, names
from relayproxy.lab.scenarios.model import Interruption, Scenario, SendAfter, Turn
from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.simulation.simulate import simulate
from relayproxy.signature import sign
from tests.lab.backend import Backend, backend

SPEED = 50.0
SHORT = Scenario(
    "short",
    (
        Turn(dtmf="2", send_after=SendAfter("turn")),
        Turn(hangup=True, interrupt=Interruption(after_chars=5)),
    ),
)
LEAVES = Scenario("leaves", (Turn(hangup=True, send_after=SendAfter("turn")),))


async def test_all_scenarios_go_round() -> None:
    results: list[ScenarioResult] = []
    callers = names(CALLERS)
    async with agent.serving(speed=SPEED) as url:
        summary = await simulate(url, times=2, at_once=9, speed=SPEED, patience=30, each=results.append)
    assert summary.calls == summary.connected == len(results) == 2 * len(callers)
    assert [one.name for one in summary.scenarios] == list(callers)
    assert {one.calls for one in summary.scenarios} == {2}
    assert summary.endings == {"caller_hangup": 18, "ended_by_backend": 14, "backend_disconnect": 2, "unknown": 2}
    assert [one.call_sid for one in summary.each_call] == [result.call.caller.call_sid for result in results]
    assert len({one.call_sid for one in summary.each_call}) == summary.calls
    assert len({result.call.caller.account_sid for result in results}) == 1
    assert summary.latency.n == sum(len(one.latencies_ms) for one in summary.each_call) >= 20


async def test_a_seed_makes_the_same_callers() -> None:
    async def callers(seed: int | None) -> list[tuple[str, str]]:
        found: list[ScenarioResult] = []
        async with agent.serving(speed=SPEED) as url:
            await simulate(url, times=3, scenarios=[SHORT], speed=SPEED, seed=seed, each=found.append)
        return sorted((result.call.caller.call_sid, result.call.caller.from_number) for result in found)

    assert await callers(1) == await callers(1)
    assert await callers(None) != await callers(None)


async def test_no_more_at_a_time_than_asked_for() -> None:
    live = peak = 0

    async def talk(peer: Backend) -> None:
        nonlocal live, peak
        connection = peer.connection
        live += 1
        peak = max(peak, live)
        while '"dtmf"' not in str(await connection.recv()):
            pass
        await connection.send('{"type":"text","token":"One two three.","last":true}')
        await connection.wait_closed()
        live -= 1

    async with backend(talk) as peer:
        summary = await simulate(peer.url, times=12, at_once=3, scenarios=[SHORT], speed=SPEED, patience=30)
    assert summary.endings == {"caller_hangup": 12}
    assert peak == 3


async def test_no_more_begin_in_a_second_than_asked_for() -> None:
    began: list[float] = []

    async def talk(peer: Backend) -> None:
        began.append(time.monotonic())
        await peer.connection.wait_closed()

    async with backend(talk) as peer:
        start = time.monotonic()
        await simulate(peer.url, times=5, rate=20, scenarios=[LEAVES], speed=SPEED)
    assert all(at - start >= number / 20 for number, at in enumerate(sorted(began)))


async def test_calls_are_signed_for_the_public_url() -> None:
    signatures: list[str] = []

    async def talk(peer: Backend) -> None:
        assert peer.connection.request is not None
        signatures.append(peer.connection.request.headers["X-Twilio-Signature"])
        await peer.connection.close()

    async with backend(talk) as peer:
        summary = await simulate(
            peer.url, scenarios=[LEAVES], auth_token="token", public_url="wss://phone.example.net/relay"
        )
    assert signatures == [sign("wss://phone.example.net/relay", "token")]
    assert summary.endings == {"backend_disconnect": 1}


async def test_calls_that_are_not_connected_are_results_too() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        summary = await simulate(url, times=2, scenarios=[LEAVES])
    assert (summary.connected, summary.not_connected, summary.failed) == (0, 2, 2)
    assert summary.endings == {"backend_connect_failed": 2}
    assert [one.state for one in summary.each_call] == ["not_connected"] * 2
    assert all(one.problem for one in summary.each_call)


async def test_a_scenario_that_is_unknown_or_named_twice() -> None:
    with pytest.raises(RelayproxyError, match="no scenario"):
        await simulate("ws://127.0.0.1:9/", scenarios=["nope"])
    with pytest.raises(RelayproxyError, match="'short' is there 2 times"):
        await simulate("ws://127.0.0.1:9/", scenarios=[SHORT, SHORT])
