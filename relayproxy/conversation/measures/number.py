"""Number record: the definition of one number in the tables of numbers.

Knows: names in the API, for people and on spans; units; which value is a duration.
Must not know: any number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from relayproxy.conversation.model import Tier
from relayproxy.conversation.totals import milliseconds

Of = TypeVar("Of")
Share = Annotated[float, Meta(ge=0, le=1)]
"""A part of a whole."""
Value = float | None | msgspec.Struct | Mapping[str, int] | Mapping[str, msgspec.Struct]
"""One value or, where a number has several, a Struct or a mapping of them; durations in these end in `_ms`."""


@dataclass(frozen=True, slots=True)
class Number(Generic[Of]):
    """One number of an `Of`."""

    name: str
    """In the API. One that ends in `_ms` is in milliseconds there."""
    title: str
    """For people, without its unit."""
    tier: Tier
    """B: it needs the call's events."""
    read: Callable[[Of], Value]
    meaning: str
    """What it is: from where to where."""
    edges: str = ""
    """What is easily mistaken about it, and when it is absent."""
    attribute: str | None = None
    """On spans; several values have a dot and theirs behind it."""
    unit: str = "s"
    """On spans, UCUM."""
    type: Any = int | None
    """Of the value in the API."""
    nanoseconds: bool = False
    """`read` gives nanoseconds; else what the API has."""
    absent: str = ""
    """Why there is none, in words, where no null reason says so."""
    replaced_by: str = ""
    """The field of the API that has the same, where this one is deprecated."""

    @property
    def description(self) -> str:
        """The whole definition."""
        told = f"Deprecated: `{self.replaced_by}` has it to the nanosecond." if self.replaced_by else ""
        return " ".join(filter(None, (self.meaning, self.edges, told)))

    @property
    def per_second(self) -> float | None:
        """The number of units of `read` in a second; None of a number that is no duration."""
        return 1e9 if self.nanoseconds else 1e3 if self.name.endswith("_ms") else None

    def value(self, of: Of) -> Any:
        """The value as in the API: of `type`, durations in milliseconds."""
        value = self.read(of)
        return milliseconds(value) if self.nanoseconds and isinstance(value, int) else value
