"""The `simulate` command: a simulated Twilio makes calls.

Knows: its options, where each form of the result goes, that usage errors have an exit code of their own.
Must not know: how calls are made and summed up; what a verdict depends on.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import click

from relayproxy.cli.failure import CommandFailure
from relayproxy.cli.interruption import run_until_interrupted
from relayproxy.cli.options import checked
from relayproxy.cli.progress import Progress
from relayproxy.errors import RelayproxyError
from relayproxy.settings.signatures import token_of
from relayproxy.settings.validators import websocket_url

USAGE = 4
"""Exit code of usage errors, those in files among them; `ExitCode.USAGE`, which is not imported before it is needed."""
STDOUT = Path("-")


class _UsageError(click.UsageError):
    exit_code = USAGE


class _Failure(CommandFailure):
    exit_code = USAGE


class _Command(click.Command):
    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as problem:
            raise _UsageError(problem.format_message(), problem.ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as problem:
            raise _UsageError(problem.format_message(), problem.ctx) from None
        except RelayproxyError as problem:
            raise _Failure(str(problem)) from None


def _list_scenarios(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from relayproxy.lab.scenarios.builtin import CALLERS, FAULTS, scenarios

        for group, title in ((CALLERS, "Callers"), (FAULTS, "Callers who find the usual faults of backends")):
            formatter = click.HelpFormatter(width=shutil.get_terminal_size().columns)
            with formatter.section(title):
                formatter.write_dl([(scenario.name, scenario.about) for scenario in scenarios(group)])
            click.echo(formatter.getvalue())
        context.exit()


def _print_schema(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from relayproxy.lab.scenarios import schema

        click.echo(schema.FILE.read_text("utf-8"), nl=False)
        context.exit()


def _rate(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        rate = float(value.removesuffix("/s"))
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise click.BadParameter("calls a second are expected, such as 2/s or 0.5/s")
    return rate


def _percent(_: click.Context, __: click.Parameter, value: str) -> float:
    number = value.removesuffix("%")
    if not value.endswith("%") or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", number):
        raise click.BadParameter("a percentage is expected, such as 20%")
    return float(number)


def _milliseconds(_: click.Context, __: click.Parameter, value: str) -> int:
    number = value.removesuffix("ms")
    if not value.endswith("ms") or not re.fullmatch("[0-9]{1,8}", number):
        raise click.BadParameter("milliseconds are expected, such as 150ms")
    return int(number)


_OUTPUT = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


def _writable(_: click.Context, __: click.Parameter, file: Path | None) -> Path | None:
    """Refuses a file that cannot be written before calls are made for it."""
    if file not in (None, STDOUT) and not os.access(file if file.exists() else file.parent, os.W_OK):
        raise click.BadParameter(f"{file} cannot be written")
    return file


@click.command("simulate", cls=_Command, short_help="A simulated Twilio makes calls.")
@click.argument("url", callback=checked(websocket_url))
@click.argument("scenarios", nargs=-1, metavar="[FILE|NAME]…")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_list_scenarios, help="List what NAME can be."
)
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of scenario files, for editors.",
)
@click.option(
    "-n",
    "times",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Calls of each FILE and NAME.",
)
@click.option(
    "--at-once",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="At most so many at a time.",
)
@click.option(
    "--rate", callback=_rate, metavar="N/s", help="At most so many begin in a second.  [default: without a limit]"
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="FACTOR",
    help="How much faster than life callers act and agents speak.",
)
@click.option(
    "--auth-token",
    envvar="TWILIO_AUTH_TOKEN",
    callback=checked(token_of),
    metavar="REFERENCE|TOKEN",
    help="Sign requests with it, as Twilio does: env:NAME, file:PATH or the token itself, which flags show in the "
    "process list.  [default: TWILIO_AUTH_TOKEN]",
)
@click.option(
    "--public-url",
    callback=checked(websocket_url),
    metavar="URL",
    help="The URL that the TwiML would name, when it is not the one to connect to: it is what gets signed.",
)
@click.option("--seed", type=int, metavar="N", help="Same ids, numbers and timing on each run.")
@click.option(
    "--json",
    "json_file",
    type=_OUTPUT,
    callback=_writable,
    metavar="FILE",
    help="Write the results there; - prints them.",
)
@click.option(
    "--junit",
    "junit_file",
    type=_OUTPUT,
    callback=_writable,
    metavar="FILE",
    help="Write JUnit XML for CI there; - prints it.",
)
@click.option(
    "--save-baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_writable,
    metavar="FILE",
    help="Write the results there, to compare later runs with, when all is clean.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Compare latencies with those of that run, which must have had the same scenarios and settings.",
)
@click.option(
    "--max-latency-increase",
    "percent",
    default="20%",
    show_default=True,
    callback=_percent,
    metavar="N%",
    help="A median or p95 that grew by more than this, and by more than --floor, fails the run.",
)
@click.option(
    "--floor",
    default="150ms",
    show_default=True,
    callback=_milliseconds,
    metavar="Nms",
    help="A latency that grew by less fails nothing.",
)
def simulate(
    url: str,
    scenarios: tuple[str, ...],
    json_file: Path | None,
    junit_file: Path | None,
    save_baseline: Path | None,
    baseline: Path | None,
    percent: float,
    floor: int,
    **options: Any,
) -> None:
    """Calls URL, a relay or a ConversationRelay server, the way Twilio does: greeting, partial and final prompts, keys,
    interruptions, hanging up. What callers do is in scenario files (FILE, ending in .yaml or .yml) or built in (NAME;
    by default all callers of --list). No call is a retry of another: what fails in one of -n calls has failed.

    Exits with 0 when all is clean, 1 when an expectation failed or latency grew, 2 when the backend never spoke, 3 when
    it broke the protocol, 4 for wrong usage or files, 5 when a call could not be connected. Of several, 5 wins, then 2,
    3 and 1. Ctrl-C ends with 130, and with the results of the calls that were over.
    """
    from relayproxy.comparison.limits import LatencyLimit
    from relayproxy.lab.scenarios.builtin import CALLERS, named, names
    from relayproxy.lab.scenarios.result import ScenarioResult
    from relayproxy.lab.simulation import baseline as baselines
    from relayproxy.lab.simulation import simulate as simulation
    from relayproxy.lab.simulation.content import content_hash, scenario_hashes
    from relayproxy.lab.simulation.document import document
    from relayproxy.lab.simulation.junit import junit
    from relayproxy.lab.simulation.report import report
    from relayproxy.lab.simulation.summary import Settings
    from relayproxy.lab.simulation.verdict import ExitCode, verdict

    if json_file == junit_file == STDOUT:
        raise click.UsageError("--json and --junit cannot both be printed")
    chosen = tuple(map(named, scenarios or names(CALLERS)))
    compared = baseline and baselines.read_baseline(_content(baseline), str(baseline))
    if compared:
        settings = Settings(*(options[name] for name in Settings.__struct_fields__))
        baselines.require_comparable(compared, content_hash(scenario_hashes(chosen)), settings)
    total = len(chosen) * options["times"]
    progress, done = Progress("call"), 0

    def each(_: ScenarioResult) -> None:
        nonlocal done
        done += 1
        progress.tell(done, total)

    try:
        summary = run_until_interrupted(
            lambda stop: simulation.simulate(url, scenarios=chosen, each=each, stop=stop, **options)
        )
    finally:
        progress.close()
    limit = LatencyLimit(percent, floor)
    grown = baselines.regressions(compared, summary, limit) if compared and not summary.interrupted else ()
    found = verdict(summary, [str(one) for one in grown])
    click.echo(report(summary, found), err=STDOUT in (json_file, junit_file))
    if json_file is not None:
        _write(json_file, document(summary, found))
    if junit_file is not None:
        _write(junit_file, junit(summary, found))
    if save_baseline is not None and found.exit_code == ExitCode.CLEAN:
        _write(save_baseline, document(summary, found))
    elif save_baseline is not None:
        click.echo(f"{save_baseline} is not written: a baseline is a run that is clean", err=True)
    raise click.exceptions.Exit(found.exit_code)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise _Failure(f"{file}: {problem.strerror or problem}") from None


def _write(file: Path, content: bytes) -> None:
    if file == STDOUT:
        click.echo(content, nl=False)
        return
    try:
        file.write_bytes(content)
    except OSError as problem:
        raise _Failure(f"{file}: {problem.strerror or problem}") from None
