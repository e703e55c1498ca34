"""Many calls at once."""

import asyncio

import pytest

from relayproxy.errors import RelayproxyError
from relayproxy.lab.agent import server as agent
from relayproxy.lab.scenarios.builtin import CALLERS, names
from relayproxy.lab.scenarios.model import Expectation, Interruption, Scenario, SendAfter, Turn
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


async def test_all_scenarios_go_round() -> None:
    results: list[ScenarioResult] = []
    lines: list[str] = []
    async with agent.serving(speed=SPEED) as url:
        summary = await simulate(
            url,
            calls=2 * len(names(CALLERS)),
            concurrency=9,
            speed=SPEED,
            patience=30,
            report=lines.append,
            each=results.append,
        )
    assert summary.calls == summary.connected == len(results) == len(lines) == 2 * len(names(CALLERS))
    assert summary.endings == {"hung_up": 16, "ended": 12, "vanished": 2, "backend_dropped": 2}
    assert summary.messages_sent + summary.messages_received == sum(len(result.call.messages) for result in results)
    assert sorted(result.scenario.name for result in results) == sorted(names(CALLERS) * 2)
    assert len({result.call.caller.call_sid for result in results}) == summary.calls
    assert len({result.call.caller.account_sid for result in results}) == 1
    assert lines[-1].startswith("32/32  CA")
    assert "32 calls in" in str(summary)
    assert "answers began after" in str(summary)
    assert 0 <= (summary.latency(0.5) or -1) <= (summary.latency(1) or -1)


async def test_a_seed_makes_the_same_callers() -> None:
    async def callers(seed: int | None) -> list[tuple[str, str]]:
        found: list[ScenarioResult] = []
        async with agent.serving(speed=SPEED) as url:
            await simulate(url, calls=3, scenarios=[SHORT], speed=SPEED, seed=seed, each=found.append)
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
        summary = await simulate(peer.url, calls=12, concurrency=3, scenarios=[SHORT], speed=SPEED, patience=30)
    assert summary.endings == {"hung_up": 12}
    assert peak == 3


async def test_calls_are_signed_for_the_public_url() -> None:
    signatures: list[str] = []

    async def talk(peer: Backend) -> None:
        assert peer.connection.request is not None
        signatures.append(peer.connection.request.headers["X-Twilio-Signature"])
        await peer.connection.close()

    async with backend(talk) as peer:
        summary = await simulate(peer.url, auth_token="token", public_url="wss://phone.example.net/relay")
    assert signatures == [sign("wss://phone.example.net/relay", "token")]
    assert summary.endings == {"backend_closed": 1}


async def test_failures_are_counted_in_words() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        summary = await simulate(url, calls=2)
    assert summary.endings == {"unreachable": 2}
    assert (summary.connected, summary.latency(0.5)) == (0, None)
    assert "2 × " in str(summary)
    assert "2 unreachable" in str(summary)


async def test_an_unknown_scenario() -> None:
    with pytest.raises(RelayproxyError, match="no scenario"):
        await simulate("ws://127.0.0.1:9/", scenarios=["nope"])


async def test_expectations_that_fail_are_told_and_counted() -> None:
    lines: list[str] = []
    expected = Expectation("text", text_contains="sushi")
    turn = Turn(dtmf="2", send_after=SendAfter("turn"), expect=(expected,))
    async with agent.serving(speed=SPEED) as url:
        summary = await simulate(
            url, scenarios=[Scenario("asks", (turn,))], speed=SPEED, patience=2, report=lines.append
        )
    (failure,) = summary.failures
    assert lines[-1] == f"  {failure}"
    assert str(failure).startswith('asks, turn 1: expected text that contains "sushi"; got text "We are open')
    assert "1 expectation failed" in str(summary)
