"""Usual messages, which need no closer look than at what they say."""

import json

import pytest

from relayproxy.redaction.masking.usual import is_usual


def test_a_message_that_says_words_and_has_nothing_else_that_could_be_secret_is_usual() -> None:
    for said in ("hello", " there", "¿qué?", "at 3 pm", "twelve"):
        text = json.dumps({"type": "text", "token": said, "last": False, "lang": "es-ES"}, ensure_ascii=False)
        assert is_usual(text, said)
    assert is_usual('{ "voicePrompt" : "a table for two" , "type":"prompt" }', "a table for two")
    assert is_usual('{"type":"info","name":"tokensPlayed","value":"hello"}', "hello")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"type":"text","token":"4 1 1"}', "4 1 1"),
        ('{"type":"text","token":"jane@"}', "jane@"),
        ('{"type":"text","token":"a \\u0034 b"}', "a 4 b"),
        ('{"type":"text","token":"hello","user":"Jane Doe"}', "hello"),
        ('{"type":"text","token":"hello","lang":"4111 1111"}', "hello"),
        ('{"user":"Jane","type":"text","token":"Jane"}', "Jane"),
        ('{"type":"text","token":"hello","token":"Jane"}', "Jane"),
        ('{"type":"interrupt","utteranceUntilInterrupt":"hello","durationUntilInterruptMs":4111}', "hello"),
        ('{"type":"text","token":"hello"', "hello"),
        ("hello", "hello"),
    ],
)
def test_any_other_is_looked_at(text: str, said: str) -> None:
    for _ in range(2):
        assert not is_usual(text, said)


def test_what_is_said_may_read_like_the_message_around_it() -> None:
    for said in ("text", "token", "type", "t", ":", '"', "\\"):
        for text in (json.dumps({"type": "text", "token": said}), json.dumps({"token": said, "type": "text"})):
            assert is_usual(text, said) is (said not in '"\\')
    assert is_usual('{"type":"text","token":""}', "")
