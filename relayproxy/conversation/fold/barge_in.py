"""Interruptions (barge-in) under construction: stale text, false interruptions, recovery.

Knows: what follows an interruption and for how long it counts.
Must not know: what was playing, or how turns open.

Times are wall nanoseconds. Nothing here looks at a clock: time passes with messages.
"""

from collections.abc import Iterator
from typing import Protocol

from relayproxy.conversation.hearing.speaking_rate import USUAL
from relayproxy.conversation.hearing.speech import Speech
from relayproxy.conversation.model import Interruption, InterruptionKind, Match
from relayproxy.conversation.moment import Moment
from relayproxy.conversation.totals import milliseconds

SECOND = 1_000_000_000
DOUBT = 2 * SECOND
"""Time limit for a final prompt: an interrupt is false when none was begun within this time of it or of what was said
since."""
MAX_DOUBT = 60 * SECOND
"""How long a caller may be speaking without a final prompt before nothing more is expected."""
UNSURE = SECOND // 4
"""Margin: when the words of a prompt were begun is estimated from their length, so a false interruption is withdrawn
only when they were begun this much before the time limit."""
STOPPING = 15 * SECOND
"""Time limit for the `agentSpeaking` off that an interrupt caused; a later one is the end of other speech."""
RECOVERY = 60 * SECOND
"""Time limit for the response after an interrupt; a later one answers something else."""
STILL = SECOND
"""Stale text whose last message is older than this at the end of the session had stopped."""
REACTION_MS = 300
"""Stale speech within this time may have crossed the interrupt on its way."""


class InterruptedResponse(Protocol):
    """The response that an interrupt stopped before it had ended."""

    interruption: "InterruptionDraft | None"
    """The last interruption of it."""

    @property
    def stale(self) -> bool:
        """More of it may come, which is stale."""


