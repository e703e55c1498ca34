"""Messages of a call for tests of redaction, and what is stored of them."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

import msgspec

from relayproxy.connection import Side
from relayproxy.conversation.message import Message
from relayproxy.redaction.redactor import Redactor
from relayproxy.redaction.rules import Rules

SECOND = 1_000_000_000
CARD = "4111 1111 1111 1111"


def message(seq: int, at: float, sender: Side, said: str | dict[str, Any]) -> Message:
    """A text message `at` seconds after the opening."""
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return Message(seq, round(at * SECOND), sender, "text", text=text, size=len(text.encode()))


def prompt(text: str, *, last: bool = True, lang: str = "en-US") -> tuple[Side, dict[str, Any]]:
    return "twilio", {"type": "prompt", "voicePrompt": text, "lang": lang, "last": last}


def token(text: str, *, last: bool = False) -> tuple[Side, dict[str, Any]]:
    return "backend", {"type": "text", "token": text, "last": last}


def key(digit: str) -> tuple[Side, dict[str, Any]]:
    return "twilio", {"type": "dtmf", "digit": digit}


def digits(keys: str) -> tuple[Side, dict[str, Any]]:
    return "backend", {"type": "sendDigits", "digits": keys}


def played(text: str) -> tuple[Side, dict[str, Any]]:
    return "twilio", {"type": "info", "name": "tokensPlayed", "value": text}


def call(*said: tuple[Side, str | dict[str, Any]], every: float = 0.5) -> list[Message]:
    """These messages, one each `every` seconds."""
    return [message(seq, (seq + 1) * every, sender, what) for seq, (sender, what) in enumerate(said)]


def stored(messages: Iterable[Message], rules: Rules = Rules()) -> list[Message]:  # noqa: B008 (an immutable value)
    """What is stored of a whole connection."""
    redactor = Redactor(rules)
    found = [*itertools.chain.from_iterable(map(redactor.feed, messages))]
    return found + redactor.end(10_000 * SECOND)


def words(messages: Iterable[Message]) -> list[str]:
    """What was said, pressed, sent or played in each."""
    names = (
        "voicePrompt",
        "token",
        "digit",
        "digits",
        "value",
        "utteranceUntilInterrupt",
        "description",
        "handoffData",
    )
    found: list[str] = []
    for one in messages:
        value = msgspec.json.decode(one.text or "null")
        found.append(next((value[name] for name in names if name in value), ""))
    return found


def counted(messages: Iterable[Message]) -> dict[str, int]:
    """The secrets of a call by kind."""
    total: dict[str, int] = {}
    for one in messages:
        for kind, number in (one.redacted or {}).items():
            total[kind] = total.get(kind, 0) + number
    return {kind: number for kind, number in total.items() if number}
