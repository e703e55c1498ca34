"""Metadata alone: types, ids, numbers and lengths stay, and no word does."""

import json

import pytest

from relayproxy.conversation.message import Message
from relayproxy.redaction.masking.metadata import metadata, metadata_text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"type":"prompt","voicePrompt":"I am Jane","lang":"en-US"}', '"◦ ◦◦ ◦◦◦◦","lang":"en-US"}'),
        ('{"type":"setup","from":"+1555","callerName":"Jane"}', '"from":"+1555","callerName":"◦◦◦◦"}'),
        ('{"type":"setup","customParameters":{"plan":"gold","n":5,"4711":"x"}}', '{"plan":"◦◦◦◦","n":"•","••••":"◦"}}'),
        ('{"type":"info","name":"agentSpeaking","value":"on"}', '"name":"agentSpeaking","value":"on"}'),
        ('{"type":"info","name":"tokensPlayed","value":"Hi 5"}', '"name":"tokensPlayed","value":"◦◦ •"}'),
        ('{"utteranceUntilInterrupt":"Hi","durationUntilInterruptMs":460}', '"◦◦","durationUntilInterruptMs":460}'),
        ('{"type":"call Jane","x":1}', '"◦◦◦◦ ◦◦◦◦","x":1}'),
        ("no json 5", "◦◦ ◦◦◦◦ •"),
        ('"Jane"', '"◦◦◦◦"'),
        ('{"type":"text","token":4111111111111111}', '"token":"••••••••••••••••"}'),
        ('{"type":"prompt","lang":"Jane Doe"}', '"lang":"◦◦◦◦ ◦◦◦"}'),
        ('{"type":"setup","direction":"my name is Jane","callSid":"CA1"}', '"◦◦ ◦◦◦◦ ◦◦ ◦◦◦◦","callSid":"CA1"}'),
    ],
)  # fmt: skip
def test_a_text(text: str, kept: str) -> None:
    masked = metadata_text(text)
    assert masked.endswith(kept)
    if text.startswith("{"):
        json.loads(masked)


def test_what_twilio_says_of_a_rejected_message_stays_and_the_message_does_not() -> None:
    text = json.dumps({"type": "error", "description": 'Invalid message received, code: 64107, {"a":"Jane"}'})
    said = json.loads(metadata_text(text))["description"]
    assert said == 'Invalid message received, code: 64107, {"◦":"◦◦◦◦"}'


def test_handoff_data_keeps_its_names() -> None:
    text = json.dumps({"type": "end", "handoffData": json.dumps({"reasonCode": "live-agent"})})
    assert json.loads(json.loads(metadata_text(text))["handoffData"]) == {"reasonCode": "◦◦◦◦-◦◦◦◦◦"}


def test_binary_data_goes_and_twilios_own_reasons_stay() -> None:
    binary = metadata(Message(0, 1, "backend", "binary", data=b"Jane", size=4))
    assert (binary.data, binary.size) == (None, 4)
    close = Message(1, 2, "twilio", "close", code=1000, reason="Closing websocket session")
    assert metadata(close).reason == "Closing websocket session"
    assert metadata(Message(1, 2, "backend", "close", code=1011, reason="Jane left")).reason == "◦◦◦◦ ◦◦◦◦"


def test_words_without_quotes() -> None:
    assert metadata_text('{"type":"text","token":I am Jane}') == '{"type":"text","token":◦ ◦◦ ◦◦◦◦}'


def test_what_is_no_word_of_a_broken_string_stays_as_it_is_written() -> None:
    assert metadata_text('"\x1f0 a') == '"\x1f• ◦'
