"""Restaurant dialogue of the demo agent: understands bookings and decides what to say.

Knows: what to do next about what a caller said or pressed.
Must not know: messages, timing, sockets.
"""

import json
import random
import re

import msgspec

from relayproxy.lab.agent.phrases import CODES, INTENTS, PHRASES, SpokenLanguage, slots

HOLD_MUSIC = "https://example.com/hold.mp3"
KITCHEN = "1ww23#"
SLOW_MS = 2600
"""As long as the look-up takes that makes a slow turn."""


class Speak(msgspec.Struct, frozen=True):
    text: str


class Announcement(msgspec.Struct, frozen=True):
    source: str


class Keypad(msgspec.Struct, frozen=True):
    """Send key tones."""

    digits: str


class Switch(msgspec.Struct, frozen=True):
    """Speak and listen in another language."""

    code: str


class Ponder(msgspec.Struct, frozen=True):
    """Take time, as for a look-up."""

    ms: int


class Leave(msgspec.Struct, frozen=True):
    """End the session; `handoff` is a JSON text."""

    handoff: str


class Crash(msgspec.Struct, frozen=True):
    """Break down behind these words: the connection is gone, without `last: true` and without a close frame."""

    text: str


Act = Speak | Announcement | Keypad | Switch | Ponder | Leave | Crash

_KEYS = {"2": "hours", "3": "specials", "4": "kitchen", "9": "es", "0": "person", "*": "menu", "#": "goodbye"}


class Dialogue:
    """One caller's conversation. The same `rng` and the same words give the same answers."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._language: SpokenLanguage = "en"
        self._booking: dict[str, str] = {}
        self._asked: str | None = None

    def greet(self) -> list[Act]:
        """The greeting, before the caller has said anything."""
        return [self._speak("greeting")]

    def resume(self) -> list[Act]:
        """What is said when the call is connected again."""
        return [self._speak("resumed")]

    def hear(self, text: str) -> list[Act]:
        """The agent's reaction to an utterance."""
        for intent, pattern in INTENTS:
            if re.search(pattern, text, re.IGNORECASE):
                return self._intent(intent)
        found = slots(text, self._asked)
        wants_table = re.search(r"table|book|reserv|mesa", text, re.IGNORECASE) is not None
        if not found and not wants_table:
            return [self._speak("unknown")]
        self._booking |= found
        return [self._next_question()]

    def press(self, digit: str) -> list[Act]:
        """The agent's reaction to a key."""
        if digit == "1":
            return [self._next_question()]
        return self._intent(_KEYS.get(digit, "menu"))

    def _intent(self, intent: str) -> list[Act]:
        match intent:
            case "person":
                return [self._speak("person"), self._leave("live-agent", "caller asked for a person")]
            case "goodbye":
                reason = "booked" if "name" in self._booking else "goodbye"
                return [self._speak("goodbye"), self._leave(reason, "caller said goodbye")]
            case "en" | "es":
                self._language = "en" if intent == "en" else "es"
                return [Switch(CODES[self._language]), self._speak("switched")]
            case "hold":
                return [self._speak("hold"), Announcement(HOLD_MUSIC), Ponder(3000), self._speak("held")]
            case "kitchen":
                return [self._speak("kitchen"), Keypad(KITCHEN)]
            # What goes wrong with real agents: a slow tool, a question that is dropped, an error that nobody handles.
            case "allergies":
                return [Ponder(SLOW_MS), self._speak("allergies")]
            case "parking":
                return []
            case "invoice":
                return [Crash(self._speak("invoice").text)]
            case "your_name" if "name" not in self._booking:
                self._asked = "name"
                return [self._speak("ask_name")]
        return [self._speak(intent)]

    def _next_question(self) -> Act:
        for slot in ("party", "day", "time", "name"):
            if slot not in self._booking:
                self._asked = slot
                return self._speak(f"ask_{slot}")
        self._asked = None
        return self._speak("booked")

    def _speak(self, phrase: str) -> Speak:
        return Speak(self._rng.choice(PHRASES[self._language][phrase]).format_map(self._booking))

    def _leave(self, code: str, reason: str) -> Leave:
        data = {"reasonCode": code, "reason": reason, "booking": self._booking}
        return Leave(json.dumps(data, ensure_ascii=False, separators=(",", ":")))
