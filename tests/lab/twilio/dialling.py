"""Calls of a simulated Twilio to a backend of the test.

Knows: settings that suit a test.
Must not know: what the backend does.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from relayproxy.lab.twilio.call import Perform, SimulatedCall, call
from relayproxy.lab.twilio.caller import SimulatedCaller
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.result import Caller, CallResult
from relayproxy.lab.twilio.twiml import TwiML

SPEED = 50.0
Act = Callable[[SimulatedCaller], Awaitable[None]]


async def made_by(url: str, perform: Perform, twiml: TwiML | None = None, **options: Any) -> CallResult:
    rng = random.Random(1)
    caller = msgspec.structs.replace(Caller.random(rng), parameters={"plan": "gold"})
    line = Line(url, **{"speed": SPEED, "patience": 30.0, **options})
    return await call(line, twiml or TwiML(), perform, caller=caller, rng=rng)


async def dial(url: str, *acts: Act, **options: Any) -> CallResult:
    async def perform(made: SimulatedCall) -> None:
        for act in acts:
            await act(SimulatedCaller(made))

    return await made_by(url, perform, **options)


async def listens(caller: SimulatedCaller) -> None:
    await caller.listen()


def asks(text: str) -> Act:
    async def ask(caller: SimulatedCaller) -> None:
        await caller.say(text)
        await caller.listen()

    return ask
