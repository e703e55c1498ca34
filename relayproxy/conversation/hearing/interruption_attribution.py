"""Interruption attribution: which stretch of speech an interrupt stopped.

Knows: the evidence there is, and how much each piece of it weighs.
Must not know: what follows from it.

Times are wall nanoseconds.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from relayproxy.conversation.hearing.speech import Speech
from relayproxy.conversation.model import Attribution

ROUND_TRIP = 300_000_000
"""Round trip to Twilio: a message that was sent less than this before an event may have crossed it on the way."""
FIRST_SOUND = 250_000_000
"""Shortest time from sending text until it is heard."""
GREETING: Final = "greeting"
Source = Speech | Literal["greeting"]


class Evidence(NamedTuple):
    """The facts by which an interrupt is attributed."""

    at: int
    heard: str
    """Normalised words of the utterance."""
    silent: bool
    """Whether the interrupt says that nothing was heard."""
    caused_at: int
    """When its cause is known to have happened; it cannot have stopped what was sent after that."""
    thinking: bool
    """Whether the caller had asked before that, and the backend has not begun to answer."""
    sounding: bool | None
    """Whether Twilio says that something is being played; None when it does not say."""
    playing: Source | None
    """What the last `tokensPlayed` was part of."""
    greeting: bool
    """Whether the greeting of the TwiML is known to be playing."""
    greeted: str
    """Normalised words of the greeting that were played."""
    greeting_possible: bool
    """Whether nothing shows that the greeting is over."""


def attribute_interruption(queue: Sequence[Speech], known: Evidence) -> tuple[Source | None, Attribution]:
    """What an interrupt stopped (None: nothing that was sent, or it cannot be told) and how sure that is.

    `queue`: the stretches that were not cut off before, as they were sent.
    """
    at, heard, playing = known.at, known.heard, known.playing
    matches = [speech for speech in queue if heard and heard in speech.words()]
    matches = [speech for speech in matches if not speech.unsounded] or matches
    if (known.silent or known.sounding is False) and not matches:
        found = _before_sound(queue, known)
        if found is not None:
            return found[0], "inferred"
    begun = [s for s in queue if may_be_heard(s, at) and not (known.greeting and crossing(s, at))]
    audible = [speech for speech in begun if speech.quiet_at >= at]
    lingering = [speech for speech in begun if speech.quiet_at < at]
    if playing is GREETING and (heard in known.greeted or not matches):
        return GREETING, "exact"
    if isinstance(playing, Speech) and playing in matches:
        return playing, "exact"
    for pool in (audible, lingering):
        for speech in reversed(pool):
            if speech in matches:
                certain = len(matches) == 1 and pool is audible and not crossing(speech, at)
                return speech, "exact" if certain else "inferred"
    if isinstance(playing, Speech) and playing.cut is None and not playing.done():
        return playing, "inferred"
    if known.greeting or (heard and not matches and known.greeting_possible):
        return GREETING, "inferred"
    if audible:
        inputs = max(speech.inputs for speech in audible)
        return next(speech for speech in audible if speech.inputs == inputs), "inferred"
    if lingering:
        return lingering[-1], "inferred"
    if len(matches) == 1 and matches[0].sent_at < known.caused_at:
        return matches[0], "inferred"
    if known.greeting_possible:
        return GREETING, "inferred"
    return (queue[-1] if queue else None), "inferred"


def may_be_heard(speech: Speech, at: int) -> bool:
    """Whether the stretch can have become audible by `at`."""
    return speech.sound_at is not None or at - speech.sent_at >= FIRST_SOUND


def crossing(speech: Speech, at: int) -> bool:
    """Whether the stretch may have crossed an event at `at` on the way."""
    return speech.sound_at is None and at - speech.sent_at < ROUND_TRIP


def _before_sound(queue: Sequence[Speech], known: Evidence) -> tuple[Speech | None] | None:
    """What an interrupt stopped that came when nothing was being played, in a tuple; None where something was."""
    at = known.at
    if known.sounding:
        return None
    if known.thinking:
        # Had anything still been playing, the caller's words would have stopped it.
        return (None,)
    if known.sounding is None:
        waiting = [speech for speech in queue if not (speech.reported and speech.done())]
        if any(speech.begin_at <= at < speech.end_at and not speech.unsounded for speech in waiting):
            return None
        unsounded = [speech for speech in waiting if speech.begin_at > at]
    else:
        unsounded = [speech for speech in queue if speech.sound_at is None and not speech.over]
    unsounded = [speech for speech in unsounded if speech.sent_at <= known.caused_at]
    return (unsounded[-1],) if unsounded else None
