"""The `give-up` command: has nothing wait any more for a machine that is gone for good.

Knows: its options, which folders may be given up, what is shown and asked.
Must not know: how anything is ended or forgotten.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relayproxy.cli.options import REBUILD_SETTINGS, settings_of, settings_options
from relayproxy.errors import RelayproxyError
from relayproxy.logs import log_to_stderr
from relayproxy.objects.place import root_of
from relayproxy.plural import plural
from relayproxy.settings.model import Settings

if TYPE_CHECKING:
    from relayproxy.store.write.deletion.lost_folders import Folder
    from relayproxy.store.write.moving.places import PlaceState

SILENT = 60.0
"""Seconds for which a recorder, which tells something every two, must have been silent before it is given up."""
WORD = "lost"


@click.command("give-up", short_help="Give up a machine's data folder, or a bucket, that is lost for good.")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--yes", is_flag=True, help="Give it up without asking.")
@settings_options(*REBUILD_SETTINGS, "recordings")
def give_up(name: str | None, yes: bool, config: Path | None, **flags: Any) -> None:
    """Gives up a data folder that is lost with its journal, where several machines write one database: calls that were
    live on it end as those of a relay that died, and erasures, whose receipts say so, and retention no longer wait for
    it. NAME is that of its host or its own. Without NAME it shows the folders that the database knows.

    A bucket or folder of recordings that is lost for good is named as in "recordings" (s3://…): what lies there is
    missing from then on, and erasures no longer wait for it.

    Never do it while that folder may come back: what its journal holds would be recorded again.
    """
    from relayproxy.recorder import give_up as giving_up

    log_to_stderr("give-up")
    settings = settings_of(config, flags)
    known, places = giving_up.known_folders(settings), giving_up.known_places(settings)
    if name is None:
        for line in (*map(_line, known), *map(str, places)):
            click.echo(line)
        return
    root = None
    with suppress(ValueError):
        root = root_of(name)  # as the settings take it
    for place in places:
        if root == place.known.place.root:
            _give_up_place(settings, place, yes=yes)
            return
    folder = _named(known, name)
    click.echo(_line(folder))
    if _seconds(folder) < SILENT and not folder.ended:
        raise RelayproxyError(f"{folder} is not lost: its recorder has told something within the last minute")
    _confirm(yes=yes)
    noted = giving_up.give_up(settings, folder)
    click.echo(f"Given up: {plural(folder.live, 'connection')} ended, {plural(noted, 'erasure')} to go on without it.")


def _give_up_place(settings: Settings, place: "PlaceState", *, yes: bool) -> None:
    from relayproxy.recorder import give_up as giving_up

    click.echo(str(place))
    if settings.recordings == place.known.place.root:
        raise RelayproxyError(
            f"{settings.recordings} is where recordings go by these settings: give `serve` and this command others"
        )
    _confirm(yes=yes)
    noted = giving_up.give_up_place(settings, place)
    click.echo(f"Given up, with what lay there; {plural(noted, 'erasure')} to go on without it.")


def _confirm(*, yes: bool) -> None:
    if yes:
        return
    typed = click.prompt(f"It must never come back. Type {WORD} to give it up", default="", show_default=False)
    if typed.strip().lower() != WORD:
        click.echo("Nothing was given up.")
        raise click.exceptions.Exit(1)


def _line(folder: "Folder") -> str:
    state = "stopped" if folder.ended else f"told something {_ago(_seconds(folder))} ago"
    return f"{folder}: {state}, {plural(folder.live, 'live connection')}"


def _named(known: "list[Folder]", name: str) -> "Folder":
    found = [one for one in known if name in (one.name, one.host, str(one))]
    if not found:
        raise RelayproxyError(
            f"the database knows no data folder and no place of recordings {name}: run it without a name to see which "
            "there are"
        )
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise RelayproxyError(f"{name} has {len(found)} data folders: name one of {names}")
    return found[0]


def _seconds(folder: "Folder") -> float:
    return max(0.0, time.time() - folder.at / 1e9)


def _ago(seconds: float) -> str:
    for length, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            return plural(int(seconds // length), unit)
    return plural(int(seconds), "second")
