"""The recorded calls of tests/recordings are replayed to the demo agent and to Twilio's own SDK."""

import asyncio
import json
import random
from collections.abc import Mapping

from relayproxy.lab.agent import server as demo
from relayproxy.lab.replay.performing import Replayed, perform
from relayproxy.lab.replay.preparing import prepare
from relayproxy.lab.twilio.connection import Line
from tests.lab.replay.recorded import of_fixture
from tests.peers.tac_backend import AUTH_TOKEN, tac_backend
from tests.recordings import NAMES, recording

SPEED = 50.0
SESSIONS = [(name, number) for name in NAMES for number in range(1, len(recording(name).sessions) + 1)]

Key = tuple[str, int]


async def replayed(line: Line) -> Mapping[Key, Replayed]:
    """All of them, to the end whatever the agent says."""

    async def one(name: str, number: int) -> Replayed:
        script = prepare(of_fixture(name, number), name, {}, fill=False)
        return await perform(line, script, rng=random.Random(f"{name} {number}"), keep_going=True)

    made = await asyncio.gather(*(one(*key) for key in SESSIONS))
    return dict(zip(SESSIONS, made, strict=True))


def said(frames: list[dict[str, object]]) -> list[object]:
    """What the caller said, all partial prompts included, and pressed."""
    return [one.get("voicePrompt") or one["digit"] for one in frames if one["type"] in ("prompt", "dtmf")]


def said_then(name: str, number: int) -> list[object]:
    frames = recording(name).sessions[number - 1].frames
    return said([json.loads(frame.payload) for frame in frames if frame.sender == "twilio"])


def said_now(made: Replayed) -> list[object]:
    frames = [message for message in made.call.messages if message.sender == "twilio" and message.text]
    return said([json.loads(frame.text or "") for frame in frames])


async def test_the_demo_agent_hears_from_each_recorded_caller_what_was_said() -> None:
    async with demo.serving(speed=SPEED) as url:
        made = await replayed(Line(url, speed=SPEED, patience=2.0))

    assert {key: said_now(one) for key, one in made.items()} == {key: said_then(*key) for key in SESSIONS}
    assert made["greeting-dtmf", 1].call.received("text"), "which answers"
    assert [one["utteranceUntilInterrupt"] for one in made["greeting-dtmf", 1].call.sent("interrupt")] == ["This"]
    ended = {key for key, one in made.items() if one.call.ending != "hung_up"}
    assert ended == {("preempt-marked", 1)}, "whose key it takes for a wish to speak to a person"
    parted = {key: one.divergence.reason for key, one in made.items() if one.divergence is not None}
    assert parted.keys() == {("end-then-reconnect", 2), ("greeting-dtmf", 1), ("pin-spoken", 1)}
    assert parted["pin-spoken", 1] == (
        "it asked “Would you like to book a table?”, where it had said “I heard: Four seven two nine zero one three "
        "eight.”"
    )


async def test_twilios_own_sdk_hears_from_each_recorded_caller_what_was_said() -> None:
    async with tac_backend() as url:
        made = await replayed(Line(url, auth_token=AUTH_TOKEN, speed=SPEED, patience=2.0))

    assert {key: said_now(one) for key, one in made.items()} == {key: said_then(*key) for key in SESSIONS}
    turns = made["socket-drop", 1].call.conversation.turns
    assert turns[-1].agent_text.endswith("You said: Holding."), "to partial prompts it begins to answer as well"
    assert made["pin-spoken", 1].divergence is None, "an echo asks for nothing, then as now"
