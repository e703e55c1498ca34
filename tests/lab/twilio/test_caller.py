"""How people behave on the phone."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from relayproxy.conversation.protocol.messages import End, FromBackend, FromTwilio, Text, encode
from relayproxy.lab.twilio.caller import SimulatedCaller
from relayproxy.lab.twilio.connection import Line
from relayproxy.lab.twilio.result import Caller
from relayproxy.lab.twilio.session import SimulatedSession
from relayproxy.lab.twilio.twiml import TwiML
from tests.patience import PATIENCE

Act = Callable[[SimulatedCaller], Awaitable[None]]


class Phone:
    """A call without a socket."""

    def __init__(self, seed: int, patience: float) -> None:
        self.rng = random.Random(seed)
        self.line = Line("ws://nowhere", speed=100.0, patience=patience)
        self.session: SimulatedSession


async def lines(acts: Sequence[Act], *replies: FromBackend, seed: int = 1, patience: float = 30.0) -> list[str]:
    """What is sent while the caller acts; each final prompt and key gets the next of the replies."""
    sent: list[str] = []
    queue = list(replies)

    def send(message: FromTwilio) -> None:
        kind, *values = msgspec.to_builtins(message).values()
        sent.append(" ".join(map(str, (kind, *values))))
        if (kind == "dtmf" or getattr(message, "last", False)) and queue:
            asyncio.get_running_loop().call_soon(phone.session.receive, encode(queue.pop(0)))

    phone = Phone(seed, patience)
    phone.session = SimulatedSession(TwiML(), phone.rng, phone.line.speed, send, lambda ending, _: sent.append(ending))
    phone.session.begin(Caller.random(random.Random(1)))
    playing = asyncio.create_task(phone.session.playback.run())
    async with asyncio.timeout(PATIENCE):
        for act in acts:
            await act(SimulatedCaller(phone))
    playing.cancel()
    return sent[1:]


def press(digits: str) -> Act:
    return lambda caller: caller.press(digits)


def say(words: str, *partials: str) -> Act:
    return lambda caller: caller.say(words, partials)


async def listen(caller: SimulatedCaller) -> None:
    await caller.listen()


def hear(**enough: int) -> Act:
    return lambda caller: caller.hear(**enough)


def text(token: str) -> Text:
    return Text(token, last=True)


async def test_listening_is_over_when_the_answer_has_been_played() -> None:
    assert await lines([press("1"), listen, press("2")], text("One. Two.")) == [
        "dtmf 1",
        "info agentSpeaking on",
        "info tokensPlayed One.",
        "info tokensPlayed  Two.",
        "info agentSpeaking off",
        "dtmf 2",
    ]


async def test_nobody_waits_for_ever() -> None:
    assert await lines([listen, press("1"), listen], patience=0.05) == ["dtmf 1"]


async def test_an_answer_too_short_to_be_interrupted() -> None:
    assert await lines([press("1"), hear(chars=50), press("23")], text("One.")) == [
        "dtmf 1",
        "info agentSpeaking on",
        "info tokensPlayed One.",
        "info agentSpeaking off",
        "dtmf 2",
        "dtmf 3",
    ]


async def test_cutting_the_answer_short() -> None:
    assert await lines([press("1"), hear(chars=5), press("9")], text("One two three.")) == [
        "dtmf 1",
        "info agentSpeaking on",
        "dtmf 9",
        "info tokensPlayed One two",
        "interrupt One two 322",
        "info agentSpeaking off",
    ]
    heard_for = await lines([press("1"), hear(ms=100), press("9")], text("One two three."))
    assert "interrupt One 138" in heard_for


async def test_a_cough_stops_the_agent_and_nothing_is_understood() -> None:
    async def cough(caller: SimulatedCaller) -> None:
        await caller.make_noise(400)

    assert await lines([press("1"), hear(chars=5), cough], text("One two three.")) == [
        "dtmf 1",
        "info agentSpeaking on",
        "info clientSpeaking on",
        "info tokensPlayed One two",
        "interrupt One two 322",
        "info agentSpeaking off",
        "info clientSpeaking off",
    ]


async def test_waiting_ends_with_the_session() -> None:
    assert await lines([press("1"), lambda caller: caller.pause(100_000), press("2"), listen], End()) == ["dtmf 1"]


async def test_the_first_partial_can_come_before_the_notice_of_speech() -> None:
    step = say("Hold on.", "Hold", "Hold on.")
    seen = [await lines([step], seed=seed) for seed in range(20)]
    said = ["prompt Hold en-US False", "prompt Hold on. en-US False"]
    done = ["info clientSpeaking off", "prompt Hold on. en-US True"]
    assert {tuple(s) for s in seen} == {
        ("info clientSpeaking on", *said, *done),
        (said[0], "info clientSpeaking on", said[1], *done),
    }


async def test_the_language_of_what_is_said() -> None:
    said = await lines([lambda caller: caller.say("Hola.", ("Hola.",), "es-ES")])
    prompts = [line for line in said if line.startswith("prompt")]
    assert set(prompts) == {"prompt Hola. es-ES False", "prompt Hola. es-ES True"}
