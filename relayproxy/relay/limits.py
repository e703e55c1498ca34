"""Head limits: maximum sizes of the heads of requests and responses, and aiohttp's errors for exceeding them.

Knows: the limits, and the exceptions that aiohttp raises.
Must not know: sockets, answers.
"""

from aiohttp.http_exceptions import LineTooLong

LINE = 64 * 1024
"""Maximum bytes of the first line, or of a header."""
HEADERS = 256
"""Maximum number of headers of one head."""
HEAD = 1024 * 1024
"""Maximum bytes of a whole request head."""


def too_long(problem: BaseException | None) -> str | None:
    """The excess in words; None when `problem` is another error. Quotes nothing: headers may be secrets."""
    while problem is not None:
        if isinstance(problem, LineTooLong):
            return f"a line of more than {LINE // 1024} KiB"
        if "Too many headers received" in str(problem):
            return f"more than {HEADERS} headers"
        problem = problem.__cause__
    return None
