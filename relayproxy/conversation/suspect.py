"""Which stretch of speech an interrupt stopped.

Knows: the evidence there is, and how much each piece of it weighs.
Must not know: what follows from it.

Times are wall nanoseconds.
"""

from collections.abc import Sequence
from typing import Final, Literal

from relayproxy.conversation.speech import Speech

ROUND_TRIP = 300_000_000
"""What was sent less than this before an event at Twilio may have crossed it on the way."""
GREETING: Final = "greeting"
Source = Speech | Literal["greeting"]
Attribution = Literal["exact", "inferred"]


def suspect(
    queue: Sequence[Speech],
    heard: str,
    at: int,
    *,
    caused_at: int,
    playing: Source | None,
    greeting: bool,
    greeted: str,
    first_sent_at: int | None,
) -> tuple[Source | None, Attribution]:
    """What an interrupt at `at` stopped (None: cannot be told) and how sure that is.

    `queue`: the stretches that were not cut off before, as they were sent. `heard`: normalised words of the
    utterance. `caused_at`: when what caused the interrupt is known to have happened; what was sent after that cannot
    be it. `playing`: what the last `tokensPlayed` was part of. `greeting`: the TwiML's greeting is known to be
    playing. `greeted`: normalised words of it that were played. `first_sent_at`: when the first speech of the session
    had been sent.
    """
    settled = [speech for speech in queue if not recent(speech, at)]
    audible = [speech for speech in settled if speech.quiet_at >= at]
    lingering = [speech for speech in settled if speech.quiet_at < at]
    crossing = [speech for speech in queue if recent(speech, at)]
    matches = [speech for speech in queue if heard and heard in speech.words()]
    if playing is GREETING and (heard in greeted or not matches):
        return GREETING, "exact"
    if isinstance(playing, Speech) and playing in matches:
        return playing, "exact"
    for pool in (audible, lingering):
        for speech in reversed(pool):
            if speech in matches:
                return speech, "exact" if len(matches) == 1 and pool is audible else "inferred"
    if isinstance(playing, Speech) and playing.cut is None and not playing.done():
        return playing, "inferred"
    if greeting:
        return GREETING, "inferred"
    if audible:
        asks = max(speech.asks for speech in audible)
        return next(speech for speech in audible if speech.asks == asks), "inferred"
    if lingering:
        return lingering[-1], "inferred"
    if len(matches) == 1 and matches[0].sent_at < caused_at:
        return matches[0], "inferred"
    if first_sent_at is None or at - first_sent_at < ROUND_TRIP:
        return GREETING, "inferred"
    return (crossing[-1] if crossing else None), "inferred"


def recent(speech: Speech, at: int) -> bool:
    """Whether it may have crossed an event on the way."""
    return at - speech.sent_at < ROUND_TRIP
