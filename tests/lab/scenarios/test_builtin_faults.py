"""The scenarios that find the usual faults of backends: one with the fault fails, the demo agent passes."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from relayproxy.lab.agent.server import serving
from relayproxy.lab.scenarios.builtin import FAULTS, find, names, scenarios
from relayproxy.lab.scenarios.reading import read
from tests.lab.backend import Backend, backend
from tests.lab.scenarios.stage import SPEED, called

HANDOFF = json.dumps({"reasonCode": "live-agent"})


class Agent:
    """A backend without faults, but for those that its kinds have."""

    def __init__(self, known: dict[str, str]) -> None:
        self.names = known
        """What callers said first, by call; shared by all connections."""
        self.peer: Backend
        self.call = ""
        self.background: list[asyncio.Task[None]] = []

    async def __call__(self, peer: Backend) -> None:
        self.peer = peer
        try:
            while True:
                await self.on(await self.next())
        except ConnectionClosed:
            for task in self.background:
                task.cancel()

    async def next(self) -> dict[str, Any]:
        return await self.peer.next()

    async def on(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"type": "setup", "callSid": str(call)}:
                self.call = call
                await self.greet()
            case {"type": "prompt", "voicePrompt": str(words), "last": True}:
                await self.hear(words)
            case {"type": "prompt", "voicePrompt": str(words)}:
                await self.hear_partly(words)
            case {"type": "dtmf"}:
                await self.press()
            case {"type": "interrupt"}:
                await self.say("")

    async def greet(self) -> None:
        await self.say("Good day.")

    async def hear(self, words: str) -> None:
        if "Goodbye" in words or "person" in words:
            await self.say("Goodbye.")
            await self.end()
        elif "What is my name" in words:
            await self.say(f"You are {self.names.get(self.call)}.")
        else:
            self.names[self.call] = words
            await self.say("From Tuesday to Sunday we have ravioli, sea bass and tart.")

    async def hear_partly(self, words: str) -> None:
        pass

    async def press(self) -> None:
        await self.say("You pressed a key.")

    async def end(self) -> None:
        await self.peer.send(type="end", handoffData=HANDOFF)

    async def say(self, text: str) -> None:
        await self.peer.send(type="text", token=text, last=True)


class Late(Agent):
    async def hear(self, words: str) -> None:
        await asyncio.sleep(0.3)
        await super().hear(words)


class Silent(Agent):
    async def hear(self, words: str) -> None:
        pass


class Twice(Agent):
    async def hear(self, words: str) -> None:
        await super().hear(words)
        await super().hear(words)


class Unstoppable(Agent):
    async def on(self, message: Mapping[str, Any]) -> None:
        if message["type"] != "interrupt":
            await super().on(message)

    async def hear(self, words: str) -> None:
        self.background.append(asyncio.create_task(self.count()))

    async def count(self) -> None:
        for number in range(60):
            await self.peer.send(type="text", token=f"number {number}, ", last=False)
            await asyncio.sleep(0.02)


class Afterthought(Agent):
    async def end(self) -> None:
        await super().end()
        await self.say("And another thing.")


class Broken(Agent):
    async def hear(self, words: str) -> None:
        await super().hear(words)
        await self.peer.connection.send('{"type": "text", "token": "And')


class Markdown(Agent):
    async def hear(self, words: str) -> None:
        await self.say("We have:\n- **Ravioli**\n- **Sea bass**\n")


class Wordless(Agent):
    async def end(self) -> None:
        await self.peer.send(type="end")


class Hasty(Agent):
    async def hear_partly(self, words: str) -> None:
        await self.hear(words)


class Forgetful(Agent):
    async def greet(self) -> None:
        self.names.clear()
        await super().greet()


class Keyless(Agent):
    async def press(self) -> None:
        pass


class Shy(Agent):
    async def greet(self) -> None:
        pass


class Dependent(Agent):
    async def hear(self, words: str) -> None:
        await self.peer.next("info")
        await super().hear(words)


class Restless(Agent):
    async def next(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(0.4):
                return await super().next()
        except TimeoutError:
            await self.peer.connection.close(1001)
            raise ConnectionClosed(None, None) from None


FAULTY: dict[str, tuple[type[Agent], str]] = {
    "late-answer": (Late, "turn 1 (late-answer.yaml:6): expected text within 100 ms; got nothing within 100 ms"),
    "no-answer": (Silent, "turn 1 (no-answer.yaml:5): expected text; got nothing within"),
    "answers-twice": (Twice, "turn 1 (answers-twice.yaml:7): expected no text within 3000 ms; got text"),
    "ignores-interruption": (Unstoppable, "expected no findings; got stale_speech ("),
    "speaks-after-end": (Afterthought, 'expected no text within 1000 ms; got text "And another thing."'),
    "broken-messages": (Broken, 'expected no error within 1000 ms; got error "Invalid message received, code: 64107,'),
    "unspeakable-text": (Markdown, "expected no findings; got markdown ("),
    "no-handoff-data": (Wordless, "expected reason_code of the handoff data to be any value; got no end with handoff"),
    "answers-partials": (Hasty, "expected no findings; got reply_to_partial ("),
    "forgets-after-reconnect": (Forgetful, 'expected text that contains "Ada"; got text "You are None."'),
    "ignores-keys": (Keyless, "turn 1 (ignores-keys.yaml:5): expected text; got nothing within"),
    "never-greets": (Shy, "turn 1 (never-greets.yaml:5): expected text within 100 ms; got nothing within 100 ms"),
    "needs-events": (Dependent, "turn 1 (needs-events.yaml:8): expected text; got nothing within"),
    "closes-when-idle": (Restless, "turn 3 (closes-when-idle.yaml:8): expected text; got the end of the call before"),
}


@pytest.mark.parametrize("name", FAULTY)
async def test_a_backend_with_the_fault_fails(name: str) -> None:
    fault, failure = FAULTY[name]
    file = Path(find(name).origin.file)
    hurried = file.read_text("utf-8").replace("within_ms: 2000\n", "within_ms: 100\n").replace("5000\n", "100\n")
    text = hurried if name in ("late-answer", "never-greets") else file.read_text("utf-8")
    async with backend(fault({})) as peer:
        result = await called(peer.url, read(text, file.name), patience=0.2)
    assert any(failure in str(one) for one in result.failures), result.failures


async def passes(url: str) -> None:
    results = await asyncio.gather(*(called(url, scenario) for scenario in scenarios(FAULTS)))
    assert [str(failure) for result in results for failure in result.failures] == []
    assert all(result.passed for result in results)


async def test_the_demo_agent_passes_all_of_them() -> None:
    async with serving(speed=SPEED) as url:
        await passes(url)


async def test_so_does_any_backend_without_faults() -> None:
    async def talk(peer: Backend) -> None:
        await Backend(Agent(known)).handle(peer.connection)  # as several talk at once

    known: dict[str, str] = {}
    async with backend(talk) as peer:
        await passes(peer.url)


def test_every_one_of_them_has_a_backend_with_its_fault() -> None:
    assert sorted(FAULTY) == sorted(names(FAULTS))
