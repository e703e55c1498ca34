"""What has a place in time within a turn.

Knows: stretches of speech and single moments.
Must not know: how they are derived or drawn.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

import msgspec

MarkKind = Literal["prompt", "dtmf", "play", "language", "digits"]


class Played(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch of the agent's speech or media at the caller's ear, wall nanoseconds."""

    start: int
    end: int | None = None
    """None of media whose end was not reported."""
    estimated: bool = False
    """Start or end follow from the speaking rate, not from an event."""


class Spoken(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch of the caller's speech, wall nanoseconds."""

    start: int
    end: int
    estimated: bool = False
    """Start or end follow from prompts and their length, not from speaker events."""


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """One moment of a turn that has a place in time."""

    at: int
    kind: MarkKind
    text: str
    """The prompt's beginning, the key, the media's source, the language, the digits."""
    spoken: tuple[Spoken, ...] = ()
    """Of a prompt: the stretches in which the caller said it, in order."""


def left_unanswered(marks: Iterable[Mark], answered_at: int | None) -> tuple[tuple[int, int], ...]:
    """Of a turn's marks: from each final prompt that nothing answered to where the caller spoke again.
    `answered_at`: when the answer came, or None."""
    prompts = [mark for mark in marks if mark.kind == "prompt"]
    waits = []
    for before, mark in pairwise(prompts):
        until = mark.spoken[0].start if mark.spoken else mark.at
        if until > before.at and (answered_at is None or until <= answered_at):
            waits.append((before.at, until))
    return tuple(waits)
