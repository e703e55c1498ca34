"""Simulated calls in pytest: `pytest_plugins = ["relayproxy.testing"]` in a `conftest.py` makes the fixture known.

Knows: how a test fails.
Must not know: how calls are made and judged.
"""

import asyncio
from pathlib import Path
from typing import Any, Protocol

import pytest

from relayproxy.lab.scenarios.builtin import named
from relayproxy.lab.scenarios.model import Scenario
from relayproxy.lab.simulation.report import report
from relayproxy.lab.simulation.simulate import simulate
from relayproxy.lab.simulation.summary import SimulationSummary
from relayproxy.lab.simulation.verdict import ExitCode, verdict


class Simulate(Protocol):
    """What the fixture gives: a function that makes calls."""

    def __call__(self, url: str, *scenarios: str | Path | Scenario, **options: Any) -> SimulationSummary:
        """Call the ConversationRelay server at `url` by these scenarios (files, or names of built-in ones), and fail
        the test unless all is clean. `options` are those of `relayproxy.lab.simulation.simulate.simulate`: `times`,
        `at_once`, `rate`, `speed`, `auth_token`, `seed`, … The summary is returned for what else is to be asserted.

        It returns when all calls are over. A test whose event loop also serves `url` calls it in a thread:
        `await asyncio.to_thread(relayproxy_simulate, url, "books-a-table.yaml")`.
        """


@pytest.fixture(scope="session")
def relayproxy_simulate() -> Simulate:
    """Makes simulated calls, and fails the test unless all is clean."""
    return _simulate


def _simulate(url: str, *scenarios: str | Path | Scenario, **options: Any) -> SimulationSummary:
    __tracebackhide__ = True
    chosen = [one if isinstance(one, Scenario) else named(str(one)) for one in scenarios]
    summary = asyncio.run(simulate(url, scenarios=chosen, **options))
    found = verdict(summary)
    if found.exit_code != ExitCode.CLEAN:
        pytest.fail(report(summary, found), pytrace=False)
    return summary
