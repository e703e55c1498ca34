"""Logging: the format of lines, and rate limits.

Knows: that one event is one line, whatever it quotes; that an exception's words may quote a caller or a secret.
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
"""Where the event loop, in telling of an error that nobody caught, begins to quote arguments and the error's words."""

_CAUSES = 10
"""As many of an exception's causes are told."""

LINE_INTERVAL = 10.0
"""Seconds for which one line stands for all events of its kind."""

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def one_line(text: str) -> str:
    r"""The text with control characters, line separators, direction marks and lone surrogates written as codes
    (`\x1b`, `\u2028`), so that it can neither pretend to be another line nor steer a terminal."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)


class OneLine(logging.Formatter):
    """Each record as one line; an exception as its types and places, without its words."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line."""
        if record.name == "asyncio" and record.levelno >= logging.ERROR:
            record.message = _QUOTED.split(record.message, maxsplit=1)[0]
        return one_line(super().formatMessage(record))

    def formatException(self, ei: ExceptionInfo) -> str:
        """Where the exception and its causes were raised, the first cause first. Words are left out."""
        told: list[str] = []
        problem = ei[1]
        while problem is not None and len(told) < _CAUSES:
            places = "".join(traceback.format_tb(problem.__traceback__)).rstrip()
            told.insert(0, f"{places}\n{type(problem).__qualname__} (its words may hold content and are left out)")
            problem = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
        return "\n".join(told)


class RateLimit:
    """Which of many events that anybody outside can cause get a line: the first of each kind in LINE_INTERVAL."""

    def __init__(self) -> None:
        self._written: dict[Hashable, tuple[float, int]] = {}

    def suffix(self, kind: Hashable) -> str | None:
        """What the line about this event ends with, that is nothing or how many went without one; None: no line.

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
