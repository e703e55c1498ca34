"""The `move-recordings` command: recordings go to where the settings say, wherever they are.

Knows: its options, its words; that recorders that work must have the same settings.
Must not know: how anything is moved.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relayproxy.cli.options import MOVE_SETTINGS, settings_of, settings_options
from relayproxy.cli.progress import Progress
from relayproxy.errors import RelayproxyError
from relayproxy.logs import log_to_stderr
from relayproxy.plural import plural
from relayproxy.settings.recordings import recordings_place

if TYPE_CHECKING:
    from relayproxy.objects.place import Place
    from relayproxy.store.read.health.heartbeat import Report
    from relayproxy.store.write.moving.mover import Mover
    from relayproxy.store.write.moving.places import KnownPlace

WORKS = 10
"""Seconds without a report after which a recorder counts as gone."""
TOLD = 5
"""Missing objects that are named."""


@click.command("move-recordings", short_help="Move recordings to where the settings say.")
@settings_options(*MOVE_SETTINGS)
def move_recordings(config: Path | None, **flags: Any) -> None:
    """Moves the recordings of all calls that are over to the bucket or folder that "recordings" names, out of the
    database and out of every other place; without "recordings" all come back into the database.

    Give it the settings that "serve" has, which may run meanwhile. Interrupt it at any time, and run it again to go
    on. What has moved is deleted where it was. Exits with 1 when an object was gone or damaged.
    """
    from relayproxy.store.engine import open_engine
    from relayproxy.store.read.health.heartbeat import reports
    from relayproxy.store.read.queries import Queries
    from relayproxy.store.schema.revisions import check_schema
    from relayproxy.store.write.moving.mover import Mover
    from relayproxy.store.write.moving.places import use_place
    from relayproxy.store.write.moving.sweeper import Sweeper

    log_to_stderr("move-recordings")
    settings = settings_of(config, flags)
    place = recordings_place(settings)
    engine = open_engine(settings.database)
    try:
        check_schema(engine)
        _require_the_same(reports(Queries(engine)), place)
        target = None if place is None else use_place(engine, place)
        moved, missing = _move(Mover(engine, _sleep), target)
        deleted = Sweeper(engine, _sleep).delete_noted()
    finally:
        engine.dispose()
    click.echo(
        f"{plural(moved, 'part of a recording', 'parts of recordings')} moved to {place or 'the database'}, "
        f"{plural(deleted, 'object')} deleted"
    )
    for one in missing[:TOLD]:
        click.echo(one, err=True)
    if missing:
        click.echo(
            f"{plural(len(missing), 'object is', 'objects are')} gone or damaged, and left as they are", err=True
        )
        raise click.exceptions.Exit(1)


def _move(mover: "Mover", target: "KnownPlace | None") -> tuple[int, list[str]]:
    """How many parts are where they should be now that were not before, and what was said of those that are gone."""
    out = 0 if target is None else mover.waiting().parts
    total, brought, moved = out + mover.count_elsewhere(target), 0, 0
    missing: list[str] = []
    last: str | None = ""
    progress = Progress("part")
    try:
        while last is not None:
            some = mover.bring_back(target, last)
            last, brought = some.last, brought + some.parts
            missing += some.missing
            # At once, so that the database need not hold all of another place.
            while target is not None and (more := mover.move_out(target)):
                moved += more
                progress.tell(moved, max(total, moved))
            if target is None:
                progress.tell(brought, max(total, brought))
    finally:
        progress.close()
    return brought if target is None else moved, missing


def _require_the_same(told: "tuple[Report, ...]", place: "Place | None") -> None:
    """Raises RelayproxyError when a recorder that works would move them back."""
    since = time.time_ns() - WORKS * 1_000_000_000
    for report in told:
        found = report.heartbeat.recordings
        if found is None or report.heartbeat.ended or report.at < since:
            continue
        if found.place != (None if place is None else str(place)):
            raise RelayproxyError(
                f"the recorder on {report.heartbeat.host} works with recordings={found.place or ''}: start it again "
                "with the settings that this command has, or give this command those of the recorder"
            )


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return True
