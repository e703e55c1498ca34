"""A stretch of speech at Twilio: what was sent in one go, how far it was played, how much of it was heard.

Knows: words and offsets within its own text; what cut it off.
Must not know: the queue that it waits in, turns, what else was sent.

Times are wall nanoseconds. Positions (`played`) are in the normalised words, offsets in the text as sent.
"""

import re
from typing import Literal, NamedTuple, Protocol

from relayproxy.conversation.model import HeardBasis, Match
from relayproxy.text import MASKED_DIGIT, MASKED_LETTER

MAX_SOUGHT = 1000
"""Most characters of an utterance that are looked for; Twilio's TTS chunks are clauses."""
_WORD = re.compile(rf"(?:[^\W_]|[{MASKED_DIGIT}{MASKED_LETTER}])+")


def words(text: str) -> str:
    """The words of a text in lower case, each with one space before it, so that punctuation and spacing do not
    matter."""
    return "".join(f" {word.casefold()}" for word in _WORD.findall(text))


class Truncation(NamedTuple):
    """Why the rest of a stretch was never played: an interrupt, or a later message that pre-empted it."""

    kind: Literal["interrupt", "preempt"]
    at: int
    to: int
    """Offset in the text up to which it was heard."""
    basis: HeardBasis
    exact: bool = False
    """Of a pre-emption: Twilio's own report shows it."""


class Heard(NamedTuple):
    """How much of a stretch was heard, as offsets in its text."""

    to: int
    basis: HeardBasis
    decided: bool
    """What lies beyond `to` will never be heard."""
    start: int = 0
    """Offset before which nothing was heard."""


class SpeechOwner(Protocol):
    """The response that a stretch belongs to."""

    def invalidate(self) -> None:
        """Marks what was derived from the stretch as outdated."""


