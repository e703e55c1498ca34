"""Failure of a command in one line.

Knows: its form and its exit code.
Must not know: what failed.
"""

from typing import Any

import click


class CommandFailure(click.ClickException):
    """Raised to end a command with one line on stderr and its `exit_code`."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"relayproxy: error: {self.message}", err=True, file=file)
