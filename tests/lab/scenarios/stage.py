"""Scenarios, written as in their files, played against a backend of the test.

Knows: settings that suit a test.
Must not know: what the scenario or the backend is.
"""

import random
from collections.abc import Awaitable, Callable
from textwrap import dedent

from relayproxy.lab.scenarios.model import FileScenario
from relayproxy.lab.scenarios.performing import perform
from relayproxy.lab.scenarios.reading import read
from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.result import Caller
from tests.lab.backend import Backend, backend

SPEED = 50.0


def scenario(text: str) -> FileScenario:
    """The scenario of a file's text, whose name need not be there."""
    return read("name: test\n" + dedent(text), "test.yaml")


async def called(url: str, played: FileScenario, patience: float = 30.0) -> ScenarioResult:
    """What comes of a call to the URL."""
    rng = random.Random(played.name)
    line = Line(url, speed=SPEED, patience=patience)
    return await perform(line, played, caller=Caller.random(rng), rng=rng)


async def played(text: str, talk: Callable[[Backend], Awaitable[None]], patience: float = 30.0) -> ScenarioResult:
    """What comes of a call by a scenario to a backend that talks so."""
    async with backend(talk) as peer:
        return await called(peer.url, scenario(text), patience)


async def failed(text: str, talk: Callable[[Backend], Awaitable[None]], patience: float = 30.0) -> list[str]:
    """The failures, in words."""
    return [str(failure) for failure in (await played(text, talk, patience)).failures]
