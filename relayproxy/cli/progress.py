"""Progress of a long command, reported on stderr.

Knows: terminals, where one line is written over and over, and other places, where plain lines come now and then.
Must not know: what is being done.
"""

import sys
import time

import click

from relayproxy.plural import plural

REDRAW, REPORT = 0.1, 10.0
"""Seconds between two words on how far a long command is: on a terminal, and elsewhere."""


class Progress:
    """Of one command; `what` is what it goes through, in the singular."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._terminal = sys.stderr.isatty()
        self._began = self._told = time.monotonic()
        self._open = False

    def tell(self, done: int, total: int) -> None:
        """So many are done; says so when it is time to."""
        now = time.monotonic()
        last = self._terminal and done == total
        if not last and now - self._told < (REDRAW if self._terminal else REPORT):
            return
        self._told = now
        line = f"{done:,} of {plural(total, self._what)}, {done / max(now - self._began, 0.001):,.0f} a second"
        click.echo(f"\r\x1b[K{line}" if self._terminal else line, nl=not self._terminal, err=True)
        self._open = self._terminal

    def close(self) -> None:
        """Leaves the line that was written over."""
        if self._open:
            click.echo(err=True)
