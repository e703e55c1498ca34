"""Would Twilio take this message? Each one with what is said of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.protocol.decoding import decode_text
from relayproxy.conversation.protocol.violations import Violation


def violation(text: str | None) -> Violation | None:
    return decode_text(text, "backend").violation


NO_LANGUAGE = "language without ttsLanguage or transcriptionLanguage"


def test_an_interrupt_is_twilios_to_send() -> None:
    assert violation('{"type":"interrupt","reason":"error"}') == Violation(
        "interrupt_sent", "an interrupt, which Twilio alone sends"
    )


@pytest.mark.parametrize(
    "message",
    [
        {
            "type": "text",
            "token": "Sure, ",
            "last": False,
            "lang": "en-US",
            "interruptible": True,
            "preemptible": False,
        },
        {"type": "text", "token": "", "last": True},
        {"type": "text", "token": "Hi.", "last": None, "lang": None, "preemptible": None},
        {"type": "text", "token": "Hi.", "mood": "glad", "id": {"a": [1]}},
        {"type": "play", "source": "https://example.com/hold.mp3", "loop": 0},
        {"type": "play", "source": "https://example.com/hold.mp3", "loop": None},
        {"type": "sendDigits", "digits": "1ww23#"},
        {"type": "sendDigits", "digits": "W*AD"},
        {"type": "language", "ttsLanguage": "es-ES"},
        {"type": "language", "transcriptionLanguage": "es-ES", "ttsLanguage": None, "voice": "Lucia"},
        {"type": "end"},
        {"type": "end", "handoffData": "done"},
        {"type": "end", "handoffData": {"reasonCode": "live-agent"}},
        {"type": "config", "interruptible": "any", "whatever": [1]},
        {"type": "hints"},
    ],
)
def test_what_twilio_takes(message: dict[str, Any]) -> None:
    assert violation(json.dumps(message)) is None


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (None, "a binary message"),
        ("", "an empty message"),
        (" \n", "an empty message"),
        ("this is not json #1", "not JSON"),
        ('{"type":"text","token":"cut of', "not JSON"),
        ('{"type":"text","token":NaN}', "not JSON"),
        ("[1]", "an array, not an object"),
        ("5", "a number, not an object"),
        ("null", "null, not an object"),
        ('"hello"', "a string, not an object"),
        ("{}", "no type"),
        ('{"token":"Hi."}', "no type"),
        ('{"type":null}', "no type"),
        ('{"type":7}', "type is a number"),
        ('{"type":"txt","token":"hi"}', 'unknown type "txt"'),
        ('{"type":"TEXT","token":"hi"}', 'unknown type "TEXT"'),
        ('{"type":"' + "x" * 99 + '"}', f'unknown type "{"x" * 40}"'),
        ('{"type":"clear"}', 'unknown type "clear"'),
        ('{"type":"text"}', "text without token"),
        ('{"type":"text","token":null}', "token of text is null"),
        ('{"type":"text","token":5}', "token of text is a number"),
        ('{"type":"text","token":' + "9" * 5000 + "}", "token of text is a number"),
        ('{"type":["text"],"token":"a"}', "type is an array"),
        ('{"type":"text","token":["a"]}', "token of text is an array"),
        ('{"type":"text","token":"a","last":"yes"}', "last of text is a string"),
        ('{"type":"text","token":"a","lang":{"a":1}}', "lang of text is an object"),
        ('{"type":"play"}', "play without source"),
        ('{"type":"play","source":false}', "source of play is a boolean"),
        ('{"type":"play","source":""}', "play with an empty source"),
        ('{"type":"play","source":"x","loop":-1}', "play with a loop that is no whole number from 0 on"),
        ('{"type":"play","source":"x","loop":0.5}', "play with a loop that is no whole number from 0 on"),
        (
            '{"type":"play","source":"x","loop":-99999999999999999999}',
            "play with a loop that is no whole number from 0 on",
        ),
        ('{"type":"play","source":"x","loop":-1e20}', "play with a loop that is no whole number from 0 on"),
        (f'{{"type":"play","source":"x","loop":-{9**30}}}', "play with a loop that is no whole number from 0 on"),
        ('{"type":"play","source":"x","loop":"twice"}', "loop of play is a string"),
        ('{"type":"sendDigits"}', "sendDigits without digits"),
        ('{"type":"sendDigits","digits":""}', "sendDigits with empty digits"),
        ('{"type":"sendDigits","digits":"1 2"}', "sendDigits with characters that no keypad has"),
        ('{"type":"sendDigits","digits":"1\\n"}', "sendDigits with characters that no keypad has"),
        ('{"type":"sendDigits","digits":12}', "digits of sendDigits is a number"),
        ('{"type":"language"}', NO_LANGUAGE),
        ('{"type":"language","ttsLanguage":null}', NO_LANGUAGE),
        ('{"type":"language","language":"\\ud800"}', NO_LANGUAGE),
        ('{"type":"language","ttsLanguage":5}', "ttsLanguage of language is a number"),
    ],
)
def test_what_twilio_rejects(text: str | None, detail: str) -> None:
    assert violation(text) == Violation("invalid_message", detail)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (
            '{"type":"text","token":"a","preemptible":1,"interruptible":"no"}',
            "interruptible of text is a string",
        ),
        ('{"type":"play","source":"x","preemptible":1,"loop":"twice"}', "loop of play is a string"),
        ('{"type":"play","source":"x","preemptible":1,"interruptible":"no"}', "interruptible of play is a string"),
    ],
)
def test_of_several_wrong_fields_the_one_that_was_always_named_is_named(text: str, detail: str) -> None:
    assert violation(text) == Violation("invalid_message", detail)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('{"type":"error","message":"Session not initialized"}', 'an error object of type "error"'),
        ('{"type":"server_error","detail":"x"}', 'an error object of type "server_error"'),
        ('{"type":"about:blank","statusCode":502}', 'an error object of type "about:blank"'),
        ('{"message":"Internal Server Error","connectionId":"a=","requestId":"b"}', "an error object"),
        ('{"error":{"type":"overloaded","message":"x"}}', "an error object"),
        ('{"statusCode":500}', "an error object"),
        ('{"detail":"Not Found"}', "an error object"),
        ("<!DOCTYPE html>\n<html><body>502</body></html>", "an HTML page"),
        ("\r\n <HTML lang=en>", "an HTML page"),
        ("<center><h1>502 Bad Gateway</h1></center>", "an HTML page"),
        ('<?xml version="1.0"?><Error/>', "an XML document"),
        ("HTTP/1.1 502 Bad Gateway\r\nServer: x\r\n\r\n", "an HTTP response"),
        ("502 Bad Gateway", "an error text of a server or gateway"),
        ("upstream connect error or disconnect/reset before headers", "an error text of a server or gateway"),
        ("no healthy upstream", "an error text of a server or gateway"),
        ('"Internal Server Error"', "an error text of a server or gateway"),
        ("Error: 503 Service Unavailable", "an error text of a server or gateway"),
        ("Traceback (most recent call last):\n  File", "an error text of a program"),
        ("TypeError: x is not a function", "an error text of a program"),
        ("java.lang.NullPointerException: x", "an error text of a program"),
    ],
)
def test_errors_that_were_meant_for_a_program(text: str, detail: str) -> None:
    assert violation(text) == Violation("leaked_error", detail)


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"text","token":"\\ud83d"}',
        '{"type":"text","token":"half of a pair: \ud83d"}',
        '{"type":"text","token":"a","n":' + "9" * 5000 + "}",
        '{"type":"text","token":"\\ud83d","n":' + "9" * 5000 + "}",
        '{"type":"text","token":"' + "a" * 1_000_000 + '"}',
    ],
)
def test_odd_but_valid(text: str) -> None:
    assert violation(text) is None


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"type":"text","token":' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ("x" * 1_000_000, "not JSON"),
        ("\ud800", "not JSON"),
        ('{"type":"\\ud800"}', 'unknown type "\ufffd"'),
    ],
)
def test_hostile_ones_have_their_verdict_too(text: str, detail: str) -> None:
    found = violation(text)

    assert found == Violation("invalid_message", detail)
    assert found.detail.encode()


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.text(st.characters(), max_size=30)
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "play", "sendDigits", "language", "end", "config", "error"]) | _values},
        optional=dict.fromkeys(("token", "last", "source", "loop", "digits", "ttsLanguage", "handoffData"), _values),
    ).map(json.dumps)
)
def test_nothing_raises(text: str) -> None:
    found = violation(text)

    assert found is None or found.detail.encode()
