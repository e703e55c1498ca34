"""What Twilio sends and accepts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.lab import twilio_messages
from relayproxy.signature import sign

VALID = [
    {"type": "text", "token": "Sure, "},
    {"type": "text", "token": "", "last": True},
    {"type": "text", "token": "Hi", "last": False, "lang": "en-US", "interruptible": True, "preemptible": False},
    {"type": "play", "source": "https://example.com/a.mp3"},
    {"type": "play", "source": "https://example.com/a.mp3", "loop": 0, "preemptible": True, "interruptible": None},
    {"type": "sendDigits", "digits": "1ww23#*"},
    {"type": "sendDigits", "digits": "1AW"},
    {"type": "language", "ttsLanguage": "es-ES"},
    {"type": "language", "transcriptionLanguage": "es-ES", "somethingNew": 1},
    {"type": "end"},
    {"type": "end", "handoffData": '{"a":1}'},
    {"type": "end", "handoffData": {"a": 1}},
    {"type": "config", "anything": ["at all"]},
]
MALFORMED = [
    "this is not json #1",
    "[]",
    "null",
    "[" * 100_000,
    '{"type":"txt","token":"hi"}',
    '{"token":"hi"}',
    '{"type":["text"]}',
    '{"type":"text"}',
    '{"type":"text","token":null}',
    '{"type":"text","token":"a","last":"true"}',
    '{"type":"play","source":""}',
    '{"type":"play","source":"x","loop":-1}',
    '{"type":"play","source":"x","loop":"1"}',
    '{"type":"sendDigits","digits":""}',
    '{"type":"sendDigits","digits":"12a"}',
    '{"type":"language"}',
    '{"type":"language","ttsLanguage":1}',
    '{"type":"language","ttsLanguage":null}',
]


@pytest.mark.parametrize("message", VALID)
def test_what_it_accepts(message: twilio_messages.Json) -> None:
    assert twilio_messages.accept(json.dumps(message)) == message


@pytest.mark.parametrize("frame", MALFORMED)
def test_what_it_complains_of(frame: str) -> None:
    assert twilio_messages.accept(frame) is None


def test_a_number_too_long_to_read_is_one_all_the_same() -> None:
    frame = '{"type":"play","source":"x","loop":0,"more":' + "9" * 9999 + "}"
    assert twilio_messages.accept(frame) == {"type": "play", "source": "x", "loop": 0, "more": int("9" * 20)}


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_nothing_raises(frame: str) -> None:
    assert twilio_messages.accept(frame) is None


@given(
    st.sampled_from(["text", "play", "sendDigits", "language", "end"]),
    st.dictionaries(
        st.sampled_from(["token", "last", "source", "loop", "digits", "ttsLanguage", "handoffData", "interruptible"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=1),
    ),
)
def test_no_field_raises(kind: str, fields: twilio_messages.Json) -> None:
    message = {**fields, "type": kind}
    assert twilio_messages.accept(json.dumps(message)) in (message, None)


def test_the_headers_are_those_of_the_recordings() -> None:
    headers = twilio_messages.headers("wss://phone.example.net/relay/fixture", "token")
    signature = sign("wss://phone.example.net/relay/fixture", "token")
    assert headers == [
        ("Host", "phone.example.net"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", ""),
        ("User-Agent", "Jetty/11.0.24"),
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("Accept-Encoding", "gzip"),
        ("X-Twilio-Signature", signature),
        ("x-amzn-bedrock-agentcore-runtime-custom-twilio-signature", signature),
    ]


def test_without_a_token_nothing_is_signed() -> None:
    assert not any("signature" in name.lower() for name, _ in twilio_messages.headers("wss://h/", None))
