"""The `doctor` command: checks what surrounds relayproxy, and says what to do.

Knows: its options, the lines and the JSON.
Must not know: what is checked.
"""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from relayproxy.cli.options import checked, settings_of, settings_options
from relayproxy.plural import plural
from relayproxy.settings.model import Settings
from relayproxy.settings.sources import CONFIG_ENV
from relayproxy.text import mended

if TYPE_CHECKING:
    from relayproxy.doctor.check import Result

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": None}


def _path(value: str) -> str:
    if not value.startswith("/") or "#" in value or not value.isprintable() or " " in value:
        raise ValueError("a path such as /ws is expected")
    return value


@click.command("doctor", short_help="Check the surroundings, and say what to do.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of lines.")
@click.option(
    "--no-network",
    is_flag=True,
    help="Ask nobody but this machine: not the public URL, backends, collectors, or a PostgreSQL server.",
)
@click.option(
    "--path",
    callback=checked(_path),
    metavar="PATH",
    help="What Twilio is given behind a route's relay URL, such as /ws.  [default: as the route's last recorded call]",
)
@settings_options(*Settings.model_fields)
def doctor(as_json: bool, no_network: bool, path: str | None, config: Path | None, **flags: Any) -> None:
    """Checks configuration, ports, certificate, public URL, backends, signatures, database, disk, files, telemetry,
    alerts, clock and limits, and says what to do about what is wrong. May run while "serve" does, and before it ever
    ran. Give it the settings that "serve" has.

    Each backend is dialled directly, with the header x-relayproxy-doctor, and hung up on as soon as it has answered:
    there a WebSocket opens and closes without a message. The public URL gets one plain GET, a collector a request
    without spans and one without metrics. Webhooks are not called. Nothing is written, and no secret is printed.

    Exits with 0 when nothing failed (warnings do not count), 1 when something did, 2 for settings that are not valid.
    """
    from relayproxy.doctor.examination import examine

    settings = settings_of(config, flags)
    file = config or (Path(named) if (named := os.environ.get(CONFIG_ENV)) else None)
    source = f"{file}, environment and flags" if file else "environment and flags"
    results = asyncio.run(examine(settings, source=source, config=file, path=path, network=not no_network))
    failed = sum(one.state == "failed" for one in results)
    if as_json:
        document = {"failed": failed, "checks": [_document(one) for one in results]}
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))
    else:
        _print(results)
    if failed:
        raise click.exceptions.Exit(1)


def _print(results: "tuple[Result, ...]") -> None:
    group = ""
    for one in results:
        if one.group != group:
            group = one.group
            click.secho(group, bold=True)
        state = click.style(f"{one.state:8}", fg=_COLOURS[one.state])
        action = f"; {one.action}" if one.action else ""
        click.echo(f"  {state} {one.name}: {_printable(one.text + action)}")
    counts = [
        plural(count, state, many)
        for state, many in (("failed", "failed"), ("warning", "warnings"), ("ok", "ok"))
        if (count := sum(one.state == state for one in results))
    ]
    click.echo(", ".join(counts))


def _document(result: "Result") -> dict[str, str]:
    return {
        "group": result.group,
        "name": result.name,
        "state": result.state,
        "text": mended(result.text),
        "action": mended(result.action),
    }


def _printable(text: str) -> str:
    """One line, whatever others have put into it."""
    return "".join(one if one.isprintable() else " " if one.isspace() else "\N{REPLACEMENT CHARACTER}" for one in text)
