"""Limits: how different calls may be before a comparison fails.

Knows: what of a call can have a limit.
Must not know: how differences are found.
"""

from typing import Literal

import msgspec

from relayproxy.matching import Condition

FieldRule = Condition | Literal["equal", "ignore"]
"""What a field of the handoff is to be like: `equal`, the same in both calls; a condition, as it says in the later
one; `ignore`, anything."""
Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


class LatencyLimit(msgspec.Struct, frozen=True):
    """How much later answers may begin. Both have to be exceeded: a share of little is noise, and so are a few
    milliseconds of much."""

    percent: float = 20.0
    floor_ms: int = 150

    def exceeded(self, before: float, now: float) -> bool:
        """Whether that is a regression."""
        return now > before * (1 + self.percent / 100) and now > before + self.floor_ms


class Limits(msgspec.Struct, frozen=True):
    """What fails a comparison. Anything else that differs is told, and fails nothing."""

    latency: LatencyLimit = LatencyLimit()
    findings: Severity | None = "warning"
    """New findings of this severity or a worse one; None: no finding fails."""
    ending: bool = True
    """The outcome, Studio's way, Twilio's error, and whether there is a handoff."""
    handoff: dict[str, FieldRule] = {}
    """Of these fields, by their names or paths (`order.id`); `reason_code` is found under each of its names."""
