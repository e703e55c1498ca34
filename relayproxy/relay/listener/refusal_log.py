"""Refusal log: counts and logs refused requests, with a limit on the rate of lines.

Knows: that a public port gets any number of such requests, so that one line and one report stand for many.
Must not know: how a request is judged; files.
"""

import logging
import time
from collections.abc import Callable

from relayproxy.logs import RateLimit
from relayproxy.refusals import Reason, Refusal, RefusalCount, add

log = logging.getLogger(__name__)

REPORT_INTERVAL = 0.5
"""Seconds between two reports."""


class RefusalLog:
    """Counts refusals. `later(seconds, callback)` is the event loop's timer; `report` gets all tallies."""

    def __init__(
        self, later: Callable[[float, Callable[[], None]], object], report: Callable[[tuple[RefusalCount, ...]], object]
    ) -> None:
        self._later = later
        self._report = report
        self._scheduled = False
        self._limit = RateLimit()
        self.tallies: tuple[RefusalCount, ...] = ()

    def note(
        self, reason: Reason, status: int, words: str, *, peer: str, target: str = "", signed: bool = False
    ) -> None:
        """Counts one request, and logs it unless the rate limit leaves it out. The fields are those of
        `refusals.Refusal`; `words` and `target` must not hold secrets."""
        refusal = Refusal(time.time_ns(), reason, status, words, peer, target, signed)
        self.tallies = add(self.tallies, refusal)
        self._log(refusal)
        if not self._scheduled:
            self._scheduled = True
            self._later(REPORT_INTERVAL, self.flush)

    def flush(self) -> None:
        """Reports the tallies now, if there are new refusals."""
        if self._scheduled:
            self._scheduled = False
            self._report(self.tallies)

    def _log(self, refusal: Refusal) -> None:
        more = self._limit.suffix((refusal.reason, refusal.signed))
        if more is None:
            return
        # A request with a signature, or one that gets through, was meant as a call; the rest is noise on a public port.
        call = refusal.signed or not refusal.status
        level = logging.WARNING if call and refusal.reason != "not_recorded" else logging.INFO
        answered = f"answered {refusal.status} to" if refusal.status else "relayed a request of"
        signed = " with Twilio's signature" if refusal.signed and refusal.reason != "wrong_signature" else ""
        log.log(level, "%s %s%s: %s%s", answered, refusal.peer, signed, refusal.words, more)
