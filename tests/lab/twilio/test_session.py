"""A session as Twilio runs it: what it sends, in which order."""

import json
import shlex

import pytest

from tests.lab.twilio.calls import GREETING, call
from tests.script import script


async def test_a_key_during_the_greeting() -> None:
    # As recorded: the reply that was sent between the key and the interrupt still plays.
    async with call(greeting=GREETING) as made:
        await made.hears(1)
        made.session.presses("9")
        made.text("Key", " 9.")
        assert await made.quiet() == [
            "info agentSpeaking on",
            "dtmf 9",
            "info tokensPlayed Good",
            "interrupt Good 184",
            "info agentSpeaking off",
            "info agentSpeaking on",
            "info tokensPlayed Key 9.",
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
        assert await made.quiet() == ["interrupt Good day. 414", "prompt Hi en-US False"]


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


async def test_the_language_of_prompts_follows() -> None:
    async with call(events=False) as made:
        made.backend(type="language", ttsLanguage="es-ES")
        made.session.has_spoken("Hello")
        made.backend(type="language", transcriptionLanguage="es-ES")
        made.session.has_spoken("Hola")
        assert made.lines[1:] == ["prompt Hello en-US True", "prompt Hola es-ES True"]


async def test_newer_messages_are_accepted_and_a_changed_configuration_is_told() -> None:
    async with call() as made:
        made.backend(type="hints", hints="Aurora,Nina")
        made.backend(type="config", interruptible="none", languages=[{"code": "es-ES"}])
        assert made.lines[1:] == ['info configUpdated {"interruptible":"none","languages":[{"code":"es-ES"}]}']

    async with call(events=False) as made:
        made.backend(type="config", interruptible="none")
        assert made.lines[1:] == []


async def test_the_caller_can_speak_another_language_than_the_session() -> None:
    async with call(events=False) as made:
        made.session.begins_to_speak("Hola", "es-ES")
        made.session.has_spoken("Hola.", "es-ES")
        made.session.has_spoken("Hello.")
        assert made.lines[1:] == ["prompt Hola es-ES False", "prompt Hola. es-ES True", "prompt Hello. en-US True"]


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


@pytest.mark.parametrize(
    "message",
    [
        {"type": "sendDigits", "digits": "1A"},
        {"type": "sendDigits", "digits": "W1"},
        {"type": "sendDigits", "digits": "1a"},
        {"type": "end", "handoffData": {"reasonCode": "live-agent"}},
        {"type": "play", "source": ""},
        {"type": "play", "source": "x", "loop": -1},
        {"type": "play", "source": "x", "loop": None},
        {"type": "language", "ttsLanguage": None},
        {"type": "language", "ttsLanguage": None, "transcriptionLanguage": "es-ES"},
        {"type": "text", "token": None},
        {"type": "text", "token": "Hi", "interruptible": "any"},
        {"type": "text", "token": "Hi", "last": "true"},
        {"type": "config", "interruptible": "any"},
        {"type": "error", "message": "Session not initialized"},
        {"type": "prompt", "voicePrompt": "Hi"},
        {"message": "Internal Server Error"},
        ["text"],
    ],
)
async def test_what_it_rejects_is_what_a_recording_is_told_to_have_wrong(message: object) -> None:
    frame = json.dumps(message)
    async with call(events=False) as made:
        made.session.receive(frame)
        answers = made.lines[1:]

    found = script(f"0.0 backend raw {shlex.quote(frame)}").findings

    rejected = any(finding.twilio_code == 64107 for finding in found)
    assert answers == ([f"error Invalid message received, code: 64107, {frame}"] if rejected else [])
