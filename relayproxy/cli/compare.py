"""The `compare` command: what differs between two calls, or between several of each version.

Knows: its options; where calls are looked for; where each form of the result goes.
Must not know: what counts as a difference; how recordings are read.
"""

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relayproxy.cli import calling
from relayproxy.cli.calling import CallingCommand
from relayproxy.cli.limit_options import LimitOptions, limit_options
from relayproxy.cli.options import DATABASE_SETTINGS, settings_of, settings_options

if TYPE_CHECKING:
    from relayproxy.recordings.call import RecordedCall
    from relayproxy.settings.model import Settings

_ID = re.compile(r"[\w:-]+")
"""What can be the id of a session; anything else is the name of a file."""
EXCEEDED = 1
"""Exit code when a limit is exceeded."""


@click.command("compare", cls=CallingCommand, short_help="What differs between two recorded calls.")
@click.argument("first", metavar="FILE|ID")
@click.argument("second", metavar="FILE|ID")
@click.option("--before", multiple=True, metavar="FILE|ID", help="One more call of the first version. Repeatable.")
@click.option("--after", multiple=True, metavar="FILE|ID", help="One more call of the second version. Repeatable.")
@limit_options
@calling.output_options
@settings_options(*DATABASE_SETTINGS)
def compare(
    first: str,
    second: str,
    before: tuple[str, ...],
    after: tuple[str, ...],
    limits: LimitOptions,
    json_file: Path | None,
    junit_file: Path | None,
    config: Path | None,
    **flags: Any,
) -> None:
    """Lays the second call beside the first, turn by turn, and tells what differs: words, latencies, interruptions,
    findings, messages, the handoff and the ending. A call is a recording file, or a session of the database by its id
    or Twilio's (VX…).

    Turns belong together by what the caller said and pressed. With more calls of the same version (--before, --after)
    what varies between them anyway is noise, and only what differs beyond it is told.

    What was not recorded of a call is told first. Exits with 0 when no limit is exceeded, 1 when one is, 4 for wrong
    usage or files.
    """
    from relayproxy.comparison.compare import compare as compare_runs
    from relayproxy.comparison.document import document, encoded
    from relayproxy.comparison.junit import junit
    from relayproxy.comparison.model import Run
    from relayproxy.comparison.report import report
    from relayproxy.recordings.call import missing
    from relayproxy.text import mended

    calling.require_one_output(json_file, junit_file)
    names = (first, *before, second, *after)
    calls = [*_calls(names, settings_of(config, flags))]
    notes = [f"{mended(name)}: {what}" for name, call in zip(names, calls, strict=True) if (what := missing(call))]
    for note in notes:
        click.echo(note, err=True)
    runs = [Run(call.conversation) for call in calls]
    versions = runs[: 1 + len(before)], runs[1 + len(before) :]
    found = compare_runs(*versions, limits.value())
    printed = calling.STDOUT in (json_file, junit_file)
    stream = sys.stderr if printed else sys.stdout
    width = shutil.get_terminal_size().columns
    click.echo(report(found, first, second, width=width, colour=stream.isatty()), err=printed)
    calling.write(json_file, lambda: encoded(document(found, first, second) | {"notes": notes}))
    calling.write(junit_file, lambda: junit([(f"relayproxy compare {first} {second}", found)]))
    raise click.exceptions.Exit(EXCEEDED if found.exceeded else 0)


def _calls(names: Sequence[str], settings: "Settings") -> "Iterator[RecordedCall]":
    """What was named: the call of a file, else that of a session of the database. Raises RelayproxyError."""
    from relayproxy.recordings.files import read_call
    from relayproxy.recordings.stored import stored_call
    from relayproxy.store.engine import open_reader
    from relayproxy.store.read.queries import Queries

    with ExitStack() as stack:
        queries: Queries | None = None
        for name in names:
            if Path(name).exists() or not _ID.fullmatch(name):
                yield read_call(Path(name))
                continue
            if queries is None:
                reader = open_reader(settings.database)
                stack.callback(reader.dispose)
                queries = Queries(reader)
            yield stored_call(queries, name)
