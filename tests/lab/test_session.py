"""A session as Twilio runs it: what it sends, in which order."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from relayproxy.lab import wire
from relayproxy.lab.result import Caller
from relayproxy.lab.script import TwiML
from relayproxy.lab.session import Close, Session

SPEED = 100.0
GREETING = "This is the spike. Say something, or press a key."


class Call:
    """A session, and what it did."""

    def __init__(self, twiml: TwiML) -> None:
        self.lines: list[str] = []
        self.ended: tuple[str, Close] | None = None
        self.session = Session(twiml, random.Random(1), SPEED, self._send, self._finish)

    def _send(self, message: wire.Json) -> None:
        assert self.ended is None
        kind, *values = message.values()
        self.lines.append(" ".join(map(str, (kind, *values))) if kind != "setup" else "setup")

    def _finish(self, ending: str, close: Close) -> None:
        self.ended = (ending, close)

    def backend(self, **message: Any) -> None:
        self.session.receive(wire.encode(message))

    def text(self, *tokens: str, **fields: Any) -> None:
        for number, token in enumerate(tokens, 1):
            self.backend(type="text", token=token, last=number == len(tokens), **fields)

    async def until(self, holds: Callable[[], bool]) -> None:
        assert await self.session.bell.until(holds, 30)

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
    made.session.begin(Caller.somebody(random.Random(1)))
    yield made
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        assert ended is None or isinstance(ended, asyncio.CancelledError)


def test_the_setup_message_has_its_keys_in_order() -> None:
    caller = Caller.somebody(random.Random(1))
    assert list(caller.setup({"plan": "gold"})) == [
        "type",
        "sessionId",
        "callSid",
        "parentCallSid",
        "from",
        "to",
        "forwardedFrom",
        "callerName",
        "direction",
        "callType",
        "callStatus",
        "accountSid",
        "customParameters",
    ]


def test_callers_have_ids_of_the_right_shape() -> None:
    one, same, other = (Caller.somebody(random.Random(seed)) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    for sid, prefix in ((one.session_id, "VX"), (one.call_sid, "CA"), (one.account_sid, "AC")):
        assert len(sid) == 34
        assert sid.startswith(prefix)
        int(sid[2:], 16)
    assert one.from_number.startswith("+1555")
    assert len(one.from_number) == 12


async def test_the_greeting_is_one_chunk() -> None:
    async with call(greeting=GREETING) as made:
        assert await made.quiet() == [
            "info agentSpeaking on",
            f"info tokensPlayed {GREETING}",
            "info agentSpeaking off",
        ]


async def test_a_key_during_the_greeting() -> None:
    # As recorded: the reply that was sent between the key and the interrupt still plays.
    async with call(greeting=GREETING) as made:
        await made.hears(1)
        made.session.presses("9")
        made.text("Key", " 9.")
        assert await made.quiet() == [
            "info agentSpeaking on",
            "dtmf 9",
            "info tokensPlayed This",
            "interrupt This 184",
            "info agentSpeaking off",
            "info agentSpeaking on",
            "info tokensPlayed Key 9.",
            "info agentSpeaking off",
        ]


async def test_a_reply_is_played_chunk_by_chunk() -> None:
    async with call() as made:
        made.text("I", " heard:", " The", " quick", " brown", " fox.")
        assert await made.quiet() == [
            "info agentSpeaking on",
            "info tokensPlayed I heard:",
            "info tokensPlayed  The quick brown fox.",
            "info agentSpeaking off",
        ]


async def test_speech_interrupts() -> None:
    async with call() as made:
        made.text("Sentence one of three. ", "Sentence two of three. ", "Sentence three.")
        await made.hears(6)
        made.session.begins_to_speak("Hold")
        made.session.partial("Hold on.")
        made.session.has_spoken("Hold on.")
        lines = await made.quiet()
        assert lines == [
            "info agentSpeaking on",
            "info tokensPlayed Sentence one of three.",
            "info clientSpeaking on",
            "info tokensPlayed Sentence two",
            "interrupt Sentence two 598",
            "prompt Hold en-US False",
            "info agentSpeaking off",
            "prompt Hold on. en-US False",
            "info clientSpeaking off",
            "prompt Hold on. en-US True",
        ]


async def test_partials_only_when_asked_for() -> None:
    async with call(partial_prompts=False) as made:
        made.session.begins_to_speak("Hold")
        made.session.has_spoken("Hold on.")
        assert made.lines[1:] == ["info clientSpeaking on", "info clientSpeaking off", "prompt Hold on. en-US True"]


async def test_without_events_only_what_matters_is_sent() -> None:
    async with call(events=False, greeting=GREETING) as made:
        await made.hears(2)
        made.session.begins_to_speak("Hi")
        assert await made.quiet() == ["interrupt This is 322", "prompt Hi en-US False"]


@pytest.mark.parametrize("twiml", [{"interruptible": "none"}, {"interruptible": "dtmf"}, {}])
async def test_what_may_not_be_interrupted_goes_on(twiml: dict[str, str]) -> None:
    async with call(events=False, **twiml) as made:
        made.text("One two three four five.", **({} if twiml else {"interruptible": False}))
        await made.hears(2)
        made.session.begins_to_speak("Hi")
        made.session.has_spoken("Hi there")
        assert made.session.playback.speaking
        assert await made.quiet() == ["prompt Hi en-US False", "prompt Hi there en-US True"]


async def test_a_message_can_allow_what_the_twiml_does_not() -> None:
    async with call(events=False, interruptible="none") as made:
        made.text("One two three four five.", interruptible=True)
        await made.hears(1)
        made.session.presses("1")
        assert await made.quiet() == ["dtmf 1", "interrupt One 138"]


async def test_words_that_interrupt_can_go_unreported() -> None:
    async with call(events=False, report_input_during_agent_speech="none") as made:
        made.text("One two three four five.")
        await made.hears(1)
        made.session.begins_to_speak("Hi")
        made.session.has_spoken("Hi there")
        made.session.begins_to_speak("Hello")
        made.session.has_spoken("Hello")
        assert await made.quiet() == [
            "interrupt One 138",
            "prompt Hello en-US False",
            "prompt Hello en-US True",
        ]


async def test_keys_that_are_not_detected() -> None:
    async with call(dtmf=False, greeting=GREETING) as made:
        await made.hears(1)
        made.session.presses("1")
        assert made.session.playback.speaking
        assert not any(line.startswith("dtmf") for line in await made.quiet())


async def test_a_marked_message_gives_way_without_an_interrupt() -> None:
    # As recorded: speech goes on, the fragment that was heard is reported, nothing says "interrupt".
    async with call() as made:
        made.text("Sentence one: ", "the quick brown fox ", "jumps. ", "And so on.", preemptible=True)
        await made.hears(4)
        made.text("Replacing", " it.")
        assert await made.quiet() == [
            "info agentSpeaking on",
            "info tokensPlayed Sentence one:",
            "info tokensPlayed the quick",
            "info tokensPlayed Replacing it.",
            "info agentSpeaking off",
        ]


async def test_an_unmarked_message_is_waited_for() -> None:
    async with call() as made:
        made.text("First. ")
        made.text("Second.", preemptible=True)
        lines = await made.quiet()
        assert [line for line in lines if "Played" in line] == ["info tokensPlayed First.", "info tokensPlayed Second."]


async def test_digits_wait_their_turn_and_media_is_silent() -> None:
    async with call() as made:
        made.text("One moment.")
        made.backend(type="play", source="https://example.com/hold.mp3")
        made.backend(type="sendDigits", digits="1ww2#")
        assert await made.quiet() == [
            "info agentSpeaking on",
            "info tokensPlayed One moment.",
            "info tokensPlayed 1ww2#",
            "info agentSpeaking off",
        ]


async def test_media_is_interrupted_too() -> None:
    async with call(events=False) as made:
        made.backend(type="play", source="https://example.com/hold.mp3", loop=0)
        await made.until(lambda: made.session.playback.playing)
        made.session.presses("1")
        assert await made.quiet() == ["dtmf 1", "interrupt  0"]


async def test_a_reply_that_stalls_is_spoken_as_far_as_it_goes() -> None:
    async with call() as made:
        made.backend(type="text", token="Let me see")
        await made.until(lambda: "info agentSpeaking off" in made.lines)
        made.text(" now.")
        assert await made.quiet() == [
            "info agentSpeaking on",
            "info tokensPlayed Let me see",
            "info agentSpeaking off",
            "info agentSpeaking on",
            "info tokensPlayed  now.",
            "info agentSpeaking off",
        ]


async def test_the_language_of_prompts_follows() -> None:
    async with call(events=False) as made:
        made.backend(type="language", ttsLanguage="es-ES")
        made.session.has_spoken("Hello")
        made.backend(type="language", transcriptionLanguage="es-ES")
        made.session.has_spoken("Hola")
        assert made.lines[1:] == ["prompt Hello en-US True", "prompt Hola es-ES True"]


async def test_ten_malformed_messages_in_a_row_end_it() -> None:
    async with call(events=False) as made:
        for number in range(9):
            made.session.receive(f"no json {number}")
        made.text("Sorry.")
        for number in range(9):
            made.session.receive(f"bad {number}")
        assert not made.session.over
        made.session.receive('{"type":"text","token":"a binary frame"}', binary=True)
        assert made.ended == ("malformed", (1007, "Too many consecutive malformed messages."))
        assert made.lines[1] == "error Invalid message received, code: 64107, no json 0"
        assert len(made.lines) == 1 + 19


async def test_end_lets_the_caller_hear_the_rest() -> None:
    async with call() as made:
        made.text("Goodbye", " then.")
        made.backend(type="end", handoffData='{"a":1}')
        made.text("Not this any more.")
        made.session.begins_to_speak("Wait")
        made.session.presses("1")
        await made.until(lambda: made.ended is not None)
        assert made.ended == ("ended", (1000, "Closing websocket session"))
        assert made.session.handoff_data == '{"a":1}'
        assert made.lines[1:] == [
            "info agentSpeaking on",
            "info tokensPlayed Goodbye then.",
            "info agentSpeaking off",
        ]


async def test_a_caller_who_hangs_up_waits_for_nothing() -> None:
    async with call(greeting=GREETING) as made:
        await made.hears(1)
        made.session.hangs_up()
        assert made.ended == ("hung_up", (1000, "Closing websocket session"))


def test_a_second_session_of_a_call() -> None:
    caller = Caller.somebody(random.Random(1))
    again = msgspec.structs.replace(caller, session_id="VX" + "0" * 32, call_status="IN_PROGRESS")
    assert again.setup({})["callStatus"] == "IN_PROGRESS"
    assert again.setup({})["callSid"] == caller.call_sid
