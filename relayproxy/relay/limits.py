"""Head limits: how long the head of a request or response may be, and which aiohttp errors exceed them.

Knows: the limits, and what aiohttp raises.
Must not know: sockets, what is answered.
"""

from aiohttp.http_exceptions import LineTooLong

LINE = 64 * 1024
"""Bytes of the first line, or of a header."""
HEADERS = 256
"""Headers of one head."""
HEAD = 1024 * 1024
"""Bytes of a whole request head."""


def too_long(problem: BaseException | None) -> str | None:
    """What was too long, without a word of it: headers may be secrets. None when that is not the trouble."""
    while problem is not None:
        if isinstance(problem, LineTooLong):
            return f"a line of more than {LINE // 1024} KiB"
        if "Too many headers received" in str(problem):
            return f"more than {HEADERS} headers"
        problem = problem.__cause__
    return None
