"""Verdict on a run: its exit code, and why.

Knows: the exit codes, and which wins when several are true.
Must not know: how calls are made and summed up; how the verdict is shown.
"""

import enum
from collections.abc import Sequence

import msgspec

from relayproxy.lab.simulation.summary import SimulationSummary
from relayproxy.plural import plural


class ExitCode(enum.IntEnum):
    """Exit codes of commands that make calls."""

    CLEAN = 0
    FAILED = 1
    """An expectation or a limit, or a call that had to be cut off."""
    SILENT = 2
    """The backend never spoke: it sent nothing in any call."""
    VIOLATION = 3
    """The backend broke the protocol: Twilio rejects what it sent."""
    USAGE = 4
    NO_CONNECTION = 5
    """A call could not be connected, or not again."""
    INTERRUPTED = 130
    """Ctrl-C ended it, as shells report that."""


class Verdict(msgspec.Struct, frozen=True):
    """What a run comes to, in one number and one sentence."""

    exit_code: int
    text: str
    details: tuple[str, ...] = ()
    """Limits of the whole run that were exceeded, whatever the exit code says."""


def verdict(summary: SimulationSummary, exceeded: Sequence[str] = ()) -> Verdict:
    """The verdict on a run. What says least about the agent wins, since it leaves the rest in doubt: an interruption,
    no connection, a backend that never spoke, a violation of the protocol, then what was expected. `exceeded` are the
    limits of the whole run that were, in words."""
    code, text = _verdict(summary, len(exceeded))
    return Verdict(code, text, tuple(exceeded))


def _verdict(summary: SimulationSummary, exceeded: int) -> tuple[ExitCode, str]:
    calls = summary.each_call
    if summary.interrupted:
        return ExitCode.INTERRUPTED, "interrupted"
    if summary.not_connected:
        return ExitCode.NO_CONNECTION, f"{plural(summary.not_connected, 'call')} could not be connected"
    if not any(call.spoke for call in calls):
        return ExitCode.SILENT, "the backend never spoke"
    if violating := sum(call.state == "violation" for call in calls):
        return ExitCode.VIOLATION, f"the backend broke the protocol in {plural(violating, 'call')}"
    failed, cut_off = sum(len(call.failures) for call in calls), number_cut_off(summary)
    if failed or cut_off or exceeded:
        counts = (
            (cut_off, f"{plural(cut_off, 'call')} cut off"),
            (failed, f"{plural(failed, 'expectation')} failed"),
            (exceeded, f"{plural(exceeded, 'limit')} exceeded"),
        )
        return ExitCode.FAILED, ", ".join(words for count, words in counts if count)
    return ExitCode.CLEAN, "clean"


def number_cut_off(summary: SimulationSummary) -> int:
    """How many calls were at the limits of a call."""
    return sum(call.state == "cut_off" for call in summary.each_call)
