"""The `open` command: recording files in a console of their own.

Knows: that the database is a temporary one, and where the console is.
Must not know: how a file becomes a session; how the console shows it.
"""

import tempfile
from pathlib import Path

import click

from relayproxy.cli.import_files import imported, named
from relayproxy.cli.options import checked
from relayproxy.cli.progress import Progress
from relayproxy.errors import RelayproxyError
from relayproxy.logs import log_to_stderr
from relayproxy.plural import plural
from relayproxy.settings.model import Settings
from relayproxy.settings.requirements import require_sign_in
from relayproxy.settings.validators import address


@click.command("open", short_help="Look at recording files in the browser, without a database.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…|DIR")
@click.option(
    "--console", default="127.0.0.1:0", callback=checked(address), metavar="HOST:PORT",
    help="Where the console listens. [default: a free port of this machine]",
)  # fmt: skip
@click.option(
    "--slow-turn", default=2.0, show_default=True, metavar="SECONDS", help="A wait from then on is a finding."
)
@click.option("--stall", default=1.0, show_default=True, metavar="SECONDS", help="A pause from then on is a finding.")
def open_files(files: tuple[Path, ...], console: str, slow_turn: float, stall: float) -> None:
    """Shows recordings, compressed or not, in a console of their own, whose URL is printed; of a folder, all files in
    it that end in .relayproxy.jsonl.gz or .relayproxy.jsonl. Nothing of yours is read or written besides the FILES:
    what they hold is shown as it is, and forgotten at Ctrl-C.

    What cannot be shown is told, and the others are; exits with 2 when none can.
    """
    from relayproxy.console import process
    from relayproxy.store.schema.migrate import migrate

    log_to_stderr("open")
    with tempfile.TemporaryDirectory(prefix="relayproxy-open-") as folder:
        settings = Settings(
            data_dir=Path(folder),
            console=console,
            record="full",  # as much as there is in them
            keep_content=0,
            keep_numbers=0,
            slow_turn=slow_turn,
            stall=stall,
        )
        require_sign_in(settings)
        migrate(settings.database)
        sessions: list[str] = []
        problems: list[RelayproxyError] = []
        for _, result in imported(settings, named(files), Progress("file")):
            if isinstance(result, RelayproxyError):
                problems.append(result)
            else:
                sessions.append(result.session)
        if not sessions:
            raise problems[0]
        for problem in problems:
            click.echo(str(problem), err=True)
        page = f"/sessions/{sessions[0]}" if len(set(sessions)) == 1 else "/sessions"
        what = plural(len(set(sessions)), "call")
        process.run(settings, lambda url: click.echo(f"{what}, until Ctrl-C: {url}{page}"), recorded_only=True)
