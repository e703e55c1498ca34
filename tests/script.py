"""A notation in which a test reads as a call.

Knows: how a line of it becomes a recorded message.
Must not know: how the conversation is derived.

    0.000        twilio   setup sessionId=VX1 callSid=CA1 plan=gold
    1.000        twilio   prompt "book me a"                    (a partial)
    1.200        twilio   prompt "book me a table" last
    1.950/1.960  backend  text "Sure, "                         (read at 1.950, written on at 1.960)
    2.010        backend  text "for when?" last
    2.400        twilio   dtmf 5
    2.410        twilio   info tokensPlayed "Sure, for"
    2.412        twilio   interrupt "Sure, for" 460
    2.500        backend  text "Wait." last preemptible
    3.000        backend  play https://example.com/hold.mp3
    3.100        backend  sendDigits 1w2
    3.200        backend  end '{"reasonCode":"live-agent"}'
    3.300        twilio   raw '{"type":"new"}'
    3.400        backend  close 1011 "out of order"
    3.500        -        gone first=backend backend=reset

Setup: unknown words are custom parameters. `twilio@2` speaks on a second connection, which opens then. `gone` is the
end of both streams (`@2` for the second connection), `opened` only opens it, and `refused status=403 error="…"` is a
connection that never was.
"""

import shlex
from decimal import Decimal
from typing import Any

import msgspec

from relayproxy.connection import Ending, Opening
from relayproxy.conversation.fold.fold import Fold
from relayproxy.conversation.message import Message
from relayproxy.conversation.model import Conversation
from relayproxy.conversation.protocol.messages import (
    Dtmf,
    End,
    Error,
    FromBackend,
    FromTwilio,
    Info,
    Interrupt,
    Language,
    Play,
    Prompt,
    SendDigits,
    Setup,
    Text,
    encode,
)

START = 1_788_000_000_000_000_000
"""Wall nanoseconds of the script's 0.000."""

_NUMBERS = {"status", "twilio_t", "backend_t"}
_SETUP = tuple(field.encode_name for field in msgspec.structs.fields(Setup))


def script(text: str) -> Conversation:
    """The conversation at the script's end."""
    return play(text).fold.conversation()


def play(text: str) -> "Played":
    """Plays the whole script."""
    played = Played()
    for line in text.splitlines():
        if line.strip():
            played.line(line)
    return played


class Played:
    """A fold, and what it was fed."""

    def __init__(self) -> None:
        self.fold = Fold()
        self.openings: dict[str, Opening] = {}
        self.messages: list[Message] = []
        self.places: list[str] = []
        """Of each message, its connection."""
        self.endings: dict[str, Ending] = {}

    @property
    def opening(self) -> Opening:
        """That of the first connection."""
        return next(iter(self.openings.values()))

    def line(self, line: str) -> None:
        """One line of the notation."""
        when, who, what, *words = shlex.split(line)
        moment, _, written = when.partition("/")
        at, out = _ns(moment), _ns(written or moment)
        who, _, number = who.partition("@")
        connection = f"{int(number or 1):032x}"
        if what == "refused":
            self._open(connection, at, **_pairs(words))
            return
        if connection not in self.openings:
            self._open(connection, at, status=101)
        zero = self.openings[connection].opened_at - START
        if what == "opened":
            return
        if what == "gone":
            self.endings[connection] = Ending(t=at - zero, **_pairs(words))
            self.fold.end(connection, self.endings[connection])
            return
        fields = _close(words) if what == "close" else {"kind": "text", "text": _payload(what, words)}
        message = msgspec.convert(
            {"seq": len(self.messages), "t": at - zero, "out": out - zero, "from": who} | fields, Message
        )
        self.messages.append(message)
        self.places.append(connection)
        self.fold.feed(connection, message)

    def _open(self, connection: str, at: int, **fields: Any) -> None:
        opening = Opening(
            connection_id=connection,
            trace_id="0af7651916cd43dd8448eb211c80319c",
            span_id="b7ad6b7169203331",
            route="default",
            backend="ws://backend.example/ws",
            target="/",
            opened_at=START + at,
            peer="203.0.113.9:4711",
            **fields,
        )
        self.openings[connection] = opening
        self.fold.open(opening)


def _ns(seconds: str) -> int:
    return int(Decimal(seconds) * 10**9)


def _pairs(words: list[str]) -> dict[str, Any]:
    pairs: dict[str, Any] = dict(word.split("=", 1) for word in words)
    return {key: int(value) if key in _NUMBERS else value for key, value in pairs.items()}


def _close(words: list[str]) -> dict[str, Any]:
    code, reason = (*words, "", "")[:2]
    return {"kind": "close", "code": int(code) if code else None, "reason": reason or None}


def _payload(what: str, words: list[str]) -> str:
    return words[0] if what == "raw" else encode(_message(what, words))


def _message(what: str, words: list[str]) -> FromTwilio | FromBackend:
    match what:
        case "setup":
            pairs = _pairs(words)
            known = {name: pairs.pop(name) for name in _SETUP if name in pairs}
            return msgspec.convert({"type": what, **known, "customParameters": pairs}, Setup)
        case "prompt":
            return Prompt(words[0], "en", "last" in words[1:])
        case "text":
            return Text(words[0], "last" in words[1:], preemptible="preemptible" in words[1:] or None)
        case "dtmf":
            return Dtmf(words[0])
        case "interrupt":
            return Interrupt(words[0], int(words[1]))
        case "info":
            return Info(words[0], words[1])
        case "error":
            return Error(words[0])
        case "play":
            return Play(words[0], preemptible="preemptible" in words[1:] or None)
        case "sendDigits":
            return SendDigits(words[0])
        case "language":
            return Language(words[0])
        case "end":
            return End(words[0] if words else None)
    raise ValueError(f"no such line: {what}")
