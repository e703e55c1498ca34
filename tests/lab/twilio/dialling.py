"""Calls of a simulated Twilio to a backend of the test.

Knows: settings that suit a test.
Must not know: what the backend does.
"""

import asyncio
import base64
import hashlib
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


async def answer_101(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The answer to a handshake, byte for byte: for a peer that no library would make."""
    head = await reader.readuntil(b"\r\n\r\n")
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
