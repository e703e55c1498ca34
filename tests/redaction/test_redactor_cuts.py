"""JSON that breaks off: wherever it does so, no more of an announced card number is stored than of a whole one."""

import re
from collections.abc import Iterator

import pytest

from relayproxy.conversation.message import Message
from relayproxy.redaction.redactor import Redactor
from relayproxy.redaction.rules import Rules

DIGITS = "4012888888881881"
WORDS = {"four": "4", "oh": "0", "one": "1", "two": "2", "eight": "8"}
FORMS = {
    "digits": DIGITS,
    "groups": "4012 8888 8888 1881",
    "hyphens": "4012-8888-8888-1881",
    "spoken": " ".join(next(word for word, digit in WORDS.items() if digit == one and word != "o") for one in DIGITS),
    "escaped": "".join(f"\\u{ord(one):04x}" for one in DIGITS),
    "some escaped": "4012" + r"\u0038" * 4 + "88881881",
}
MESSAGES = {
    "prompt": ("twilio", '{"type":"prompt","voicePrompt":"my card number is %s thanks","lang":"en-US","last":true}'),
    "interrupt": ("twilio", '{"type":"interrupt","utteranceUntilInterrupt":"Your card number is %s, right?"}'),
    "info": ("twilio", '{"type":"info","value":"Your card number is %s, right?","name":"tokensPlayed"}'),
    "error": ("twilio", '{"type":"error","description":"Invalid message: card number %s"}'),
    "setup": ("twilio", '{"type":"setup","customParameters":{"plan":"gold","cardNumber":"%s"}}'),
    "text": ("backend", '{"type":"text","token":"Your card number is %s, right?","last":true}'),
    "play": ("backend", '{"type":"play","source":"https://agent.example.com/?card_number=%s"}'),
    "config": ("backend", '{"type":"config","hints":"card number %s"}'),
    "handoff": ("backend", r'{"type":"end","handoffData":"{\"reason\":\"pays\",\"cardNumber\":\"%s\"}"}'),
    "handoff as an object": ("backend", '{"type":"end","handoffData":{"reason":"pays","cardNumber":"%s"}}'),
    "unknown type": ("backend", '{"type":"pay","with":[{"card number":"%s"}]}'),
    "no type": ("backend", '{"cardNumber":"%s"}'),
}


def cuts(form: str, kind: str) -> Iterator[tuple[Message, int]]:
    """The message broken off at each place from within the number on, and where the number begins in it."""
    sender, pattern = MESSAGES[kind]
    start, number = pattern.index("%s"), FORMS[form]
    text = pattern.replace("%s", number.replace("\\", "\\\\") if kind == "handoff" else number)
    for end in range(start + 1, len(text)):
        cut = text[:end]
        yield Message(0, 1, sender, "text", text=cut, size=len(cut)), start  # type: ignore[arg-type]


def stored(message: Message) -> Message:
    redactor = Redactor(Rules())
    (found,) = [*redactor.feed(message), *redactor.end(2)]
    return found


def readable(text: str) -> str:
    """The digits that can be read in what is left of a number."""
    value = re.sub(r"\\+(?:u[0-9a-fA-F]{0,3})?\Z", "", text.partition('"')[0])
    value = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), value)
    value = re.sub("|".join(WORDS), lambda found: WORDS[found[0]], value)
    return "".join(re.findall("[0-9]", value))


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("form", FORMS)
def test_of_a_number_that_breaks_off_nothing_is_left_but_what_may_be_kept(form: str, kind: str) -> None:
    for message, start in cuts(form, kind):
        found = stored(message)
        left = readable((found.text or "")[start:])
        assert len(left) < 3 or (left == DIGITS[-4:] and found.redacted), (message.text, found.text)


@pytest.mark.parametrize("separator", [",", ", "])
def test_a_number_in_pieces_that_breaks_off(separator: str) -> None:
    pieces = separator.join(f'"{DIGITS[at : at + 4]}"' for at in range(0, 16, 4))
    text = f'{{"type":"pay","card numbers":[{pieces}]}}'
    start = text.index('"4012')
    for end in range(start + 1, len(text)):
        cut = text[:end]
        found = stored(Message(0, 1, "backend", "text", text=cut, size=end)).text or ""
        left = re.sub("[^0-9]", "", found[start:])
        assert left in ("4", "40", "401", "4012", "", DIGITS[-4:]), (cut, found)


def test_what_is_closed_is_whole() -> None:
    """A comma too many does not hide the number of an order."""
    text = '{"type":"text","token":"Your order is 48291",}'

    assert stored(Message(0, 1, "backend", "text", text=text, size=len(text))).text == text


def test_of_a_number_that_breaks_off_it_is_told_that_it_is_masked() -> None:
    text = '{"type":"pay","note":"card number 40128888'

    found = stored(Message(0, 1, "backend", "text", text=text, size=len(text)))
    assert found.text == '{"type":"pay","note":"card number ••••••••'
    assert found.redacted == {"number": 1}
