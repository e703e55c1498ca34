"""What the caller may be hearing: which response an interrupt belongs to.

Knows: that Twilio plays in order, throws its queue away at an interrupt, and says little about either.
Must not know: how turns open and close.

A response stays here while it may be audible: until `tokensPlayed` of a later one, `agentSpeaking` off, an
interrupt, or the time its text takes at a slow speaking rate. Times are wall nanoseconds.
"""

from typing import Final, Literal

from relayproxy.conversation.turns import Response, words

SECOND = 1_000_000_000
ROUND_TRIP = 300_000_000
"""What was sent less than this before an event at Twilio may have crossed it on the way."""
GRACE = 2 * SECOND
"""How long after its last audible moment a response may still be named by a message."""
START = SECOND
PER_CHARACTER = 120_000_000
"""Slow speech, so that a response is given up late rather than early."""
PER_MEDIA = 600 * SECOND
MAX_QUEUE = 64

GREETING: Final = "greeting"
Source = Response | Literal["greeting"]
Attribution = Literal["exact", "inferred"]


class Playback:
    """The queue at Twilio, as far as it can be known from the messages."""

    def __init__(self) -> None:
        self._queue: list[Response] = []
        self._quiet_at = 0
        self._playing: Source | None = None
        """What the last `tokensPlayed` was part of."""
        self._greeting = False
        """The greeting of the TwiML is known to be playing."""
        self._first_sent_at: int | None = None

    def sent(self, response: Response, at: int, duration: int) -> None:
        """The backend sent `duration` worth of speech."""
        if self._first_sent_at is None:
            self._first_sent_at = at
        self._quiet_at = max(self._quiet_at, at + START) + duration
        response.quiet_at = self._quiet_at
        if not response.queued:
            self._prune(at)
            if len(self._queue) == MAX_QUEUE:
                self._queue.pop(0).queued = False
            self._queue.append(response)
            response.queued = True

    def agent_speaking(self, on: bool, at: int) -> None:
        """`agentSpeaking` came."""
        if on:
            self._greeting = self._greeting or self._first_sent_at is None
        else:
            self._greeting = False
            self._hush(at, [r for r in self._queue if at - r.last_at < ROUND_TRIP])

    def tokens_played(self, text: str, at: int) -> bool:
        """`tokensPlayed` came. True when the text was part of the greeting."""
        self._prune(at)
        if self._first_sent_at is None:
            self._greeting, self._playing = True, GREETING
            return True
        heard = words(text)
        for response in self._queue:
            if self._greeting and self._recent(response, at):
                continue
            found = response.words().find(heard, response.played) if heard else -1
            if found >= 0:
                response.played = found + len(heard)
                for earlier in self._queue[: self._queue.index(response)]:
                    earlier.quiet_at = min(earlier.quiet_at, at)
                self._greeting, self._playing = False, response
                return False
        if self._greeting:
            self._playing = GREETING
        return self._greeting

    def interrupted(self, heard: str, caused_at: int, at: int) -> tuple[Source | None, Attribution]:
        """What an interrupt stopped (None: cannot be told) and how sure that is. Empties the queue.

        `caused_at`: when what caused it is known to have happened; what was sent after that cannot be it.
        """
        self._prune(at)
        source, attribution = self._stopped(words(heard), caused_at, at)
        self._greeting = False
        self._hush(at, [r for r in self._queue if r is not source and self._recent(r, at)])
        return source, attribution

    def unsettled(self, now: int) -> int | None:
        """Number of the earliest turn that an interrupt could still belong to."""
        if self._first_sent_at is None or self._greeting or now - self._first_sent_at < ROUND_TRIP:
            return 0
        return min((r.turn.number for r in self._queue if r.turn and r.quiet_at + GRACE >= now), default=None)

    def _stopped(self, heard: str, caused_at: int, at: int) -> tuple[Source | None, Attribution]:
        settled = [r for r in self._queue if not self._recent(r, at)]
        audible = [r for r in settled if r.quiet_at >= at]
        lingering = [r for r in settled if r.quiet_at < at]
        recent = [r for r in self._queue if self._recent(r, at)]
        matches = [r for r in self._queue if heard and heard in r.words()]
        if self._playing is GREETING or (isinstance(self._playing, Response) and self._playing in matches):
            return self._playing, "exact"
        for pool in (audible, lingering):
            for response in reversed(pool):
                if response in matches:
                    return response, "exact" if len(matches) == 1 and pool is audible else "inferred"
        if self._playing is not None:
            return self._playing, "inferred"
        if self._greeting:
            return GREETING, "inferred"
        if audible:
            asks = max(r.asks for r in audible)
            return next(r for r in audible if r.asks == asks), "inferred"
        if lingering:
            return lingering[-1], "inferred"
        if len(matches) == 1 and matches[0].sent_at < caused_at:
            return matches[0], "inferred"
        if self._first_sent_at is None or at - self._first_sent_at < ROUND_TRIP:
            return GREETING, "inferred"
        return (recent[-1] if recent else None), "inferred"

    def _recent(self, response: Response, at: int) -> bool:
        return at - response.sent_at < ROUND_TRIP

    def _hush(self, at: int, spared: list[Response]) -> None:
        """Silence: everything is over but what may still have been on its way."""
        self._playing = None
        self._quiet_at = max((r.quiet_at for r in spared), default=at)
        for response in self._queue:
            if response not in spared:
                response.quiet_at = min(response.quiet_at, at)

    def _prune(self, now: int) -> None:
        for response in self._queue:
            response.queued = response.quiet_at + GRACE >= now
        if not all(r.queued for r in self._queue):
            self._queue = [r for r in self._queue if r.queued]
