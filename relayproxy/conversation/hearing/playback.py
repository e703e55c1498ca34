"""The playback queue at Twilio: which stretch of speech an event belongs to, and what was never heard.

Knows: that Twilio plays in order, throws its queue away at an interrupt, lets a new response cut off a preemptible
one, and says little about any of it.
Must not know: how turns open and close.

A stretch stays here while it may be audible: until `tokensPlayed` of a later one, `agentSpeaking` off, an interrupt,
or the time its text takes at a slow speaking rate. What was heard is estimated at the rate seen in the call.
Times are wall nanoseconds.
"""

from typing import NamedTuple

from relayproxy.conversation.hearing.interruption_attribution import (
    GREETING,
    ROUND_TRIP,
    Evidence,
    Source,
    attribute_interruption,
    crossing,
    may_be_heard,
)
from relayproxy.conversation.hearing.speaking_rate import SpeakingRate
from relayproxy.conversation.hearing.speech import Speech, Truncation, words
from relayproxy.conversation.model import Attribution, HeardBasis, Match

SECOND = 1_000_000_000
GRACE = 2 * SECOND
"""Time after its last audible moment during which a message may still refer to a stretch."""
START = SECOND
PROMPT_START = 600_000_000
"""Time from text to its first sound, with nothing before it, after which doubtful speech counts as discarded."""
LAG = 350_000_000
"""From text written to Twilio until it is heard: 250 to 490 ms on recorded calls."""
ENDING = 100_000_000
"""Time before an interrupt within which `agentSpeaking` off is a part of it."""
PER_CHARACTER = 120_000_000
"""Slow speech, so that a stretch is given up late rather than early."""
PER_MEDIA = 600 * SECOND
MAX_QUEUE = 64


class InterruptionEffect(NamedTuple):
    """The effect of an interrupt. `source` is None when it cannot be told what was playing."""

    source: Source | None
    attribution: Attribution
    match: Match
    sent: int
    """Characters of the stretches that it cut off."""
    unheard: int
    """Those of them that were not heard."""
    doubted: Speech | None
    """The source, when it may still be played after all; not counted in `sent`."""


