"""Clock: this machine's against those of others, as far as they tell the time.

Knows: that a Date header has whole seconds, and that an answer takes time.
Must not know: who is asked.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from relayproxy.doctor.check import Result

ALLOWED = 5.0
"""Seconds by which clocks may differ. Latencies do not depend on them; times that are shown and joined do."""


@dataclass(slots=True)
class Clocks:
    """The clocks of others, as their answers come in: seconds by which each is ahead of this machine's."""

    ahead: dict[str, float] = field(default_factory=dict)

    def note(self, where: str, date: str | None, asked_at: float) -> None:
        """A Date header of an answer to a request that was sent at `asked_at`, seconds since the epoch."""
        try:
            theirs = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, TypeError):
            return
        # It was that second there at some moment between the request and now.
        too_early, too_late = theirs + 1 - asked_at, theirs - time.time()
        self.ahead[where] = too_late if too_late > 0 else min(too_early, 0.0)

    def results(self) -> Iterator[Result]:
        """One result for each clock."""
        if not self.ahead:
            yield Result("clock", "clock", "skipped", "nobody who was asked tells the time")
        for where, ahead in self.ahead.items():
            if abs(ahead) <= ALLOWED:
                yield Result("clock", where, "ok", f"within {ALLOWED:g} s of this machine's clock")
            else:
                text = f"its clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
                action = "let both set their clocks by NTP: times of calls, spans and alerts are this machine's"
                yield Result("clock", where, "warning", text, action)
