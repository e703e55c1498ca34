"""The `simulate` command: a simulated Twilio makes calls.

Knows: its options, and where each form of the result goes.
Must not know: how calls are made and summed up; what a verdict depends on.
"""

import shutil
from pathlib import Path
from typing import Any

import click

from relayproxy.cli import calling
from relayproxy.cli.calling import CallingCommand
from relayproxy.cli.interruption import run_until_interrupted
from relayproxy.cli.options import checked
from relayproxy.cli.progress import Progress
from relayproxy.settings.validators import websocket_url


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


@click.command("simulate", cls=CallingCommand, short_help="A simulated Twilio makes calls.")
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
@calling.at_once
@click.option(
    "--rate", callback=_rate, metavar="N/s", help="At most so many begin in a second.  [default: without a limit]"
)
@calling.speed
@calling.auth_token
@calling.public_url
@calling.seed
@calling.output_options
@click.option(
    "--save-baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=calling.writable,
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
    callback=calling.percent,
    metavar="N%",
    help="A median or p95 that grew by more than this, and by more than --floor, fails the run.",
)
@click.option(
    "--floor",
    default="150ms",
    show_default=True,
    callback=calling.milliseconds,
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

    calling.require_one_output(json_file, junit_file)
    chosen = tuple(map(named, scenarios or names(CALLERS)))
    compared = baseline and baselines.read_baseline(calling.content(baseline), str(baseline))
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
    click.echo(report(summary, found), err=calling.STDOUT in (json_file, junit_file))
    calling.write(json_file, lambda: document(summary, found))
    calling.write(junit_file, lambda: junit(summary, found))
    if save_baseline is not None and found.exit_code == ExitCode.CLEAN:
        calling.write(save_baseline, lambda: document(summary, found))
    elif save_baseline is not None:
        click.echo(f"{save_baseline} is not written: a baseline is a run that is clean", err=True)
    raise click.exceptions.Exit(found.exit_code)
