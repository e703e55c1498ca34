"""A second opinion on what messages are: twilio-agent-connect's models, where it has them.

It models `setup`, `prompt` and `interrupt` only. What a backend sends it writes but never reads, so that for
`sendDigits` with `1A` or `W1`, `end` whose `handoffData` is an object, `play` with an empty `source` or with `loop: -1`
and `language` with `ttsLanguage: null` there is no other opinion to be had; `test_violations` says what is ours.
"""

import json
from typing import Any, TypeGuard, get_args

import pytest
from pydantic import BaseModel, ValidationError
from tac.models import voice
from tac.models.voice import InterruptMessage, PromptMessage, SetupMessage

from relayproxy.conversation.protocol.decoding import decode_text
from relayproxy.conversation.protocol.messages import Interrupt, Prompt, Setup, Unknown

MODELS: dict[str, type[BaseModel]] = {"setup": SetupMessage, "prompt": PromptMessage, "interrupt": InterruptMessage}


def test_there_are_no_more_messages_with_a_second_opinion() -> None:
    """When there are, they belong here: what is said above of the other messages is no longer so."""
    types: list[Any] = [value.model_fields["type"].annotation for value in vars(voice).values() if _is_message(value)]
    assert {name for kind in types for name in get_args(kind)} == set(MODELS)


def _is_message(value: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(value, type) and issubclass(value, BaseModel) and "type" in value.model_fields


def theirs(message: dict[str, Any]) -> BaseModel | None:
    """What it takes the message for; None when it refuses it."""
    try:
        return MODELS[message["type"]].model_validate(message)
    except ValidationError:
        return None


def ours(message: dict[str, Any]) -> Setup | Prompt | Interrupt | None:
    found = decode_text(json.dumps(message), "twilio").event
    assert isinstance(found, Setup | Prompt | Interrupt | Unknown)
    return None if isinstance(found, Unknown) else found


@pytest.mark.parametrize(
    "message",
    [
        {"type": "setup"},
        {"type": "setup", "sessionId": "VX1", "callSid": "CA1", "from": "+15550100001", "to": None},
        {"type": "setup", "sessionId": "VX1", "customParameters": {"plan": "gold", "seats": 4}},
        {"type": "setup", "sessionId": "VX1", "customParameters": None},
        {"type": "prompt", "voicePrompt": "Hi", "lang": "en-US", "last": True},
        {"type": "prompt", "voicePrompt": "Hi", "last": False},
        {"type": "prompt", "voicePrompt": "", "lang": None},
        {"type": "interrupt", "utteranceUntilInterrupt": "Welcome, how", "durationUntilInterruptMs": 820},
        {"type": "interrupt", "durationUntilInterruptMs": "820"},
        {"type": "interrupt", "utteranceUntilInterrupt": None, "durationUntilInterruptMs": None},
    ],
)
def test_both_read_the_same(message: dict[str, Any]) -> None:
    mine, other = ours(message), theirs(message)
    assert mine is not None
    assert other is not None
    known: dict[str, Any] = {}
    match mine:
        case Setup():
            known = {"session_id": mine.session_id, "call_sid": mine.call_sid, "from_number": mine.from_}
            known |= {"to_number": mine.to, "custom_parameters": mine.custom_parameters}
        case Prompt():
            known = {"voice_prompt": mine.voice_prompt, "lang": mine.lang}
        case Interrupt():
            known = {"utterance_until_interrupt": mine.utterance_until_interrupt}
            known |= {"duration_until_interrupt_ms": mine.heard_ms}
    assert known == {name: getattr(other, name) for name in known}


@pytest.mark.parametrize(
    ("message", "taken_by", "because"),
    [
        ({"type": "setup", "sessionId": 7}, "us", "a session with an odd id is still one to be recorded"),
        (
            {"type": "setup", "customParameters": "x"},
            "us",
            "a session begins whatever else its setup holds",
        ),
        ({"type": "prompt"}, "them", "without words nothing was said"),
        ({"type": "prompt", "voicePrompt": None}, "them", "without words nothing was said"),
        ({"type": "prompt", "voicePrompt": "Hi", "lang": 7}, "us", "what was said counts, in whatever language"),
        ({"type": "interrupt", "durationUntilInterruptMs": 820.5}, "us", "Telnyx sends fractions of a millisecond"),
    ],
)
def test_where_they_differ_there_is_a_reason(message: dict[str, Any], taken_by: str, because: str) -> None:
    assert because
    assert (ours(message) is not None, theirs(message) is not None) == (taken_by == "us", taken_by == "them")
