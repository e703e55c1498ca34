"""Agents that say what the demo agent says, in manners of their own: slow, rude, random, or with another question.

Knows: the manners.
Must not know: what is replayed and compared.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.asyncio.server import ServerConnection, serve

from relayproxy.lab.agent.restaurant import Act, Dialogue, Leave, Speak


@dataclass(frozen=True)
class Manner:
    """How an agent behaves. Turns are counted as those of the call."""

    slow: dict[int, float] = field(default_factory=dict)
    """Seconds that it takes longer, by turn."""
    waits: dict[int, asyncio.Event] = field(default_factory=dict)
    """What it waits for before that, by turn."""
    talks_over: frozenset[int] = frozenset()
    """Turns in which it speaks before the caller has finished."""
    says: dict[int, str] = field(default_factory=dict)
    """What it says instead, by turn."""
    random: bool = False
    """It chooses its words anew in each call."""
    hands_off: str | None = None
    """Its handoff data, in place of what they are."""
    parameters: Callable[[dict[str, str]], None] | None = None
    """Gets the custom parameters of each call."""


@asynccontextmanager
async def agent(manner: Manner = Manner()) -> AsyncIterator[str]:
    """The agent as long as the block lasts; gives its URL."""

    async def handle(connection: ServerConnection) -> None:
        await _Call(connection, manner).run()

    async with serve(handle, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"


class _Call:
    def __init__(self, connection: ServerConnection, manner: Manner) -> None:
        self._connection, self._manner = connection, manner
        self._dialogue = Dialogue(random.Random(None if manner.random else 1))
        self._turn = 0

    async def run(self) -> None:
        spoke = False
        async for frame in self._connection:
            message = json.loads(frame)
            match message["type"]:
                case "setup":
                    if self._manner.parameters is not None:
                        self._manner.parameters(message["customParameters"])
                    await self._do(self._dialogue.greet())
                case "prompt" if message["last"]:
                    spoke = False
                    await self._answer(self._dialogue.hear(message["voicePrompt"]))
                case "prompt" if self._turn + 1 in self._manner.talks_over and not spoke:
                    spoke = True
                    await self._do([Speak("Yes, yes.")])
                case "dtmf":
                    await self._answer(self._dialogue.press(message["digit"]))

    async def _answer(self, acts: list[Act]) -> None:
        self._turn += 1
        if self._turn in self._manner.waits:
            await self._manner.waits[self._turn].wait()
        await asyncio.sleep(self._manner.slow.get(self._turn, 0.0))
        said = self._manner.says.get(self._turn)
        await self._do(acts if said is None else [Speak(said)])

    async def _do(self, acts: list[Act]) -> None:
        for act in acts:
            if isinstance(act, Speak):
                await self._send(type="text", token=act.text, last=True)
            elif isinstance(act, Leave):
                await self._send(type="end", handoffData=self._manner.hands_off or act.handoff)

    async def _send(self, **message: object) -> None:
        await self._connection.send(json.dumps(message))
