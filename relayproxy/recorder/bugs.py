"""Bugs of the recorder itself, in the log.

Knows: that a line tells where it happened, and never a value, which may be what callers said.
Must not know: what follows from a bug.
"""

import logging
import traceback

log = logging.getLogger(__name__)


def log_bug(what: str, problem: Exception) -> None:
    """Logs a bug of ours with where it happened."""
    where = "".join(traceback.format_tb(problem.__traceback__))
    log.error("%s: %s\n%s", what, type(problem).__name__, where)
