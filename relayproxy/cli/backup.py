"""The `backup` command: copies the database while it is used.

Knows: its option, its words.
Must not know: how a database is copied.
"""

from pathlib import Path
from typing import Any

import click

from relayproxy.cli.options import DATABASE_SETTINGS, settings_of, settings_options
from relayproxy.cli.progress import Progress
from relayproxy.errors import RelayproxyError
from relayproxy.logs import log_to_stderr
from relayproxy.plural import plural

MIB = 1024 * 1024


@click.command(short_help="Copy the database while it is used.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@settings_options(*DATABASE_SETTINGS)
def backup(file: Path, config: Path | None, **flags: Any) -> None:
    """Copies the SQLite database, as it is at one moment, to a new FILE that its owner alone may read, and reads the
    copy through. May run while "serve" does. What is still in the journal is not in it, nor are recordings that lie in
    a bucket or a folder.

    To restore it: stop relayproxy, move relayproxy.db with its -wal and -shm away, copy FILE there, start relayproxy.
    """
    from relayproxy.store.backup import copy, dump_command, elsewhere, sqlite_file

    log_to_stderr("backup")
    url = settings_of(config, flags).database
    source = sqlite_file(url)
    if source is None:
        raise RelayproxyError(f"the database is not SQLite; PostgreSQL makes its own backup: {dump_command(url, file)}")
    progress = Progress("MiB", "MiB")
    try:
        size = copy(source, file, lambda done, total: progress.tell(done // MIB, total // MIB))
    finally:
        progress.close()
    click.echo(f"{file}: {size / MIB:,.1f} MiB, read through and in order")
    parts, places = elsewhere(file)
    if parts:
        said = f"Not in it: {plural(parts, 'part of a recording', 'parts of recordings')}, in {', '.join(places)}"
        click.echo(f"{said}: keep what is deleted there for as long as this backup")
