"""The messages both ways: what they are called, what they say, and how they are written."""

import json

import pytest

from relayproxy.conversation.protocol.messages import (
    BACKEND_TYPES,
    TWILIO_TYPES,
    End,
    FromBackend,
    FromTwilio,
    Interrupt,
    Play,
    Prompt,
    Setup,
    Text,
    encode,
)
from tests.conversation.protocol.test_decoding import event


@pytest.mark.parametrize(
    ("value", "heard_ms"),
    [
        ("460", 460), ("12.5", 12), (" 7 ", 7), (15, 15), (12.6, 13), (0, 0), (None, None), ("", None), ("soon", None),
        (True, None), (-3, None), ([1], None), ("nan", None), ("inf", None), (1e300, None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_the_duration_of_an_interrupt_takes_many_forms(value: object, heard_ms: int | None) -> None:
    text = json.dumps({"type": "interrupt", "durationUntilInterruptMs": value})

    message = event(text)

    assert isinstance(message, Interrupt)
    assert message.heard_ms == heard_ms


@pytest.mark.parametrize(("last", "final"), [("", True), (',"last":null', True), (',"last":false', False)])
def test_a_prompt_that_does_not_say_is_final(last: str, final: bool) -> None:
    message = event('{"type":"prompt","voicePrompt":"a"' + last + "}")

    assert isinstance(message, Prompt)
    assert message.final is final


def test_a_message_is_written_as_it_is_read() -> None:
    said: list[FromTwilio | FromBackend] = [
        Setup(session_id="VX1", from_="+15550100001", custom_parameters={"plan": "gold"}),
        Prompt("Hé?", "fr", False),
        Interrupt("Sure, for", 460),
        Text("Sure, ", last=False),
        Play("https://h/a.mp3", loop=0),
        End('{"a":1}'),
    ]

    assert [event(encode(message)) for message in said] == said
    assert encode(said[1]) == '{"type":"prompt","voicePrompt":"Hé?","lang":"fr","last":false}'


def test_each_side_has_messages_of_its_own() -> None:
    assert list(TWILIO_TYPES) == ["setup", "prompt", "dtmf", "interrupt", "error", "info"]
    assert list(BACKEND_TYPES) == ["text", "play", "sendDigits", "language", "end", "config", "hints"]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Text("a", last=False), '{"type":"text","token":"a","last":false}'),
        (Setup(session_id="VX1", from_="+15550100001"), '{"type":"setup","sessionId":"VX1","from":"+15550100001"}'),
        (Interrupt("a", 460), '{"type":"interrupt","utteranceUntilInterrupt":"a","durationUntilInterruptMs":460}'),
        (End(), '{"type":"end"}'),
    ],
)
def test_a_message_is_written_without_what_it_does_not_say(message: FromTwilio | FromBackend, text: str) -> None:
    assert encode(message) == text


def test_half_a_character_cannot_be_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode(Text("\ud83d"))


@pytest.mark.parametrize(
    ("token", "speakable"), [("a", True), (" a", True), ("", False), (" \n", False), ("...", True)]
)
def test_space_alone_is_not_heard(token: str, speakable: bool) -> None:
    assert Text(token).speakable is speakable
