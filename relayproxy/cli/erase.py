"""The `erase` command: erases calls after showing what will go.

Knows: its options, what is shown and asked, the receipt.
Must not know: how anything is found or deleted.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relayproxy.cli.actor import actor
from relayproxy.cli.options import DATABASE_SETTINGS, settings_of, settings_options
from relayproxy.cli.progress import Progress
from relayproxy.errors import RelayproxyError
from relayproxy.logs import log_to_stderr
from relayproxy.plural import plural

if TYPE_CHECKING:
    from relayproxy.store.read.erasures import Match, Sought
    from relayproxy.store.read.queries import Queries
    from relayproxy.store.write.annotation_writer import AnnotationWriter

PATIENCE = 20.0
"""Seconds for which the recorder is waited for: it must have recorded what came before."""
WORD = "erase"


@click.command(short_help="Erase calls: of a number, a session, or before a day.")
@click.option("--session", metavar="ID", help="A session by its id or Twilio's VX id, or a call by its SID.")
@click.option(
    "--number", metavar="NUMBER", help="All calls from or to that phone number, with its country code: +1 555 010 0001."
)
@click.option("--before", metavar="DAY", help="All calls that began before a day (in UTC) or a time (RFC 3339).")
@click.option("--route", metavar="NAME", help="Of these, only those of that route.")
@click.option("--yes", is_flag=True, help="Erase without asking.")
@settings_options(*DATABASE_SETTINGS)
def erase(
    session: str | None,
    number: str | None,
    before: str | None,
    route: str | None,
    yes: bool,
    config: Path | None,
    **flags: Any,
) -> None:
    """Erases calls with all that is kept of them: messages, words, numbers, notes, tags. Shows first what will go, and
    asks. May run while "serve" does; a call that lives is erased by the recorder when it ends.

    What has left relayproxy is not reached: downloads, backups, spans in your collector, and what Twilio keeps.
    """
    from relayproxy.store.engine import open_engine, open_reader
    from relayproxy.store.read.queries import Queries
    from relayproxy.store.write.annotation_writer import AnnotationWriter
    from relayproxy.store.write.deletion.erasure_orders import preview

    log_to_stderr("erase")
    sought = _sought(session, number, before, route)
    url = settings_of(config, flags).database
    reader, writer = open_reader(url), AnnotationWriter(open_engine(url, create=False))
    try:
        queries = Queries(reader)
        match = preview(queries, sought)
        click.echo(_preview(match))
        if not yes:
            _confirm()
        _carry_out(url, queries, writer, sought, match)
    finally:
        writer.close()
        reader.dispose()
    _remind(url)


def _sought(session: str | None, number: str | None, before: str | None, route: str | None) -> "Sought":
    from relayproxy.store.read.erasures import sought_before, sought_number, sought_session

    kinds: dict[str, tuple[str | None, Callable[[str, str | None], Sought]]] = {
        "session": (session, sought_session),
        "number": (number, sought_number),
        "before": (before, sought_before),
    }
    given = {name: (text, make) for name, (text, make) in kinds.items() if text is not None}
    if len(given) != 1:
        raise click.UsageError("one of --session, --number and --before is expected")
    ((name, (text, make)),) = given.items()
    try:
        return make(str(text), route)
    except ValueError as problem:
        raise RelayproxyError(f"--{name}: {problem}") from None


def _preview(match: "Match") -> str:
    if not match.sessions or match.oldest is None or match.newest is None:
        return "Nothing of that is recorded. A call that lives and turns out to be meant is erased when it ends."
    began = f"began from {_time(match.oldest)} to {_time(match.newest)}"
    if match.sessions == 1:
        began = f"began at {_time(match.oldest)}"
    told = [
        f"{plural(match.sessions, 'session')} will be erased, with {plural(match.messages, 'message')} and "
        f"{plural(match.notes, 'note')}: {began}."
    ]
    if match.live:
        told.append(
            f"{plural(match.live, 'of them lives', 'of them live')}, and will be erased at the end of the call."
        )
    return "\n".join(told)


def _time(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1e9, UTC):%Y-%m-%d %H:%M} UTC"


def _confirm() -> None:
    typed = click.prompt(f"It cannot be brought back. Type {WORD} to go on", default="", show_default=False)
    if typed.strip().lower() != WORD:
        click.echo("Nothing was erased.")
        raise click.exceptions.Exit(1)


def _carry_out(url: str, queries: "Queries", writer: "AnnotationWriter", sought: "Sought", match: "Match") -> None:
    from relayproxy.store.engine import open_engine
    from relayproxy.store.write.deletion.deleter import Deleter
    from relayproxy.store.write.deletion.erasure_orders import ChangedError, confirmation, erasure, order_erasure

    try:
        id = order_erasure(queries, writer, sought, confirmation(sought, match.sessions), actor(), "")
    except ChangedError:
        raise RelayproxyError("many more sessions are meant by now than were shown: run it again") from None
    engine, progress, deadline = open_engine(url), Progress("session"), time.monotonic() + PATIENCE
    deleter = Deleter(engine, _sleep)
    try:
        while True:
            deleter.erase(lambda done: progress.tell(done, max(done, match.sessions)))
            receipt = erasure(queries, id)
            assert receipt is not None
            if receipt.done_at is not None or receipt.live or time.monotonic() > deadline:
                break
            time.sleep(0.5)
    finally:
        progress.close()
        engine.dispose()
    more = f", with {plural(receipt.spans, 'span')} of the backend" if receipt.spans else ""
    more += f", {receipt.more} more than were shown" if receipt.more else ""
    click.echo(
        f"Erased {plural(receipt.sessions, 'session')} with {plural(receipt.messages, 'message')} and "
        f"{plural(receipt.notes, 'note')}{more}. Receipt: {id}"
    )
    if receipt.live:
        click.echo(f"The recorder waits for the end of {plural(receipt.live, 'call')} to erase what is meant of it.")
    elif receipt.journals:
        click.echo(
            f"Something of it still stands in {plural(receipt.journals, 'journal')}, until the recorder there has "
            "overwritten it."
        )
    elif receipt.objects:
        click.echo(
            f"{plural(receipt.objects, 'part')} of its recordings still in a bucket or folder, until the recorder has "
            "deleted them there."
        )
    elif receipt.done_at is None:
        click.echo("The recorder finishes it once it has recorded what came before.")


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def _remind(database: str) -> None:
    from relayproxy.store.quarantine import moved_aside

    for one in moved_aside(database):
        click.echo(f"{one.path} was moved aside as damaged and is not searched: delete it when it is not needed.")
