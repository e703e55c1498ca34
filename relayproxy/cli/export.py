"""The `export` command: sessions as files.

Knows: its options; where each format goes, to one file or to a folder.
Must not know: what the formats look like inside; SQL.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from relayproxy.cli.options import REBUILD_SETTINGS, settings_of, settings_options
from relayproxy.cli.progress import Progress
from relayproxy.cli.session_query import sessions_found
from relayproxy.errors import RelayproxyError
from relayproxy.plural import plural
from relayproxy.settings.model import Settings

if TYPE_CHECKING:
    from relayproxy.console.calls.reading import StoredSession
    from relayproxy.store.read.queries import Queries

FORMATS = ("recording", "jsonl", "csv", "otlp", "scenario")
APART = {"recording": "jsonl", "scenario": "scenario"}
"""Formats of which each session is a file of its own, and what the console calls them."""
STDOUT = Path("-")
Maker = Callable[["Queries", Settings, "StoredSession"], Iterator[bytes]]


@click.command(short_help="Recorded calls as files: recordings, JSON Lines, CSV, OTLP, scenarios.")
@click.argument("sessions", nargs=-1, metavar="[SESSION]…")
@click.option("--query", metavar="FILTER", help="Sessions that match a filter, written as in the console's list.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="recording", show_default=True, help="See above.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=STDOUT, show_default=True, metavar="FILE|DIR|-",
    help="Where to. A folder, which is made, for recordings and scenarios of several sessions: a file each.",
)  # fmt: skip
@click.option("--turns", is_flag=True, help="CSV: a line for each turn instead of each session.")
@settings_options(*REBUILD_SETTINGS)
def export(
    sessions: tuple[str, ...],
    query: str | None,
    form: str,
    output: Path,
    turns: bool,
    config: Path | None,
    **flags: Any,
) -> None:
    """Writes recorded calls: the SESSIONs named by their id or Twilio's VX id, those that match --query, or all.

    \b
    recording  every message as it was recorded; opens in any relayproxy (.relayproxy.jsonl.gz)
    jsonl      a line of JSON for each session: its numbers, findings and turns, as the API has them
    csv        a line for each session, or with --turns for each turn; safe to open in a spreadsheet
    otlp       the sessions' spans as OTLP JSON, a line for each session, as collectors read them from a file
    scenario   the caller's side, for "relayproxy simulate" (.yaml)

    May run while "serve" does. Files can be read by their owner alone. Sessions whose content was deleted are left out
    of recordings and scenarios. Of several, one whose recording is gone or damaged is named and left out, and the exit
    code is 1. Progress goes to stderr.
    """
    from relayproxy.store.engine import open_reader
    from relayproxy.store.read.queries import Queries

    if turns and form != "csv":
        raise click.UsageError("--turns goes with --format csv")
    if form == "recording" and output == STDOUT and sys.stdout.isatty():
        raise click.UsageError("a recording is compressed: say where to with --output")
    settings = settings_of(config, flags)
    reader = open_reader(settings.database)
    try:
        queries = Queries(reader)
        found = _chosen(queries, sessions, query)
        write = _each if form in APART else _together
        done, left_out, unreadable = write(queries, settings, found, form, output, turns=turns)
    finally:
        reader.dispose()
    said = f"{plural(done, 'session')} written"
    if left_out:
        said += f"; {left_out:,} left out, because what was said in them has been deleted"
    if unreadable:
        said += f"; {unreadable:,} cannot be read"
    click.echo(said, err=True)
    if unreadable:
        raise click.exceptions.Exit(1)


def _chosen(queries: "Queries", sessions: tuple[str, ...], query: str | None) -> list[str]:
    """Our ids of the sessions that are meant."""
    from relayproxy.text import storable

    if sessions and query is not None:
        raise click.UsageError("either sessions or --query")
    if sessions:
        views = {name: queries.session(storable(name), limit=0) for name in sessions}
        if unknown := [name for name, view in views.items() if view is None]:
            raise RelayproxyError(f"no session has the id {storable(unknown[0])}: an id of ours or a VX id is expected")
        return list(dict.fromkeys(view.session.id for view in views.values() if view is not None))
    return list(dict.fromkeys(row.id for row in sessions_found(queries, query)))


def _each(
    queries: "Queries", settings: Settings, sessions: list[str], form: str, output: Path, *, turns: bool
) -> tuple[int, int, int]:
    """A file for each session: how many were written, how many left out, and how many cannot be read."""
    from relayproxy.console.sessions.export_content import file_name
    from relayproxy.console.sessions.export_pieces import MAKERS, NoScenario
    from relayproxy.store.errors import DamagedFileError, UnreadableError

    del turns
    alone = len(sessions) < 2 and not output.is_dir()
    if not alone and (output == STDOUT or output.is_file()):
        raise RelayproxyError(
            f"--output {output}: a folder is expected, since each of {plural(len(sessions), 'session')} is a file"
        )
    if not alone:
        output.mkdir(mode=0o700, parents=True, exist_ok=True)
    names: set[str] = set()
    done = left_out = unreadable = 0
    for session in _loaded(queries, sessions):
        if session.row.content_deleted_at is not None:
            left_out += 1
            continue
        name = file_name(session, APART[form])
        if name in names:  # several can claim a VX id
            name = f"{session.row.id}.{name}"
        names.add(name)
        try:
            with _opened(output if alone else output / name) as file:
                for piece in MAKERS[APART[form]](queries, settings, session):
                    file.write(piece)
        except NoScenario as problem:
            if alone:
                raise
            click.echo(f"left out: {problem}", err=True)
            continue
        except UnreadableError as problem:
            if alone or isinstance(problem, DamagedFileError):
                raise
            click.echo(f"left out: session {session.row.id}: {problem}", err=True)
            unreadable += 1
            continue
        done += 1
    return done, left_out, unreadable


def _together(
    queries: "Queries", settings: Settings, sessions: list[str], form: str, output: Path, *, turns: bool
) -> tuple[int, int, int]:
    """All sessions in one file."""
    maker, head = _maker(form, turns=turns)
    if output.is_dir():
        raise RelayproxyError(f"--output {output}: a file is expected, since {form} has all sessions in one")
    done = 0
    with _opened(output) as file:
        file.write(head)
        for session in _loaded(queries, sessions):
            for piece in maker(queries, settings, session):
                file.write(piece)
            done += 1
    return done, 0, 0


def _maker(form: str, *, turns: bool) -> tuple[Maker, bytes]:
    from relayproxy.console.sessions.export_pieces import MAKERS
    from relayproxy.recordings import table

    if form == "jsonl":
        return MAKERS["json"], b""
    if form == "otlp":
        return _spans, b""
    if turns:
        return _turn_lines, table.header(table.TURN_COLUMNS)
    return _session_line, table.header(table.SESSION_COLUMNS)


def _session_line(_: "Queries", __: Settings, session: "StoredSession") -> Iterator[bytes]:
    from relayproxy.recordings.table import session_line

    yield session_line(session.row, session.treatment, session.call_of_shadow)


def _turn_lines(queries: "Queries", _: Settings, session: "StoredSession") -> Iterator[bytes]:
    from relayproxy.console.sessions.export_pieces import stored_turns
    from relayproxy.recordings.table import turn_line

    for turns in stored_turns(queries, session):
        yield b"".join(turn_line(session.row, turn, session.treatment) for turn in turns)


def _spans(queries: "Queries", settings: Settings, session: "StoredSession") -> Iterator[bytes]:
    import msgspec

    from relayproxy.console.sessions.export_pieces import stored_turns
    from relayproxy.conversation.measures.content import EndWords
    from relayproxy.conversation.measures.spans import SpanOptions, spans
    from relayproxy.settings.otlp import resource_attributes
    from relayproxy.telemetry.export.otlp_json import otlp_json

    otel = settings.otel
    turns = tuple(turn for some in stored_turns(queries, session) for turn in some)
    conversation = msgspec.structs.replace(session.conversation, turns=turns)
    first = next(one.opening for one in session.connections if one.row.id == session.row.id or not one.index)
    options = SpanOptions(otel.trace_shape, otel.content, otel.semconv == "experimental")
    made = spans(conversation, first, session.row.backend_version, options, EndWords().after(turns))
    yield otlp_json(made, resource_attributes(otel))


def _loaded(queries: "Queries", sessions: list[str]) -> "Iterator[StoredSession]":
    """The sessions, one by one; those that went meanwhile are left out."""
    from relayproxy.console.calls.reading import load_session

    progress = Progress("session")
    try:
        for number, id in enumerate(sessions, 1):
            if (found := load_session(queries, id)) is not None:
                yield found
            progress.tell(number, len(sessions))
    finally:
        progress.close()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file to write; it has its name once it is whole."""
    if path == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f"{path.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 (its mode)
            yield file
        part.replace(path)
    except OSError as problem:
        part.unlink(missing_ok=True)
        raise RelayproxyError(f"{path}: cannot be written ({problem.strerror})") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
