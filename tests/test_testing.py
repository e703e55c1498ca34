"""The fixture for tests of agents, used as such tests do."""

import asyncio
from pathlib import Path

import pytest

from relayproxy.errors import RelayproxyError
from relayproxy.lab.agent import server as agent
from relayproxy.testing import Simulate
from relayproxy.testing import relayproxy_simulate as relayproxy_simulate  # a fixture

SPEED = 50.0


async def test_a_clean_run_returns_its_summary(relayproxy_simulate: Simulate) -> None:
    async with agent.serving(speed=SPEED) as url:
        summary = await asyncio.to_thread(relayproxy_simulate, url, "keypad", times=2, speed=SPEED)

    assert (summary.calls, summary.passed) == (2, 2)


async def test_what_failed_is_the_tests_failure(relayproxy_simulate: Simulate, tmp_path: Path) -> None:
    file = tmp_path / "sushi.yaml"
    file.write_text("name: sushi\nturns:\n  - expect: [{event: text, text_contains: sushi, within_ms: 500}]\n")
    async with agent.serving(speed=SPEED) as url:
        with pytest.raises(pytest.fail.Exception) as failure:
            await asyncio.to_thread(relayproxy_simulate, url, file, speed=SPEED)

    assert f'sushi, turn 1 ({file}:3): expected text that contains "sushi"' in str(failure.value)


def test_a_scenario_that_is_none_is_an_error_and_not_a_failure(relayproxy_simulate: Simulate) -> None:
    with pytest.raises(RelayproxyError, match="did you mean 'impatient'"):
        relayproxy_simulate("ws://127.0.0.1:9/", "impatent")
