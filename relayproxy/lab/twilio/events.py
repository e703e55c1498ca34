"""Event log of a simulated call: what came of the agent, in the order in which the caller's side noticed it.

Knows: the names of events; which texts make one reply.
Must not know: what waits for an event, what is expected.
"""

import time
from typing import Literal

import msgspec

from relayproxy.conversation.protocol.messages import Config, End, Hints, Language, Play, SendDigits, Text
from relayproxy.conversation.protocol.messages import Event as Received
from relayproxy.lab.twilio.notifier import Notifier

EventName = Literal[
    "text",
    "play",
    "sendDigits",
    "language",
    "end",
    "config",
    "hints",
    "speech_started",
    "speech_ended",
    "interrupt",
    "error",
]
"""The backend's messages, `text` for a whole reply; the agent's voice as it begins and ends; Twilio's `interrupt` and
`error`."""


SOUNDS = frozenset({"text", "play", "sendDigits"})
"""What the caller hears of the backend."""


class Event:
    """Something that happened in the call."""

    __slots__ = ("_texts", "at", "name", "over")

    def __init__(self, name: EventName, at: int, text: str, over: bool = True) -> None:
        self.name = name
        self.at = at
        """`time.monotonic_ns`. Of a reply: when its first speakable text came."""
        self.over = over
        """False for a reply that can still grow."""
        self._texts = [text]

    @property
    def text(self) -> str:
        """A reply so far; the source of `play`; digits; codes of languages; handoff data; what was heard before an
        interruption; the description of an error."""
        if len(self._texts) > 1:
            self._texts = ["".join(self._texts)]
        return self._texts[0]

    def grow(self, token: str) -> None:
        """Adds a token to a reply. Nothing is copied before somebody reads it: there can be very many."""
        self._texts.append(token)


class EventLog:
    """All events of a call, across its sessions. The notifier rings after every change."""

    def __init__(self) -> None:
        self.notifier = Notifier()
        self.events: list[Event] = []
        self.last_sound = -1
        """The place of the last of `SOUNDS`; -1 without any."""
        self._reply: Event | None = None
        """The reply that the next text belongs to; not listed before it has something to be spoken."""
        self._reply_at: int | None = None
        """Its place, once it is listed."""

    def reply_open(self, since: int) -> bool:
        """Whether a reply that began at this place or later can still grow."""
        return self._reply_at is not None and self._reply_at >= since

    def add(self, name: EventName, text: str = "") -> None:
        """Adds an event that is no reply."""
        self._append(Event(name, time.monotonic_ns(), text))
        self.notifier.notify()

    def receive(self, message: Received) -> None:
        """Adds what a valid message of the backend is."""
        match message:
            case Text(token):
                self._say(token, last=message.last is True)
            case Play(source):
                self.close_reply()
                self.add("play", source)
            case SendDigits(digits):
                self.close_reply()
                self.add("sendDigits", digits)
            case Language(tts, transcription):
                self.add("language", " ".join(dict.fromkeys(code for code in (tts, transcription) if code)))
            case End():
                self.close_reply()
                self.add("end", handoff_text(message) or "")
            case Config():
                self.add("config")
            case Hints():
                self.add("hints")

    def close_reply(self) -> None:
        """Takes that the reply does not go on: what comes next belongs to another."""
        if self._reply is not None:
            self._reply.over = True
            self._reply = self._reply_at = None
            self.notifier.notify()

    def _say(self, token: str, *, last: bool) -> None:
        reply = self._reply or Event("text", 0, "", over=False)
        self._reply = reply
        reply.grow(token)
        if not reply.at and token.strip():
            reply.at = time.monotonic_ns()
            self._reply_at = len(self.events)
            self._append(reply)
        self.notifier.notify()
        if last:
            self.close_reply()

    def _append(self, event: Event) -> None:
        if event.name in SOUNDS:
            self.last_sound = len(self.events)
        self.events.append(event)


def handoff_text(message: End) -> str | None:
    """The handoff data of `end` as Twilio passes it on; None without any."""
    data = message.handoff_data
    if data is None or data is msgspec.UNSET:
        return None
    return data if isinstance(data, str) else msgspec.json.encode(data).decode()
