"""Logging: the format of lines, and rate limits.

Knows: that one event is one line; that the message of an exception may quote a caller or a secret.
Must not know: what is logged.
"""

import logging
import re
import sys
import time
import traceback
from collections.abc import Hashable
from types import TracebackType

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_QUOTED = re.compile(r"[\n(]")
"""Beginning of the arguments and the message that the event loop quotes when it logs an uncaught exception."""

_CAUSES = 10
"""Maximum number of exceptions in a chain of causes that are logged."""

LINE_INTERVAL = 10.0
"""Seconds for which one line stands for all events of its kind."""

LINE = 4096
"""Characters of one event's words that are logged."""

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def one_line(text: str) -> str:
    r"""The text with control characters, line separators, direction marks and lone surrogates written as codes
    (`\x1b`, `\u2028`), so that it can neither pretend to be another line nor steer a terminal."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


class OneLine(logging.Formatter):
    """Formats each record as one line; an exception as types and places, without messages."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line. Of an error that asyncio logs, only the part before quoted arguments; of more than `LINE`
        characters, the first."""
        if record.name == "asyncio" and record.levelno >= logging.ERROR:
            record.message = _QUOTED.split(record.message, maxsplit=1)[0]
        if len(record.message) > LINE:
            record.message = f"{record.message[:LINE]}… ({len(record.message) - LINE} more characters)"
        return one_line(super().formatMessage(record))

    def formatException(self, ei: ExceptionInfo) -> str:
        """Types and places of the exception and its causes, the first cause first; messages are left out."""
        told: list[str] = []
        problem = ei[1]
        while problem is not None and len(told) < _CAUSES:
            places = "".join(traceback.format_tb(problem.__traceback__)).rstrip()
            told.insert(0, f"{places}\n{type(problem).__qualname__} (its words may hold content and are left out)")
            problem = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
        return "\n".join(told)


class RateLimit:
    """Rate limit of log lines for events that requests from outside cause: one per kind in LINE_INTERVAL."""

    def __init__(self) -> None:
        self._written: dict[Hashable, tuple[float, int]] = {}

    def suffix(self, kind: Hashable) -> str | None:
        """Suffix of the line about this event: empty, or the number of events left out before it; None: no line is due.

        There must be few kinds: each is remembered.
        """
        now = time.monotonic()
        written_at, left_out = self._written.get(kind, (-LINE_INTERVAL, 0))
        if now - written_at < LINE_INTERVAL:
            self._written[kind] = (written_at, left_out + 1)
            return None
        self._written[kind] = (now, 0)
        return f" (and {left_out} more like it before)" if left_out else ""


def log_to_stderr(process: str) -> None:
    """Sends the log of this process to standard error, every line with the time and the process's name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(f"%(asctime)s {process} %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
