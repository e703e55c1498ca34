"""Settings of a shadow: the table `[shadow]`, and `shadow` of a route.

Knows: its settings, their defaults and the form of each; that a table within a row stands in a variable as JSON.
Must not know: which calls get a shadow; what it is told.
"""

import json
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from relayproxy.settings.validators import websocket_url


def in_a_variable(value: object) -> object:
    """A table that may have come out of an environment variable, where it is JSON."""
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 (pydantic takes no TypeError)
            'a table is expected, in a variable as JSON such as {"share": 0.1}'
        )
    return found


class Shadow(BaseModel):
    """A second backend, and which calls it gets a copy of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backend: Annotated[str, AfterValidator(websocket_url)] | None = Field(
        default=None,
        description="The second backend. It does not know that nobody hears it: what its tools do, they do to real "
        "people. No calls are copied without one.",
    )
    share: float = Field(default=0.1, gt=0, le=1, description="The share of calls that are copied to it, at random.")
