"""The simulated Twilio and Twilio's own agent SDK understand each other, signatures included."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from relayproxy.lab.twilio.call import Perform, SimulatedCall, call
from relayproxy.lab.twilio.caller import SimulatedCaller
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.result import Caller, CallResult
from relayproxy.lab.twilio.twiml import TwiML
from relayproxy.signature import SignedForm
from tests.peers.tac_backend import AUTH_TOKEN, HANDOFF, tac_backend

SPEED = 20.0


async def talk(made: SimulatedCall) -> None:
    caller = SimulatedCaller(made)
    await caller.say("Hello there")
    await caller.listen()
    await caller.say("Please count.")
    await caller.hear(chars=12)
    await caller.say("Let me talk to a person.")
    await caller.listen()


async def hang_up(_: SimulatedCall) -> None:
    pass


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tac() -> AsyncIterator[str]:
    async with tac_backend() as url:
        yield url


async def dial(url: str, perform: Perform = talk, **line: Any) -> CallResult:
    rng = random.Random(1)
    options = {"speed": SPEED, "patience": 30.0, **line}
    return await call(Line(url, **options), TwiML(partial_prompts=False), perform, caller=Caller.random(rng), rng=rng)


async def test_a_whole_call(tac: str) -> None:
    result = await dial(tac, auth_token=AUTH_TOKEN)
    assert (result.ending, result.handoff_data) == ("ended", HANDOFF)
    assert result.heard.startswith("You said: Hello there 1 2 3 4 5 6")
    assert result.heard.endswith("I will connect you.")
    assert len(result.sent("interrupt")) == 1
    assert {"type": "text", "token": "", "last": True} in result.received("text")
    assert result.sent("error") == []


async def test_behind_a_proxy_the_public_url_is_what_counts(tac: str) -> None:
    public = {"public_url": "wss://phone.example.net/ws", "auth_token": AUTH_TOKEN}
    forwarded = (("X-Forwarded-Host", "phone.example.net"), ("X-Forwarded-Proto", "https"))
    assert (await dial(tac, hang_up, headers=forwarded, **public)).ending == "hung_up"
    assert (await dial(tac, hang_up, **public)).status == 403


async def test_a_forged_or_missing_signature_is_refused_before_101(tac: str) -> None:
    for token in ("another token", None):
        result = await dial(tac, auth_token=token)
        assert (result.ending, result.status) == ("refused", 403)


async def test_it_takes_the_query_as_parameters(tac: str) -> None:
    url = tac + "?b=2&a=1"
    assert (await dial(url, hang_up, auth_token=AUTH_TOKEN)).status == 403
    signed_as = SignedForm(query="as_params").text(url)
    assert signed_as == tac + "a1b2"
    assert (await dial(url, hang_up, public_url=signed_as, auth_token=AUTH_TOKEN)).ending == "hung_up"
