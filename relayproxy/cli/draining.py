"""`recorder --drain`: what is in the journal of a machine that is gone comes into the database.

Knows: which settings are in force then, what is said in the end, the exit code.
Must not know: how anything is recorded.
"""

from pathlib import Path
from typing import Any

import click

from relayproxy.cli.options import settings_of
from relayproxy.logs import log_to_stderr
from relayproxy.plural import plural
from relayproxy.settings.otlp import require_otlp


def run(config: Path | None, folder: Path, flags: dict[str, Any]) -> None:
    """Drains the data folder, and says what became of it. Exits with 1 when something is left. Raises RelayproxyError
    when it cannot begin."""
    from relayproxy.recorder.drain import drain

    # The file and the environment are those of a machine that goes on, and its journal is another one.
    journal = flags["journal_dir"] or folder / "journal"
    settings = settings_of(config, flags | {"data_dir": folder, "journal_dir": journal})
    require_otlp(settings.otel)
    log_to_stderr("recorder")
    done = drain(settings)
    played = done.played
    journals = plural(played.journals, "journal")
    click.echo(
        f"{folder}: {journals} with {plural(played.messages, 'message')} recorded and deleted; "
        f"{plural(played.ended, 'connection')} ended, of which {played.died} as those of a relay that died; "
        f"{plural(played.gaps, 'part')} could not be read"
    )
    if done.left:
        click.echo(f"left: {', '.join(done.left)}; run it again", err=True)
        raise click.exceptions.Exit(1)
