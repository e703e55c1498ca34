"""Runs as values: calls that nobody made, summed up as those of a simulation are.

Knows: how a call and a run are put together.
Must not know: how calls are made.
"""

from typing import Any

import msgspec

from relayproxy.lab.simulation.content import content_hash
from relayproxy.lab.simulation.summary import (
    CallSummary,
    FailureSummary,
    Settings,
    SimulationSummary,
    summed_up,
)

SETTINGS = Settings(1, 10, None, 1.0)
_PASSED = CallSummary("keypad", "CA1", ("VX1",), "passed", True, "caller_hangup", 1.5, None, (), (), {})


def call(**different: Any) -> CallSummary:
    """A call that passed, but for what is different."""
    return msgspec.structs.replace(_PASSED, **different)


def failed(got: str = "nothing", **different: Any) -> CallSummary:
    """A call one of whose expectations failed."""
    failure = FailureSummary(1, "a.yaml", 4, "text", got, f"keypad, turn 1 (a.yaml:4): expected text; got {got}")
    return call(state="failed", failures=(failure,), **different)


def unconnected(**different: Any) -> CallSummary:
    """A call that was refused."""
    problem = "answered with 503"
    return call(state="not_connected", spoke=False, ending="backend_connect_failed", problem=problem, **different)


def cut_off(**different: Any) -> CallSummary:
    """A call whose backend sent too much."""
    return call(state="cut_off", problem="the backend sent more than 32 MB in one call", **different)


def run(*calls: CallSummary, settings: Settings = SETTINGS) -> SimulationSummary:
    """The run that these calls were."""
    hashes = {one.scenario: f"sha256:{one.scenario}" for one in calls}
    return summed_up(calls, hashes, content_hash(hashes), settings=settings, seconds=2.25, relayproxy="1.2.3")
