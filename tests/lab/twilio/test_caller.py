"""How people behave on the phone."""

import asyncio
import random
from collections.abc import Sequence

import msgspec

from relayproxy.conversation.protocol.messages import End, FromBackend, FromTwilio, Text, encode
from relayproxy.lab.twilio.caller import SimulatedCaller
from relayproxy.lab.twilio.result import Caller
from relayproxy.lab.twilio.script import HangUp, Listen, Pause, Press, Say, Step, TwiML
from relayproxy.lab.twilio.session import SimulatedSession

SPEED = 100.0


async def lines(steps: Sequence[Step], *replies: FromBackend, seed: int = 1, patience: float = 30.0) -> list[str]:
    """What is sent while the steps are performed; each final prompt and key gets the next of the replies."""
    sent: list[str] = []
    queue = list(replies)

    def send(message: FromTwilio) -> None:
        kind, *values = msgspec.to_builtins(message).values()
        sent.append(" ".join(map(str, (kind, *values))))
        if (kind == "dtmf" or getattr(message, "last", False)) and queue:
            asyncio.get_running_loop().call_soon(session.receive, encode(queue.pop(0)))

    rng = random.Random(seed)
    session = SimulatedSession(TwiML(), rng, SPEED, send, lambda ending, _: sent.append(ending))
    session.begin(Caller.random(random.Random(1)))
    playing = asyncio.create_task(session.playback.run())
    async with asyncio.timeout(60):
        await SimulatedCaller(session, rng, SPEED, patience).perform(steps)
    playing.cancel()
    return sent[1:]


def text(token: str) -> Text:
    return Text(token, last=True)


async def test_listening_is_over_when_the_answer_has_been_played() -> None:
    assert await lines([Press("1"), Listen(), Press("2")], text("One. Two.")) == [
        "dtmf 1",
        "info agentSpeaking on",
        "info tokensPlayed One.",
        "info tokensPlayed  Two.",
        "info agentSpeaking off",
        "dtmf 2",
        "hung_up",
    ]


async def test_nobody_waits_for_ever() -> None:
    assert await lines([Listen(), Press("1"), Listen()], patience=0.05) == ["dtmf 1", "hung_up"]


async def test_an_answer_too_short_to_be_interrupted() -> None:
    assert await lines([Press("1"), Press("23", after_words=9)], text("One.")) == [
        "dtmf 1",
        "info agentSpeaking on",
        "info tokensPlayed One.",
        "info agentSpeaking off",
        "dtmf 2",
        "dtmf 3",
        "hung_up",
    ]


async def test_hanging_up_into_the_answer() -> None:
    assert await lines([Press("1"), HangUp(after_words=2), Press("9")], text("One two three.")) == [
        "dtmf 1",
        "info agentSpeaking on",
        "hung_up",
    ]


async def test_a_script_stops_where_the_session_is_over() -> None:
    assert await lines([Press("1"), Pause(1000), Press("2"), Listen()], End()) == ["dtmf 1"]


async def test_the_first_partial_can_come_before_the_notice_of_speech() -> None:
    step = Say("Hold on.", partials=("Hold", "Hold on."))
    seen = [await lines([step], seed=seed) for seed in range(20)]
    said = ["prompt Hold en-US False", "prompt Hold on. en-US False"]
    done = ["info clientSpeaking off", "prompt Hold on. en-US True", "hung_up"]
    assert {tuple(s) for s in seen} == {
        ("info clientSpeaking on", *said, *done),
        (said[0], "info clientSpeaking on", said[1], *done),
    }
