"""Scenarios against Twilio's own agent SDK, which has one of the usual faults."""

import random
from collections.abc import AsyncIterator

import pytest_asyncio

from relayproxy.lab.scenarios.builtin import find
from relayproxy.lab.scenarios.model import FileScenario
from relayproxy.lab.scenarios.performing import perform
from relayproxy.lab.scenarios.result import ScenarioResult
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.result import Caller
from tests.lab.scenarios.stage import scenario
from tests.peers.tac_backend import AUTH_TOKEN, tac_backend

TALK = """
twiml: {partial_prompts: false}
turns:
  - user: Hello there
    send_after: {event: turn}
    expect: [{event: text, text_matches: "^You said: Hello there$"}]
  - user: Please count.
    expect: [{event: text, text_contains: 1 2 3}]
  - user: Let me talk to a person.
    interrupt: {after_chars: 12}
    expect: [{event: text, text_contains: connect you}, {event: end}]
expect:
  handoff: {reason_code: live-agent, reason: {pattern: person}}
  ending: ended_by_backend
  studio: success
  interruptions: 1
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tac() -> AsyncIterator[str]:
    async with tac_backend() as url:
        yield url


async def called(url: str, played: FileScenario, patience: float = 30.0) -> ScenarioResult:
    rng = random.Random(1)
    line = Line(url, auth_token=AUTH_TOKEN, speed=20.0, patience=patience)
    return await perform(line, played, caller=Caller.random(rng), rng=rng)


async def test_a_conversation_with_an_interruption_and_a_handoff(tac: str) -> None:
    result = await called(tac, scenario(TALK))
    assert result.failures == ()
    assert result.passed


async def test_it_answers_partial_prompts(tac: str) -> None:
    result = await called(tac, find("answers-partials"), patience=1.0)
    assert any("reply_to_partial (" in failure.got for failure in result.failures)


async def test_it_rejects_who_has_no_token(tac: str) -> None:
    rng = random.Random(1)
    result = await perform(Line(tac), scenario(TALK), caller=Caller.random(rng), rng=rng)
    assert (result.passed, result.problem, result.failures) == (False, "handshake answered with 403", ())
