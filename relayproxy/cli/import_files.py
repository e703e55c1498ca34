"""The `import` command: recording files into the database.

Knows: its options, which files of a folder are meant, what is said of each.
Must not know: how a file is read, redacted and stored.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relayproxy.cli.actor import actor
from relayproxy.cli.options import DATABASE_SETTINGS, settings_of, settings_options
from relayproxy.cli.progress import Progress
from relayproxy.errors import RelayproxyError
from relayproxy.logs import log_to_stderr
from relayproxy.plural import plural
from relayproxy.settings.model import Settings
from relayproxy.text import mended

if TYPE_CHECKING:
    from relayproxy.recordings.importing import Imported
    from relayproxy.redaction.values import NameFinder

IMPORT_SETTINGS = (
    *DATABASE_SETTINGS,
    "record",
    "keys",
    "redact_fields",
    "redact_patterns",
    "redact_names",
    "slow_turn",
    "stall",
    "version_from",
    "keep_content",
    "keep_numbers",
)
PATTERNS = ("*.relayproxy.jsonl.gz", "*.relayproxy.jsonl")


@click.command("import", short_help="Recording files into the database.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…|DIR")
@settings_options(*IMPORT_SETTINGS)
def import_files(files: tuple[Path, ...], config: Path | None, **flags: Any) -> None:
    """Adds recordings that "relayproxy export" or a console's download wrote to the database; of a folder, all files in
    it that end in .relayproxy.jsonl.gz or .relayproxy.jsonl.

    Each becomes a session that is marked as imported, and that metrics and alerts do not count as a call. It is
    redacted as calls are here: give the command the settings that "serve" has. A session that is here already is left
    as it is. May run while "serve" does.

    Exits with 1 when a file could not be imported; the others are.
    """
    from relayproxy.recorder.names import name_finder

    log_to_stderr("import")
    settings = settings_of(config, flags)
    paths = [*named(files)]
    failed = 0
    for path, result in imported(settings, paths, Progress("file"), name_finder):
        if isinstance(result, RelayproxyError):
            failed += 1
            click.echo(str(result), err=True)
        elif result.new:
            click.echo(f"{mended(str(path))}: session {result.session}, {plural(result.messages, 'message')}")
        else:
            click.echo(f"{mended(str(path))}: is here already, as session {result.session}")
    if failed:
        raise click.exceptions.Exit(1)


def imported(
    settings: Settings,
    paths: Iterable[Path],
    progress: Progress,
    names: Callable[[str], "NameFinder"] | None = None,
) -> "Iterator[tuple[Path, Imported | RelayproxyError]]":
    """Imports each file; what became of it, or why it was not imported. Raises RelayproxyError when the database cannot
    be used."""
    from relayproxy.recordings.files import RecordingFileError, opened
    from relayproxy.recordings.importing import ImportRefused, import_file
    from relayproxy.store.engine import open_engine
    from relayproxy.store.schema.revisions import check_schema
    from relayproxy.store.write.archive import Archive

    every = [*paths]
    engine = open_engine(settings.database)
    try:
        check_schema(engine)
        archive = Archive(engine)
        for number, path in enumerate(every, 1):
            try:
                with opened(path) as file:
                    yield path, import_file(archive, settings, file, str(path), actor(), names)
            except (RecordingFileError, ImportRefused) as problem:
                yield path, problem
            progress.tell(number, len(every))
    finally:
        progress.close()
        engine.dispose()


def named(files: Iterable[Path]) -> Iterator[Path]:
    """The files, and of folders those in them that are recordings by their names. Raises RelayproxyError for a folder
    without any."""
    for path in files:
        if not path.is_dir():
            yield path
            continue
        found = sorted({file for pattern in PATTERNS for file in path.rglob(pattern)})
        if not found:
            ends = " or ".join(pattern[1:] for pattern in PATTERNS)
            raise RelayproxyError(f"{mended(str(path))}: no file in it ends in {ends}")
        yield from found
