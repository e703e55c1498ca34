"""File descriptors: raises their limit, and tells when they run out.

Knows: limits of this process; that the system gives the lowest number that is free.
Must not know: what they are used for.

A call takes two. A few are kept back, so that the journal can go on and new requests get an answer.
"""

import errno
import logging
import os
import resource

log = logging.getLogger(__name__)

ENOUGH = 4096
RESERVE = 32


def raise_limit() -> None:
    """Raises the soft limit to the hard limit where the system allows it; logs a warning when it is below `ENOUGH`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            log.debug("the limit of file descriptors stays as it is")
    if soft != resource.RLIM_INFINITY and soft < ENOUGH:
        calls = max(0, (soft - 2 * RESERVE) // 2)
        log.warning(
            "only %d file descriptors are allowed, enough for about %d calls at once: raise the limit (ulimit -n, "
            "LimitNOFILE= of systemd, --ulimit nofile of Docker)",
            soft,
            calls,
        )


def words() -> str:
    """Text of the refusal of a call for lack of file descriptors."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return f"relayproxy has no file descriptors left for another call (its limit is {limit})"


def few_left(newest: int) -> bool:
    """True when only the reserve is left, judging by `newest`, the descriptor that was opened last."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit != resource.RLIM_INFINITY and newest >= limit - RESERVE


def many_used(newest: int) -> bool:
    """True when more than three quarters are in use, judging by `newest`: what can be left out is, then."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return limit != resource.RLIM_INFINITY and newest >= limit * 3 // 4


def ran_out(problem: OSError) -> bool:
    """True when `problem` has the errno for a lack of descriptors, or when opening one more now fails with it:
    libraries do not always pass the errno on."""
    if problem.errno in (errno.EMFILE, errno.ENFILE):
        return True
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as again:
        return again.errno in (errno.EMFILE, errno.ENFILE)
    return False
