"""Settings of fault injection: the table `[faults]`, and `faults` of a route.

Knows: its settings, their defaults and the form of each; how lengths of time and shares are written.
Must not know: how a fault is brought about.
"""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min)?")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, None: 1.0}


def duration(value: object) -> object:
    """Seconds: a number, or a text such as `800ms`, `1.5s` or `2min`."""
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise ValueError("seconds, or a time such as 800ms, 1.5s or 2min, are expected")
    return round(float(found[1]) * _UNITS[found[2]], 6)


Duration = Annotated[float, BeforeValidator(duration), Field(gt=0, le=3600, allow_inf_nan=False)]


class Faults(BaseModel):
    """Faults of a backend or a network that are brought about on purpose, and in which calls."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_token_delay: Duration | None = Field(
        default=None,
        description="Time for which the first message of each reply is held back: seconds, or a text such as 800ms.",
    )
    token_delay: Duration | None = Field(
        default=None, description="Time for which each further message of a reply is held back after the one before."
    )
    drop_after: Duration | None = Field(
        default=None, description="Time after the handshake at which both connections are reset."
    )
    malformed: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="The share of the backend's messages, at random, that arrive cut in half, which is no JSON.",
    )
    slow_reader: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(
        default=None, description="Bytes a second that are read of what the backend sends; the rest it has to hold."
    )
    share: float = Field(default=1.0, gt=0, le=1, description="The share of calls that are treated so, at random.")

    @property
    def any(self) -> bool:
        """True when there is a fault to bring about."""
        return bool(self.model_dump(exclude={"share"}, exclude_none=True))
