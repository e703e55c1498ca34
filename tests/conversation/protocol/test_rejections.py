"""How Twilio answers a message that it rejects, and which message an answer quotes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relayproxy.conversation.protocol.rejections import rejected, rejection


@pytest.mark.parametrize("sender", ["Invalid message received, code: 64107, ", "Invalid message received: "])
@pytest.mark.parametrize(
    "quoted",
    ['{"type":"txt","token":"hi"}', "this is not json #1", '{ "foo" : "bar" }', "two\nlines, code: 5, end", ""],
)
def test_what_twilio_quotes_as_rejected(sender: str, quoted: str) -> None:
    assert rejected(sender + quoted) == quoted


@pytest.mark.parametrize(
    ("description", "quoted"),
    [
        ("Invalid message received", ""),
        ("Invalid message received, code: 64107", ""),
        ("invalid message: unknown type: foo", ""),
        ('Invalid message: {"type":"foo"}', '{"type":"foo"}'),
        ("Invalid speech model for this provider", None),
        ("An error occurred: invalid message", None),
        ("", None),
    ],
)
def test_descriptions_that_quote_nothing_or_speak_of_something_else(description: str, quoted: str | None) -> None:
    assert rejected(description) == quoted


@given(st.text(st.characters()))
def test_an_answer_quotes_what_it_answers(text: str) -> None:
    assert rejected(rejection(text)) == text
    rejected(text)
