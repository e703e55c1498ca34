"""Wall clock: tells when it was set.

Knows: which clocks go on while the machine sleeps.
Must not know: what depends on the time of day.
"""

import time

_NEVER_SET = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Where there is one that goes on while the machine sleeps, sleep is no step."""


def wall_ahead() -> float:
    """Seconds between the wall clock and a clock that is never set; it changes only when the wall clock is set."""
    return time.time() - time.clock_gettime(_NEVER_SET)
