"""Commands that make or compare calls: their options, their usage errors, where their results go.

Knows: that usage errors, those in files among them, have an exit code of their own; which options have one form.
Must not know: how calls are made, summed up and compared.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from relayproxy.cli.failure import CommandFailure
from relayproxy.cli.options import checked
from relayproxy.errors import RelayproxyError
from relayproxy.settings.signatures import token_of
from relayproxy.settings.validators import websocket_url

USAGE = 4
"""Exit code of usage errors; `ExitCode.USAGE`, which is not imported before it is needed."""
STDOUT = Path("-")
Command = TypeVar("Command", bound=Callable[..., Any])


class UsageError(click.UsageError):
    """A usage error with the exit code of these commands."""

    exit_code = USAGE


class UsageFailure(CommandFailure):
    """Raised for what is wrong with a file, or with what an argument names."""

    exit_code = USAGE


class CallingCommand(click.Command):
    """A command whose usage errors have that exit code, and so have the errors of relayproxy that it raises."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as problem:
            raise UsageError(problem.format_message(), problem.ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as problem:
            raise UsageError(problem.format_message(), problem.ctx) from None
        except RelayproxyError as problem:
            raise UsageFailure(str(problem)) from None


def percent(_: click.Context, __: click.Parameter, value: str) -> float:
    """Callback of an option that is a percentage."""
    number = value.removesuffix("%")
    if not value.endswith("%") or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", number):
        raise click.BadParameter("a percentage is expected, such as 20%")
    return float(number)


def milliseconds(_: click.Context, __: click.Parameter, value: str) -> int:
    """Callback of an option in milliseconds."""
    number = value.removesuffix("ms")
    if not value.endswith("ms") or not re.fullmatch("[0-9]{1,8}", number):
        raise click.BadParameter("milliseconds are expected, such as 150ms")
    return int(number)


def writable(_: click.Context, __: click.Parameter, file: Path | None) -> Path | None:
    """Callback of an option that refuses a file that cannot be written, before calls are made for it."""
    if file not in (None, STDOUT) and not os.access(file if file.exists() else file.parent, os.W_OK):
        raise click.BadParameter(f"{file} cannot be written")
    return file


_OUTPUT = click.Path(path_type=Path, dir_okay=False, allow_dash=True)

at_once = click.option(
    "--at-once",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="At most so many at a time.",
)
speed = click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="FACTOR",
    help="How much faster than life callers act and agents speak.",
)
auth_token = click.option(
    "--auth-token",
    envvar="TWILIO_AUTH_TOKEN",
    callback=checked(token_of),
    metavar="REFERENCE|TOKEN",
    help="Sign requests with it, as Twilio does: env:NAME, file:PATH or the token itself, which flags show in the "
    "process list.  [default: TWILIO_AUTH_TOKEN]",
)
public_url = click.option(
    "--public-url",
    callback=checked(websocket_url),
    metavar="URL",
    help="The URL that the TwiML would name, when it is not the one to connect to: it is what gets signed.",
)
seed = click.option("--seed", type=int, metavar="N", help="Same ids, numbers and timing on each run.")


def output_options(command: Command) -> Command:
    """`--json` and `--junit`, as `json_file` and `junit_file`."""
    command = click.option(
        "--junit",
        "junit_file",
        type=_OUTPUT,
        callback=writable,
        metavar="FILE",
        help="Write JUnit XML for CI there; - prints it.",
    )(command)
    return click.option(
        "--json",
        "json_file",
        type=_OUTPUT,
        callback=writable,
        metavar="FILE",
        help="Write the results there; - prints them.",
    )(command)


def require_one_output(json_file: Path | None, junit_file: Path | None) -> None:
    """Raises a usage error when both would be printed."""
    if json_file == junit_file == STDOUT:
        raise click.UsageError("--json and --junit cannot both be printed")


def content(file: Path) -> bytes:
    """What is in a file. Raises `UsageFailure`."""
    try:
        return file.read_bytes()
    except OSError as problem:
        raise UsageFailure(f"{file}: {problem.strerror or problem}") from None


def write(file: Path | None, value: Callable[[], bytes]) -> None:
    """Writes what `value` makes to a file, or prints it. Raises `UsageFailure`."""
    if file is None:
        return
    if file == STDOUT:
        click.echo(value(), nl=False)
        return
    try:
        file.write_bytes(value())
    except OSError as problem:
        raise UsageFailure(f"{file}: {problem.strerror or problem}") from None