class Playback:
    """The playback queue of one session, as far as it can be known from the messages."""

    def __init__(self) -> None:
        self.rate = SpeakingRate()
        self.reports = False
        """Whether `tokensPlayed` comes in this call."""
        self.on = False
        """The last value of `agentSpeaking`."""
        self._off_at: int | None = None
        """When it went off last."""
        self._announces = False
        """Whether `agentSpeaking` comes in this call."""
        self._queue: list[Speech] = []
        self._quiet_at = 0
        self._expected_at = 0
        self._prune_at: int | None = None
        self._playing: Source | None = None
        """What the last `tokensPlayed` was part of."""
        self._greeting = False
        """Whether the greeting of the TwiML is known to be playing."""
        self._greeting_over = False
        """Whether the greeting has ended, if there was one."""
        self._greeted = ""
        """Normalised words of the greeting, as far as they were played."""
        self._first_sent_at: int | None = None
        self.changes = 0
        """How often something was sent or became audible."""

    @property
    def greeting(self) -> bool:
        """The greeting is known to be playing."""
        return self._greeting

    @property
    def expected_at(self) -> int:
        """When all that was sent is expected to have been heard."""
        return self._expected_at

    def pass_time(self, now: int) -> None:
        """Drops what can no longer be heard at `now`."""
        if self._prune_at is not None and now > self._prune_at:
            self._prune(now)

    def sent(self, speech: Speech, at: int, chars: int | None) -> None:
        """Adds a message of `chars` characters, or None for media, that was written at `at`."""
        self.changes += 1
        if self._first_sent_at is None:
            self._first_sent_at = at
        fresh = not speech.queued
        if fresh:
            self._prune(at)
            if speech.sent_at == at:
                self._preempt(speech, at)
            if len(self._queue) == MAX_QUEUE:
                self._give_up(self._queue.pop(0))
            self._queue.append(speech)
            speech.queued = True
        self._quiet_at = max(self._quiet_at, at + START) + (PER_MEDIA if chars is None else chars * PER_CHARACTER)
        speech.quiet_at = self._quiet_at
        expected = max(self._expected_at, at + LAG)
        if not speech.begin_at:
            speech.begin_at = expected
        self._expected_at = speech.end_at = expected + round((chars or 0) / self.rate.value * SECOND)
        speech.over, speech.off_at = False, None
        speech.announced = speech.announced or self._announces
        speech.reported = speech.reported or (self.reports and not speech.media)
        if fresh:  # else it is to be heard for longer than was planned with
            self._plan_pruning()

    def agent_speaking(self, on: bool, at: int) -> Speech | None:
        """Handles `agentSpeaking`. Returns the stretch that has become audible, when one has."""
        self.on = on
        self.rate.begin(at if on else None)
        if not self._announces:
            self._announces = True
            for speech in self._queue:
                speech.announced = True
                speech.owner.invalidate()
        if not on:
            self._off_at = at
            self._greeting, self._greeting_over = False, True
            surviving = [s for s in self._queue if at - s.last_at < ROUND_TRIP]
            for speech in self._queue:
                if speech not in surviving and not speech.over:
                    speech.over = True
                    speech.off_at = (speech.off_at or at) if speech.cut is None else None
                    speech.owner.invalidate()
            self._fall_silent(at, surviving)
            return None
        self.changes += 1
        self._greeting = self._greeting or self._first_sent_at is None
        begun = None if self._greeting else self._begun(at)
        if begun is not None:
            self._discard(begun)
            self._shift(begun, at)
            begun.sound_at = at
            begun.owner.invalidate()
        return begun

    def tokens_played(self, text: str, at: int) -> bool:
        """Handles `tokensPlayed`. Returns True when the text was part of the greeting."""
        self._prune(at)
        self.rate.played(len(text), at)
        if not self.reports:
            self.reports = True
            for speech in self._queue:
                speech.reported = not speech.media
                if speech.cut is not None and speech.cut.basis == "estimated":
                    # Had some of it been played, Twilio would have said so then.
                    speech.cut = speech.cut._replace(to=speech.offset(speech.played), basis="tokens_played")
                speech.owner.invalidate()
        heard = words(text)
        if self._first_sent_at is None:
            self._greeting, self._playing = True, GREETING
            self._greeted += heard
            return True
        for speech in sorted(self._queue, key=_unlikely) if heard else ():
            if self._greeting and crossing(speech, at):
                continue
            found = speech.words().find(heard, speech.played)
            if found >= 0:
                if speech.unsounded or (speech.doubted_at is not None and not speech.played):
                    speech.skipped = found
                self._played(speech, found + len(heard), at)
                return False
        if self._greeting:
            self._playing = GREETING
            self._greeted += heard
            return True
        # It reads otherwise than what was sent, so it is of what is being played.
        sounding = next((s for s in self._queue if s.may_be_playing and not s.done()), None)
        if heard and sounding is not None and not crossing(sounding, at):
            self._playing = sounding
            sounding.unmatched += len(heard)
            sounding.owner.invalidate()
        return False

    def caller_spoke(self) -> None:
        """Handles a final prompt: the greeting is over, unless speaker events tell otherwise."""
        if not self._announces:
            self._greeting = False
            self._playing = None if self._playing is GREETING else self._playing

    def interrupted(
        self, heard: str, heard_ms: int | None, caused_at: int, at: int, *, thinking: bool
    ) -> InterruptionEffect:
        """What an interrupt stopped and how sure that is. Empties the queue.

        `caused_at`: when what caused it is known to have happened; what was sent after that cannot be it. `thinking`:
        the caller has asked before that, and nothing has been answered.
        """
        self._prune(at)
        known = Evidence(
            at=at,
            heard=words(heard),
            silent=not heard and heard_ms == 0,
            caused_at=caused_at,
            thinking=thinking,
            sounding=self._sounding(at),
            playing=self._playing,
            greeting=self._greeting,
            greeted=self._greeted,
            greeting_possible=self.greeting_possible(at) and not self._greeting_over,
        )
        source, attribution = attribute_interruption([s for s in self._queue if s.cut is None], known)
        self._greeting, self._greeting_over = False, True
        self.rate.begin(None)
        surviving = [s for s in self._queue if self._may_survive(s, source, known)]
        for speech in surviving:
            if speech.cut is None and speech.sent_at <= caused_at:
                speech.doubted_at = at
                speech.owner.invalidate()
        match, sent, unheard = self._cut(source, known, surviving)
        self._fall_silent(at, surviving)
        doubted = source if isinstance(source, Speech) and source in surviving else None
        return InterruptionEffect(source, attribution, match, sent, unheard, doubted)

    def earliest(self) -> tuple[Speech, ...]:
        """The stretches that can still change."""
        return tuple(self._queue)

    def greeting_possible(self, now: int) -> bool:
        """Whether an interrupt at `now` could still belong to the greeting."""
        return self._first_sent_at is None or self._greeting or now - self._first_sent_at < ROUND_TRIP

    def clipped(self, at: int) -> int:
        """Number of characters that would never be heard if the call ended at `at`."""
        pending = [s for s in self._queue if s.cut is None and not s.over and not s.unsounded]
        return sum(s.length - s.heard(at, self.rate.value).to for s in pending)

    def _played(self, speech: Speech, position: int, at: int) -> None:
        speech.played, speech.unmatched, speech.played_at = position, 0, at
        self._greeting, self._playing = False, speech
        if speech.cut is not None and speech.cut.kind == "preempt":
            cut = speech.cut._replace(to=speech.offset(position), basis="tokens_played")
            speech.cut = None if speech.done() else cut
        speech.owner.invalidate()
        self._discard(speech)
        for earlier in self._queue[: self._queue.index(speech)]:
            earlier.quiet_at = min(earlier.quiet_at, at)
            # Twilio plays in order: what was begun and is not finished by now was dropped.
            begun = earlier.preemptible or (earlier.played > 0 and earlier.unmatched == 0)
            if earlier.cut is not None and earlier.cut.kind == "preempt":
                earlier.cut = earlier.cut._replace(exact=True, to=earlier.offset(earlier.played), basis="tokens_played")
                earlier.owner.invalidate()
            elif earlier.cut is None and begun and not earlier.over and not earlier.done():
                earlier.cut = Truncation(
                    "preempt", speech.sent_at, earlier.offset(earlier.played), "tokens_played", exact=True
                )
                earlier.owner.invalidate()
            elif earlier.cut is None and earlier.played and earlier.done() and earlier.off_at is None:
                earlier.off_at = earlier.played_at
                earlier.owner.invalidate()
        self._plan_pruning()

    def _preempt(self, by: Speech, at: int) -> None:
        """A new response cuts off what is marked as preemptible and is still to be heard."""
        for speech in self._queue:
            wanted = speech.preemptible and speech.owner is not by.owner and speech.cut is None and not speech.over
            if wanted and speech.end_at > at and not (speech.reported and speech.done()):
                speech.cut = Truncation("preempt", at, self._expected(speech, at), speech.known_by("estimated"))
                if not speech.reported:
                    # Else Twilio will tell how far it came.
                    speech.quiet_at = min(speech.quiet_at, at)
                speech.owner.invalidate()
        self._expected_at = max((s.end_at for s in self._queue if s.may_be_playing), default=at)

    def _begun(self, at: int) -> Speech | None:
        """The stretch that becomes audible at `at`: the first one that waits, unless an interrupt discarded it."""
        waiting = [s for s in self._queue if s.cut is None and s.sound_at is None and not s.over]
        later = [s for s in waiting if s.doubted_at is None and may_be_heard(s, at)]
        for speech in waiting:
            if speech.doubted_at is None or at - speech.sent_at <= PROMPT_START or not later:
                return speech
        return None

    def _discard(self, heard: Speech) -> None:
        """Twilio plays in order: what waited before this one and was never heard had been discarded."""
        for speech in self._queue[: self._queue.index(heard)]:
            sounded = speech.played or speech.over or (speech.sound_at is not None and not speech.reported)
            if speech.doubted_at is not None and speech.cut is None and not sounded:
                if heard.sound_at is None:
                    heard.sound_at, speech.sound_at = speech.sound_at, None
                speech.cut = Truncation("interrupt", speech.doubted_at, 0, speech.known_by("interrupt"))
                speech.owner.invalidate()

    def _sounding(self, at: int) -> bool | None:
        """Whether something is being played; None when no event tells."""
        if not self._announces:
            return True if isinstance(self._playing, Speech) and not self._playing.done() else None
        return self.on or self._playing is not None or at - (self._off_at or 0) <= ENDING

    def _may_survive(self, speech: Speech, source: Source | None, known: Evidence) -> bool:
        """Whether it may still be played after an interrupt."""
        if speech is source:
            return known.silent and speech.sound_at is None and known.at - speech.last_at < ROUND_TRIP
        return crossing(speech, known.at)

    def _cut(self, source: Source | None, known: Evidence, surviving: list[Speech]) -> tuple[Match, int, int]:
        match: Match = "exact" if source is GREETING and known.heard and known.heard in self._greeted else "none"
        sent = unheard = 0
        before = isinstance(source, Speech)
        for speech in self._queue:
            before = before and speech is not source
            if speech.cut is not None or before or speech in surviving:
                continue
            to, basis = 0, speech.known_by("interrupt")
            if speech is source:
                to, basis, match = self._reached(speech, known)
            elif speech.over or speech.unsounded:
                continue
            elif source is None:
                to, basis = self._expected(speech, known.at), speech.known_by("estimated")
                if to == speech.length:
                    continue
            speech.cut = Truncation("interrupt", known.at, to, basis)
            sent += speech.length
            unheard += speech.length - to
            speech.owner.invalidate()
        return match, sent, unheard

    def _reached(self, speech: Speech, known: Evidence) -> tuple[int, HeardBasis, Match]:
        """How far a stretch was heard that an interrupt stopped."""
        estimate = speech.estimate(known.at, self.rate.value)
        share = estimate / max(1, speech.length)
        end, match = speech.find(known.heard, max(speech.played, share * len(speech.words())))
        if known.heard and speech.words()[: speech.played].endswith(known.heard):
            # Twilio reports what was played just before it says that it was interrupted.
            end, match = speech.played, "exact"
        if speech.played or (speech.reported and match == "none"):
            return speech.offset(max(end, speech.reached())), "tokens_played", match
        if match != "none":
            return speech.offset(end), "interrupt", match
        return (0, "interrupt", match) if known.silent else (estimate, "estimated", match)

    def _expected(self, speech: Speech, at: int) -> int:
        """How far a stretch was heard by then, by what Twilio reported or else by the speaking rate."""
        return speech.offset(speech.played) if speech.reported else speech.estimate(at, self.rate.value)

    def _shift(self, speech: Speech, at: int) -> None:
        """Moves the expected times of a stretch that began at `at`, and of those after it."""
        late = at - speech.begin_at
        for later in self._queue[self._queue.index(speech) :]:
            later.begin_at += late
            later.end_at += late
            later.owner.invalidate()
        self._expected_at += late

    def _fall_silent(self, at: int, surviving: list[Speech]) -> None:
        """Ends everything but what may still have been on its way (`surviving`)."""
        self._playing = None
        self._quiet_at = max((s.quiet_at for s in surviving), default=at)
        self._expected_at = max((s.end_at for s in surviving if not s.unsounded), default=at)
        for speech in self._queue:
            if speech not in surviving:
                speech.quiet_at = min(speech.quiet_at, at)
        self._plan_pruning()

    def _prune(self, now: int) -> None:
        over = [s for s in self._queue if s.quiet_at + GRACE < now]
        if over:
            self._queue = [s for s in self._queue if s not in over]
            for speech in over:
                self._give_up(speech)
        self._plan_pruning()

    def _plan_pruning(self) -> None:
        self._prune_at = min(s.quiet_at for s in self._queue) + GRACE if self._queue else None

    def _give_up(self, speech: Speech) -> None:
        speech.queued = False
        if self._playing is speech:
            self._playing = None
        speech.owner.invalidate()


def _unlikely(speech: Speech) -> bool:
    """Whether a report of played words more likely belongs to another stretch with the same words."""
    return speech.over or (speech.cut is not None and speech.cut.kind == "interrupt")
