"""A recorded call of the demo agent's words, for every test that replays one."""

import asyncio
import random

import pytest

from relayproxy.lab.replay.preparing import prepare
from relayproxy.lab.replay.replaying import Recording
from relayproxy.lab.scenarios.builtin import find
from relayproxy.lab.scenarios.performing import perform
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.result import Caller
from tests.lab.replay.agents import agent
from tests.lab.replay.recorded import Part, answered_in, of_parts, parts_of_call

SPEED = 50.0
ANSWERED_MS = 100
"""What the recorded agent took for each answer."""


@pytest.fixture(scope="session")
def booking_parts() -> list[Part]:
    """The connection of a call that books a table."""

    async def record() -> list[Part]:
        async with agent() as url:
            rng = random.Random(1)
            made = await perform(Line(url, speed=SPEED), find("book-a-table"), caller=Caller.random(rng), rng=rng)
        return answered_in(parts_of_call(made.call, SPEED), ANSWERED_MS)

    return asyncio.run(record())


@pytest.fixture(scope="session")
def booking(booking_parts: list[Part]) -> Recording:
    """That call, ready to be replayed."""
    call = of_parts(booking_parts)
    return Recording("books", prepare(call, "books", {}, fill=False), call.conversation)
