"""What has a place in time within a turn.

Knows: stretches of speech and single moments.
Must not know: how they are derived or drawn.
"""

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


class Mark(msgspec.Struct, frozen=True):
    """One moment of a turn that has a place in time."""

    at: int
    kind: MarkKind
    text: str
    """The prompt's beginning, the key, the media's source, the language, the digits."""
