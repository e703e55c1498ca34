"""Values of a comparison.

Knows: what a difference is, and what stands side by side.
Must not know: how differences are found, and how they are shown.

Of several runs of a version, `before` and `after` hold what most of them have.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from relayproxy.conversation.model import Conversation, OpenedBy

MOST_FIELDS = 200
"""Fields of a handoff that are compared."""

Kind = Literal[
    "turn",
    "caller",
    "diverged",
    "text",
    "latency",
    "interruptions",
    "findings",
    "message_types",
    "language",
    "play",
    "digits",
    "handoff",
    "ending",
    "studio",
]
"""`turn`: it is in one of the calls alone. `caller`: what the caller said or pressed. `message_types`: which messages
the backend sent in a turn. `digits`: those that it had Twilio send."""

Fact = tuple[Kind, str]
"""What a value is of: a kind, and a field of it."""


class Divergence(msgspec.Struct, frozen=True):
    """The end of what can be compared: the agent asked for something else, and what the caller says next is no answer
    to it."""

    turn: int
    """Number of the turn, in the call that diverged; later turns are not compared."""
    reason: str
    """One sentence."""


class Run(msgspec.Struct, frozen=True):
    """One call of a version."""

    conversation: Conversation
    """With all of its turns."""
    divergence: Divergence | None = None


class Difference(msgspec.Struct, frozen=True):
    """One thing that differs, beyond what varies between runs of the same version."""

    kind: Kind
    field: str
    """What exactly: a finding's code, a number's name, a field of the handoff; else empty."""
    turn_before: int | None
    """Number of the turn. Both are null for the whole call, one for a turn that the other call does not have."""
    turn_after: int | None
    before: Any
    """null: there is none."""
    after: Any
    text: str
    """One sentence; the turn is not named in it."""
    exceeds: bool = False
    """A limit is exceeded by it."""

    @property
    def turn(self) -> int | None:
        """The number to name: that of the earlier call, else of the later one."""
        return self.turn_before if self.turn_before is not None else self.turn_after


class Shift(msgspec.Struct, frozen=True):
    """How much later values are, milliseconds: the median of all differences between values of the same turn, and the
    interval that holds it with the stated confidence."""

    ms: int
    low_ms: int | None
    """null: too few values for an interval."""
    high_ms: int | None
    confidence: float


class Sample(msgspec.Struct, frozen=True):
    """How values are spread, milliseconds."""

    n: int
    median_ms: int | None
    p95_ms: int | None
    """null with fewer than 20 values."""
    least_ms: int | None
    most_ms: int | None


class NumberComparison(msgspec.Struct, frozen=True):
    """A duration of both calls."""

    name: str
    """As in the API."""
    before: Sample
    after: Sample
    shift: Shift | None
    """null where either has none."""
    exceeds: bool = False
    """It grew beyond the limit and beyond noise."""


class TurnComparison(msgspec.Struct, frozen=True):
    """A turn of both calls, or of one of them."""

    before: int | None
    """Its number in the first run that has it; null where none has."""
    after: int | None
    opened_by: OpenedBy
    caller_before: str
    caller_after: str
    keys_before: str
    keys_after: str
    text_before: str
    text_after: str
    """What the agent said, as most runs have it."""
    sent_before: str
    sent_after: str
    """Which messages the backend sent besides `end`, by their types, as the same runs have it."""
    numbers: tuple[NumberComparison, ...]
    differences: tuple[Difference, ...]
    answered_with: int | None = None
    """Of a turn that one call alone has: the number of the other call's turn whose one answer is for its words too."""
    compared: bool = True
    """False behind a divergence, where nothing is scored."""

    @property
    def same(self) -> bool:
        return self.compared and not self.differences


class Noise(msgspec.Struct, frozen=True):
    """What varies between runs of the same version, and is counted only beyond that."""

    kind: Kind
    field: str
    turns: int
    """In how many turns; 0: it is of the whole call."""
    text: str


class Comparison(msgspec.Struct, frozen=True):
    """Two calls, or several runs of each, side by side."""

    runs_before: int
    runs_after: int
    latency: NumberComparison
    """Response latency of all turns that both have."""
    differences: tuple[Difference, ...]
    """Of the whole call."""
    turns: tuple[TurnComparison, ...]
    """In order."""
    noise: tuple[Noise, ...]
    diverged: tuple[Divergence | None, ...]
    """Of the later runs: where each diverged."""
    handoff_fields_left_out: int = 0
    """Fields of the largest handoff that are not compared: only its first ones are."""

    def all_differences(self) -> Iterator[Difference]:
        """Those of the whole call, then those of the turns."""
        yield from self.differences
        for turn in self.turns:
            yield from turn.differences

    @property
    def exceeded(self) -> tuple[Difference, ...]:
        """What exceeds a limit."""
        return tuple(one for one in self.all_differences() if one.exceeds)

    @property
    def noise_known(self) -> bool:
        """Several runs tell what varies anyway."""
        return max(self.runs_before, self.runs_after) > 1
