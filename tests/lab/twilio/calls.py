"""A session without a socket, and what it did."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from relayproxy.conversation.protocol.messages import FromTwilio
from relayproxy.lab.twilio.result import Caller
from relayproxy.lab.twilio.session import Close, SimulatedSession
from relayproxy.lab.twilio.twiml import TwiML

SPEED = 100.0
GREETING = "Good day. Say something, or press a key."


class Call:
    """A session, and what it did."""

    def __init__(self, twiml: TwiML) -> None:
        self.lines: list[str] = []
        self.ended: tuple[str, Close] | None = None
        self.session = SimulatedSession(twiml, random.Random(1), SPEED, self._send, self._finish)

    def _send(self, message: FromTwilio) -> None:
        assert self.ended is None
        kind, *values = msgspec.to_builtins(message).values()
        self.lines.append(" ".join(map(str, (kind, *values))) if kind != "setup" else "setup")

    def _finish(self, ending: str, close: Close) -> None:
        self.ended = (ending, close)

    def backend(self, **message: Any) -> None:
        self.session.receive(json.dumps(message))

    def text(self, *tokens: str, **fields: Any) -> None:
        for number, token in enumerate(tokens, 1):
            self.backend(type="text", token=token, last=number == len(tokens), **fields)

    async def until(self, holds: Callable[[], bool]) -> None:
        assert await self.session.notifier.until(holds, 30)

    async def hears(self, words: int) -> None:
        await self.until(lambda: self.session.playback.speaking and self.session.playback.words >= words)

    async def quiet(self) -> list[str]:
        """What was sent once everything has been played, without `setup`."""
        await self.until(lambda: self.session.playback.idle)
        return self.lines[1:]


@asynccontextmanager
async def call(**twiml: Any) -> AsyncIterator[Call]:
    made = Call(TwiML(**twiml))
    tasks = [asyncio.create_task(made.session.playback.run()), asyncio.create_task(made.session.leave())]
    made.session.begin(Caller.random(random.Random(1)))
    yield made
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        assert ended is None or isinstance(ended, asyncio.CancelledError)
