"""What is read of many calls: sums, latencies, and the calls that stand out.

Knows: what each number counts.
Must not know: SQL; how they are read; percentiles, rates, HTML.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta
from msgspec.structs import astuple

from relayproxy.conversation.measures.numbers import description


@dataclass(frozen=True, slots=True)
class Reach:
    """The calls that numbers are computed from: those that began within [since, until), wall nanoseconds."""

    matching: int
    """Calls that meet the criteria; of more than are read one more, as nobody counts the rest."""
    counted: int
    """The newest of them, which are read."""
    since: int
    until: int
    responses: int
    """The number of latencies to read."""
    first: int | None = None
    """The start of the first of those that are read."""
    rolled_up: bool = False
    """Rollups are read where there are any: all calls are counted, and latencies rounded."""
    told_apart: int | None = None
    """The newest of these calls, which are told apart by a field that rollups do not have; None: all are."""

    @property
    def more(self) -> bool:
        """More calls meet the criteria than are read."""
        return self.matching > self.counted


_Count = Annotated[int, Meta(ge=0)]


class Sums(msgspec.Struct, frozen=True):
    """Sums over some calls."""

    calls: _Count = 0
    turns: _Count = 0
    responses: Annotated[_Count, Meta(description="Turns with speakable output.")] = 0
    interrupted_responses: Annotated[_Count, Meta(description="Those of them that were interrupted.")] = 0
    false_interruptions: Annotated[_Count, Meta(description=description("session", "false_interruptions"))] = 0
    unanswered: Annotated[_Count, Meta(description=description("session", "unanswered"))] = 0
    stale_chunks: Annotated[_Count, Meta(description="Texts sent for replies that had been cut off.")] = 0
    stale_calls: Annotated[_Count, Meta(description="Calls with any of these.")] = 0
    unanswered_calls: Annotated[_Count, Meta(description="Calls with any unanswered turn.")] = 0
    asked_again: Annotated[_Count, Meta(description=description("session", "asked_again"))] = 0
    failed: Annotated[_Count, Meta(description="Calls whose Studio transition is `failed`.")] = 0
    ended: Annotated[_Count, Meta(description="Calls that are over.")] = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums.of((self, other))

    @classmethod
    def of(cls, every: Iterable["Sums"]) -> "Sums":
        """The sums of all of them together."""
        return cls(*map(sum, zip(*map(astuple, every), strict=True)))


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls that began in the same step of time and ended in the same way; `outcome` is None while they live."""

    step: int
    outcome: str | None
    transition: str | None
    sums: Sums


class LatencyCounts(NamedTuple):
    """How often each response latency, milliseconds, occurs among turns, and how many turns have none, by reason."""

    counts: Counter[int]
    excluded: Counter[str]

    @classmethod
    def of_nothing(cls) -> "LatencyCounts":
        return cls(Counter(), Counter())

    def add(self, counts: Mapping[int, int], excluded: Mapping[str, int]) -> None:
        """Counts other turns with these."""
        self.counts.update(counts)
        self.excluded.update(excluded)


@dataclass(frozen=True, slots=True)
class WorstCall:
    """A call, or a turn of it, to be looked at."""

    session: str
    started_at: int
    route: str
    from_number: str | None
    to_number: str | None
    outcome: str | None
    failed: bool
    """The Studio transition is `failed`."""
    errors: int
    warnings: int
    unanswered: int
    longest_wait_ms: int | None
    """Of the turn; of a call, that of all turns. None where an earlier version stored it."""
    latency_ms: int | None
    """Of the turn; of a call, its slowest."""
    turn: int | None = None
