"""Progress of a long command, reported on stderr.

Knows: terminals, where one line is written over and over, and other places, where plain lines come now and then.
Must not know: what the command does.
"""

import sys
import time

import click

from relayproxy.plural import plural

REDRAW, REPORT = 0.1, 10.0
"""Seconds between two reports of progress: on a terminal, and elsewhere."""


class Progress:
    """Progress of one command; `what` names the things that it works through, in the singular, `many` in the plural
    where that is not `what` and an s."""

    def __init__(self, what: str, many: str | None = None) -> None:
        self._what = what
        self._many = many
        self._terminal = sys.stderr.isatty()
        self._began = self._told = time.monotonic()
        self._open = False

    def tell(self, done: int, total: int) -> None:
        """Reports that `done` of `total` are done, when a report is due; on a terminal also when all are done."""
        now = time.monotonic()
        last = self._terminal and done == total
        if not last and now - self._told < (REDRAW if self._terminal else REPORT):
            return
        self._told = now
        line = (
            f"{done:,} of {plural(total, self._what, self._many)}, {done / max(now - self._began, 0.001):,.0f} a second"
        )
        click.echo(f"\r\x1b[K{line}" if self._terminal else line, nl=not self._terminal, err=True)
        self._open = self._terminal

    def close(self) -> None:
        """Ends the line that was redrawn on a terminal."""
        if self._open:
            click.echo(err=True)