class Speech:
    """Text (or media, which has no words) between two interrupts, of one response."""

    __slots__ = (
        "_chunks",
        "_normalised",
        "_words",
        "announced",
        "begin_at",
        "cut",
        "doubted_at",
        "end_at",
        "inputs",
        "last_at",
        "length",
        "media",
        "off_at",
        "over",
        "owner",
        "played",
        "played_at",
        "preemptible",
        "queued",
        "quiet_at",
        "reported",
        "sent_at",
        "skipped",
        "sound_at",
        "unmatched",
    )

    def __init__(self, owner: SpeechOwner) -> None:
        self.owner = owner
        self._chunks: list[str] = []
        self.length = 0
        """Characters."""
        self.media = False
        self.preemptible = False
        self.inputs = 0
        """Number of prompts and keys that were to be answered when its last message came."""
        self.last_at = 0
        """When its last message had been read."""
        self.sent_at = 0
        """When its first speakable message had been written to Twilio."""
        self.quiet_at = 0
        """Latest time at which it may be heard."""
        self.begin_at = 0
        self.end_at = 0
        """When it is expected to have been heard, at the speaking rate seen so far."""
        self.queued = False
        self.over = False
        """Twilio said that it had stopped speaking after this had been sent."""
        self.sound_at: int | None = None
        """`agentSpeaking` on."""
        self.off_at: int | None = None
        """When its last sound is known to have been: `agentSpeaking` off after it, or its last `tokensPlayed` where
        something else was played after it."""
        self.reported = False
        """Twilio reports what it plays, and this can be told from it."""
        self.announced = False
        """Twilio says when it begins to speak."""
        self.doubted_at: int | None = None
        """An interrupt came so soon after it had been sent that Twilio may have discarded it unheard."""
        self.skipped = 0
        """How far into `words()` it was discarded before the rest of it, which had been on its way, was played."""
        self.played = 0
        """How far into `words()` it is known to have been played."""
        self.played_at = 0
        """When that was told last."""
        self.unmatched = 0
        """Length of what was reported as played since, and reads otherwise than what was sent."""
        self.cut: Truncation | None = None
        self._words = ""
        self._normalised = 0

    def add(self, token: str) -> None:
        """Appends a token."""
        self._chunks.append(token)
        self.length += len(token)

    def text(self) -> str:
        """All tokens as sent; halves of surrogate pairs are not joined."""
        if len(self._chunks) > 1:
            self._chunks[:] = ["".join(self._chunks)]
        return self._chunks[0] if self._chunks else ""

    def words(self) -> str:
        """The normalised words of `text()`; only what is new is normalised."""
        text = self.text()
        known = self._normalised
        if known < len(text):
            fresh = words(text[known:])
            goes_on = known > 0 and _in_word(text[known - 1]) and _in_word(text[known])
            self._words += fresh[1:] if goes_on else fresh
            self._normalised = len(text)
        return self._words

    def find(self, heard: str, near: float) -> tuple[int, Match]:
        """Where in `words()` the words `heard` end, from `played` on, nearest to `near`; position 0 for no match.

        Without an exact match, the longest beginning of at least half of them counts as `fuzzy`.
        """
        every = self.words()
        match: Match = "exact"
        sought = heard = heard[:MAX_SOUGHT]
        while sought:
            ends = [at + len(sought) for at in _occurrences(every, sought, max(0, self.played - len(sought)))]
            if ends:
                return min(ends, key=lambda end: abs(end - near)), match
            sought, match = sought[: sought.rfind(" ")], "fuzzy"
            if 2 * sought.count(" ") < heard.count(" "):
                break
        return 0, "none"

    def done(self) -> bool:
        """Whether every word is known to have been played."""
        return self.played + self.unmatched >= len(self.words())

    def offset(self, position: int) -> int:
        """The offset in the text of a position in `words()`; at a word's end its punctuation belongs to it."""
        text, every = self.text(), self.words()
        if position >= len(every):
            return self.length
        count = every.count(" ", 0, position)
        if count == 0:
            return 0
        runs = _WORD.finditer(text)
        word = next(run for number, run in enumerate(runs, 1) if number == count)
        if every[position] != " ":
            return min(word.end(), word.start() + position - every.rfind(" ", 0, position) - 1)
        end = word.end()
        while end < len(text) and not text[end].isspace() and not _in_word(text[end]):
            end += 1
        return end

    def estimate(self, at: int, rate: float) -> int:
        """The offset that speech at `rate` characters a second has reached at a time, at a word's end."""
        if at >= self.end_at:
            return self.length
        chars = self.length - round((self.end_at - at) / 1e9 * rate)
        if chars <= 0 or at <= self.begin_at:
            return 0
        text = self.text()
        while 0 < chars < self.length and not text[chars].isspace():
            chars -= 1
        return chars

    @property
    def unsounded(self) -> bool:
        """Whether it may have been discarded before its first sound, and no sound of it is known."""
        return self.doubted_at is not None and self.sound_at is None and not self.played

    @property
    def may_be_playing(self) -> bool:
        """Whether nothing cut it off, shows that it is over, or discarded it."""
        return self.cut is None and not self.over and not self.unsounded

    def known_by(self, otherwise: HeardBasis) -> HeardBasis:
        """The basis on which it is known what was heard: `tokens_played` where Twilio reports it, else `otherwise`."""
        return "tokens_played" if self.reported else otherwise

    def heard(self, closed_at: int | None, rate: float) -> Heard:
        """How much was heard, as known now. `closed_at`: when the call ended, None while it lives; `rate`: characters a
        second."""
        if self.cut is not None:
            return Heard(self.cut.to, self.cut.basis, True)
        if self.unsounded and not self.reported:
            gone = self.announced and (closed_at is not None or not self.queued)
            return Heard(0, "interrupt" if self.announced else "unknown", gone)
        if self.doubted_at is not None and not self.reported and self.last_at > self.sent_at:
            # Its first texts may have been discarded before what sounded then.
            return Heard(0, "unknown", False)
        if self.reported:
            decided = closed_at is not None or not self.queued
            return Heard(self.offset(self.reached()), "tokens_played", decided, self.offset(self.skipped))
        if closed_at is not None and self.end_at > closed_at and not self.over:
            return Heard(self.estimate(closed_at, rate), "estimated", True)
        return Heard(self.length, "all", True)

    def reached(self) -> int:
        """How far into `words()` Twilio has reported it as played, counting by length what reads otherwise."""
        every, position = self.words(), self.played + self.unmatched
        at = every.find(" ", position) if self.unmatched else position
        return at if at >= 0 else len(every)


def _in_word(character: str) -> bool:
    return character.isalnum() or character in (MASKED_DIGIT, MASKED_LETTER)


def _occurrences(text: str, sought: str, start: int) -> list[int]:
    found: list[int] = []
    at = text.find(sought, start)
    while at >= 0:
        found.append(at)
        at = text.find(sought, at + 1)
    return found