class InterruptionDraft:
    """One `interrupt` frame."""

    __slots__ = (
        "_deadline",
        "attribution",
        "doubted",
        "false",
        "heard",
        "heard_ms",
        "kind",
        "last_stale_at",
        "longest_gap",
        "match",
        "moment",
        "recovery",
        "response",
        "sent",
        "speaking",
        "stale_chars",
        "stale_chunks",
        "stop",
        "turn",
        "unheard",
    )

    def __init__(self, moment: Moment, kind: InterruptionKind, heard: str, heard_ms: int | None, turn: int) -> None:
        self.moment = moment
        self.kind = kind
        self.heard = heard
        self.heard_ms = heard_ms
        self.turn = turn
        self.attribution: str = "inferred"
        self.match: Match = "none"
        self.sent = 0
        self.unheard = 0
        self.doubted: Speech | None = None
        """The speech that it stopped, when that may have been played after all; not counted in `sent`."""
        self.stale_chunks = 0
        self.stale_chars = 0
        self.last_stale_at: int | None = None
        self.longest_gap = 0
        """The longest pause within the reply so far, stale speech included."""
        self.response: InterruptedResponse | None = None
        """The response that it stopped, when more of it could still come."""
        self.false: bool | None = None if kind == "caller_speech" else False
        self.recovery: int | None = None
        self.stop: int | None = None
        self.speaking = False
        """`clientSpeaking` is on."""
        self._deadline = moment.at + DOUBT

    def stale(self, chars: int, at: int, gap: int) -> None:
        """Counts a stale text message of `chars` characters. `gap`: nanoseconds since the text before it."""
        self.longest_gap = max(self.longest_gap, gap)
        self.stale_chunks += 1
        self.stale_chars += chars
        self.last_stale_at = at

    @property
    def streams(self) -> bool:
        """Whether stale text may still come."""
        return self.response is not None and self.response.stale and self.response.interruption is self

    def ignored(self) -> bool:
        """Whether the backend went on for longer than it takes the interrupt to reach it."""
        return self.last_stale_at is not None and self.last_stale_at - self.moment.out > REACTION_MS * 1_000_000

    def speaks(self, at: int) -> None:
        """The caller speaks: moves the time limit for the final prompt."""
        self._deadline = max(self._deadline, at + DOUBT)

    def decide(self, now: int) -> bool:
        """Marks it as false once the time limit is over. Returns whether that changed it."""
        doubtful = self.false is None and not self.speaking and now > self._deadline
        if doubtful:
            self.false = True
        return doubtful

    def meant(self, at: int, begun_at: int) -> bool:
        """Decides by the first final prompt whether it was false. `begun_at`: when its words were begun, by their
        length. Returns whether that changed it."""
        before = self.false
        self.false = not (self.speaking or at <= self._deadline or begun_at <= self._deadline - UNSURE)
        return self.false is not before

    def value(self, closed_at: int | None) -> Interruption:
        """Its value as it stands. `closed_at`: when the session ended, None while it lives."""
        reaction = 0 if self.last_stale_at is None else max(0, self.last_stale_at - self.moment.out)
        last = self.last_stale_at
        sent, unheard = self._kept_unheard(closed_at)
        pause = min(STILL, self.longest_gap * 3 // 2)
        still = self.streams and closed_at is not None and last is not None and closed_at - last <= pause
        return Interruption(
            at=self.moment.at,
            kind=self.kind,
            heard_text=self.heard,
            heard_ms=self.heard_ms,
            stale_chunks=self.stale_chunks,
            stale_chars=self.stale_chars,
            attribution="exact" if self.attribution == "exact" else "inferred",
            reaction_ms=milliseconds(reaction) or 0,
            still_streaming_at_close=still,
            false_interruption=self.false,
            recovery_ms=milliseconds(self.recovery),
            stop_ms=milliseconds(self.stop),
            unheard_chars=unheard,
            unheard_ratio=round(unheard / sent, 4) if sent else None,
            match=self.match,
            connection=self.moment.connection,
            seq=self.moment.seq,
        )

    def _kept_unheard(self, closed_at: int | None) -> tuple[int, int]:
        if self.doubted is None:
            return self.sent, self.unheard
        to, basis, decided, start = self.doubted.heard(closed_at, USUAL)
        if basis == "unknown" or not decided:
            return self.sent, self.unheard
        return self.sent + self.doubted.length, self.unheard + self.doubted.length - to + start


class InterruptionTracker:
    """The interruptions of one session that later messages still change. Methods return those that they changed."""

    def __init__(self) -> None:
        self._doubtful: list[InterruptionDraft] = []
        self._recovering: list[InterruptionDraft] = []
        self._sounding: InterruptionDraft | None = None

    def begin(self, draft: InterruptionDraft, *, sounding: bool) -> None:
        """Adds an interruption. `sounding`: `agentSpeaking` was on when it came."""
        if draft.false is None:
            self._doubtful.append(draft)
        self._recovering.append(draft)
        self._sounding = draft if sounding else None

    @property
    def open(self) -> bool:
        """Whether there are any."""
        return bool(self._doubtful or self._recovering or self._sounding)

    def pass_time(self, now: int) -> Iterator[InterruptionDraft]:
        """Applies the time limits at `now`."""
        if self._doubtful:
            yield from [draft for draft in self._doubtful if draft.decide(now)]
            self._doubtful = [draft for draft in self._doubtful if now - draft.moment.at <= MAX_DOUBT]
        if self._sounding is not None and now - self._sounding.moment.at > STOPPING:
            self._sounding = None
        if self._recovering and now - self._recovering[0].moment.at > RECOVERY:
            self._recovering = [draft for draft in self._recovering if now - draft.moment.at <= RECOVERY]

    def speaks(self, at: int, on: bool | None = None) -> None:
        """The caller speaks: a partial prompt came or, with `on`, `clientSpeaking` with that value. What is heard after
        the time limit is something else that they say, which decides nothing."""
        for draft in self._doubtful:
            draft.decide(at)
            if draft.false is None:
                draft.speaks(at)
                draft.speaking = draft.speaking if on is None else on

    def prompt(self, at: int, begun_at: int) -> list[InterruptionDraft]:
        """A final prompt came. `begun_at`: when its words were begun, by their length."""
        doubtful, self._doubtful = self._doubtful, []
        return [draft for draft in doubtful if draft.meant(at, begun_at)]

    def response(self, out: int) -> list[InterruptionDraft]:
        """The first message of the next response was written to Twilio at `out`."""
        recovered, self._recovering = self._recovering, []
        for draft in recovered:
            draft.recovery = max(0, out - draft.moment.at)
        return recovered

    def sounds(self) -> None:
        """`agentSpeaking` on came: the next off ends other speech."""
        self._sounding = None

    def quiet(self, at: int, client_on_at: int | None) -> InterruptionDraft | None:
        """`agentSpeaking` off came. `client_on_at`: when `clientSpeaking` went on last."""
        draft, self._sounding = self._sounding, None
        if draft is None or draft.kind != "caller_speech" or client_on_at is None:
            return None
        draft.stop = max(0, at - client_on_at)
        return draft

    def earliest(self) -> int | None:
        """Number of the earliest turn with an interruption that can still change, None without one."""
        sounding = [] if self._sounding is None else [self._sounding]
        return min((draft.turn for draft in (*self._doubtful, *self._recovering, *sounding)), default=None)
