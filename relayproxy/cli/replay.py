"""The `replay` command: recorded calls are made again, to another backend.

Knows: its options; where recordings are looked for; where each form of the result goes.
Must not know: how calls are made again, compared and summed up.
"""

import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from relayproxy.cli import calling
from relayproxy.cli.calling import CallingCommand, UsageFailure
from relayproxy.cli.interruption import run_until_interrupted
from relayproxy.cli.limit_options import LimitOptions, limit_options
from relayproxy.cli.options import DATABASE_SETTINGS, checked, settings_of, settings_options
from relayproxy.cli.progress import Progress
from relayproxy.cli.session_query import sessions_found
from relayproxy.cli.side_effects import require_allowed
from relayproxy.plural import plural
from relayproxy.settings.validators import websocket_url

if TYPE_CHECKING:
    from relayproxy.lab.replay.replaying import Recording
    from relayproxy.recordings.call import RecordedCall
    from relayproxy.redaction.rules import Rules
    from relayproxy.settings.model import Settings
    from relayproxy.store.read.queries import Queries

_ID = re.compile(r"(?:VX)?[0-9a-f]{32}|[0-9A-Za-z-]{20,64}")
MOST = 100


def _parameters(_: click.Context, __: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """Custom parameters from `NAME=VALUE` and from files with a JSON object."""
    import msgspec

    from relayproxy.text import mended

    found: dict[str, str] = {}
    for text in map(mended, given):
        name, equals, value = text.partition("=")
        if equals:
            found[name] = value
            continue
        try:
            found |= msgspec.json.decode(Path(text).read_bytes(), type=dict[str, str])
        except OSError as problem:
            raise click.BadParameter(f"{text}: NAME=VALUE or a file is expected: {problem.strerror}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise click.BadParameter(f"{text}: a JSON object of texts is expected in it") from None
    return found


@click.command("replay", cls=CallingCommand, short_help="Recorded calls are made again, to another backend.")
@click.argument("what", nargs=-1, metavar="[FILE|DIR|ID]…")
@click.argument("url", callback=checked(websocket_url))
@click.option(
    "--query", metavar="FILTER", help="Replay the sessions that a filter of the console finds, such as tag:regression."
)
@click.option(
    "--limit", default=MOST, show_default=True, type=click.IntRange(1), metavar="N", help="At most so many of --query."
)
@click.option(
    "--times", "-n", default=1, show_default=True, type=click.IntRange(1), metavar="N", help="Calls of each recording."
)
@click.option(
    "--against-current",
    callback=checked(websocket_url),
    metavar="URL",
    help="Make the same calls to this one, today's backend: only what differs more than its own calls do counts.",
)
@calling.at_once
@calling.speed
@click.option(
    "--patience",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="So long a caller waits for an answer, or half as long again as the recorded caller had to.",
)
@click.option(
    "--parameters",
    multiple=True,
    callback=_parameters,
    metavar="NAME=VALUE|FILE",
    help="Custom parameters in place of recorded ones, or in addition; FILE has a JSON object. Repeatable.",
)
@click.option("--fill", is_flag=True, help="Put test values in the place of what is masked in the recordings.")
@calling.auth_token
@calling.public_url
@click.option(
    "--allow-side-effects",
    is_flag=True,
    help="Tools of the agents may act once more. To be said once for each URL.",
)
@click.option(
    "--diverged-below",
    default=0.4,
    show_default=True,
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="A question diverges when it shares fewer of its words with the recorded one; 0: none does.",
)
@click.option(
    "--keep-going", is_flag=True, help="Go on with a call that has diverged, instead of hanging up; nothing is scored."
)
@limit_options
@calling.seed
@calling.output_options
@settings_options(*DATABASE_SETTINGS, "record", "keys", "redact_fields", "redact_patterns", "redact_names")
def replay(
    what: tuple[str, ...],
    url: str,
    query: str | None,
    limit: int,
    against_current: str | None,
    patience: float,
    parameters: dict[str, str],
    fill: bool,
    auth_token: str | None,
    public_url: str | None,
    allow_side_effects: bool,
    diverged_below: float,
    keep_going: bool,
    limits: LimitOptions,
    seed: int | None,
    json_file: Path | None,
    junit_file: Path | None,
    times: int,
    at_once: int,
    speed: float,
    config: Path | None,
    **flags: Any,
) -> None:
    """Makes recorded calls again, to the ConversationRelay server or relay at URL, and tells turn by turn what differs.
    What is recorded is a file, a folder of files (.relayproxy.jsonl.gz), or a session of the database, by its id or
    Twilio's (VX…).

    What the agents say to a call that was recorded with secrets masked is masked likewise before anything of it is
    shown: give the command the settings of redaction that "serve" has.

    The caller speaks at the same moments of the conversation, however fast the agent is. Where it asks for something
    else than it did, the call has diverged: the caller hangs up, and later turns are not scored.

    Exits with 0 when all is within the limits, 1 when a call diverged or a limit is exceeded, 2 when the backend never
    spoke, 3 when it broke the protocol, 4 for wrong usage or files, 5 when a call could not be connected. Of several, 5
    wins, then 2, 3 and 1. Ctrl-C ends with 130, and with what the calls that were over have shown.
    """
    from relayproxy.lab.replay import forms
    from relayproxy.lab.replay import replaying as replays
    from relayproxy.lab.replay.outcome import outcome
    from relayproxy.lab.replay.performing import Replayed
    from relayproxy.lab.simulation.summary import Settings
    from relayproxy.lab.twilio.connection import Line

    calling.require_one_output(json_file, junit_file)
    if not what and query is None:
        raise click.UsageError("name a recording file or a session, or say --query")
    for one in filter(None, (url, against_current)):
        require_allowed(one, allowed=allow_side_effects)
    settings = settings_of(config, flags)
    recordings = _prepared(_recorded(what, query, limit, settings), parameters, _rules(settings), fill=fill)
    line = Line(url, public_url, auth_token, speed=speed, patience=patience)
    current = against_current and Line(against_current, public_url, auth_token, speed=speed, patience=patience)
    total = len(recordings) * times * (1 if current is None else 2)
    progress, done = Progress("call"), 0

    def each(_: Replayed) -> None:
        nonlocal done
        done += 1
        progress.tell(done, total)

    try:
        made = run_until_interrupted(
            lambda stop: replays.replay(
                recordings,
                line,
                current=current or None,
                times=times,
                at_once=at_once,
                below=diverged_below,
                keep_going=keep_going,
                seed=seed,
                each=each,
                stop=stop,
            )
        )
    finally:
        progress.close()
    found = outcome(recordings, made, Settings(times, at_once, None, speed), limits.value())
    printed = calling.STDOUT in (json_file, junit_file)
    stream = sys.stderr if printed else sys.stdout
    width = shutil.get_terminal_size().columns
    click.echo(forms.report(found, width=width, colour=stream.isatty()), err=printed)
    calling.write(json_file, lambda: forms.document(found))
    calling.write(junit_file, lambda: forms.junit(found))
    raise click.exceptions.Exit(found.verdict.exit_code)


class _Source(NamedTuple):
    """Something recorded that is to be replayed."""

    name: str
    read: "Callable[[], RecordedCall]"
    found: bool = False
    """By the filter: nobody named it, so it is left out where it cannot be replayed."""


def _rules(settings: "Settings") -> "Callable[[str], Rules]":
    """The rules of redaction of each route. A model that finds names is loaded for the first call that it is needed
    for."""
    from relayproxy.recorder.names import name_finder
    from relayproxy.settings.recording import recording, rules_of

    @cache
    def rules(route: str) -> "Rules":
        found = recording(settings, route)
        return rules_of(found, None if found.names is None else name_finder(found.names))

    return rules


def _prepared(
    sources: Iterator[_Source], parameters: dict[str, str], rules: "Callable[[str], Rules]", *, fill: bool
) -> "list[Recording]":
    """Those that can be replayed; of those that were found, what cannot is told. Raises RelayproxyError."""
    from relayproxy.conversation.recording import NotARecording
    from relayproxy.lab.replay.preparing import MaskedContent, NotReplayable, masking, prepare
    from relayproxy.lab.replay.replaying import Recording
    from relayproxy.recordings.stored import NoContentError
    from relayproxy.store.errors import DamagedFileError, UnreadableError

    prepared: dict[str, Recording] = {}
    for name, read, found in sources:
        if name in prepared:
            raise UsageFailure(f"{name} is there twice; --times says how often it is replayed")
        try:
            call = read()
            script = prepare(call, name, parameters, fill=fill)
        except (NotReplayable, NotARecording, NoContentError) as problem:
            told = f"{name}: {problem}" if isinstance(problem, NotARecording) else str(problem)
            told += "; --fill puts test values there" if isinstance(problem, MaskedContent) else ""
            if not found:
                raise UsageFailure(told) from None
            click.echo(f"not replayed: {told}", err=True)
            continue
        except UnreadableError as problem:
            if not found or isinstance(problem, DamagedFileError):
                raise
            click.echo(f"not replayed: {name}: {problem}", err=True)
            continue
        hidden = masking(call, rules(call.connections[0].opening.route))
        prepared[name] = Recording(name, script, call.conversation, hidden)
    if not prepared:
        raise UsageFailure("there is no recording that can be replayed")
    return list(prepared.values())


def _recorded(what: Sequence[str], query: str | None, limit: int, settings: "Settings") -> Iterator[_Source]:
    """What was named, a file by its name and a session by the id, then what the filter finds besides."""
    from relayproxy.conversation.recording import SUFFIX
    from relayproxy.recordings.files import read_call
    from relayproxy.recordings.stored import stored_call
    from relayproxy.text import mended

    files: list[Path] = []
    ids: list[str] = []
    for text in what:
        path = Path(text)
        if path.is_dir():
            inside = sorted(path.glob(f"*{SUFFIX}"))
            if not inside:
                raise UsageFailure(f"{text}: there is no *{SUFFIX} in it")
            files += inside
        elif path.exists() or not _ID.fullmatch(text):
            files.append(path)
        else:
            ids.append(text)
    for file in files:
        yield _Source(mended(file.name.removesuffix(SUFFIX)), partial(read_call, file))
    if not ids and query is None:
        return
    from relayproxy.store.engine import open_reader
    from relayproxy.store.read.queries import Queries

    reader = open_reader(settings.database)
    try:
        queries = Queries(reader)
        for id in ids:
            yield _Source(id, partial(stored_call, queries, id))
        if query is not None:
            for name, id in _found(queries, query, limit).items():
                if name not in ids and id not in ids:
                    yield _Source(name, partial(stored_call, queries, id), found=True)
    finally:
        reader.dispose()


def _found(queries: "Queries", query: str, limit: int) -> dict[str, str]:
    """Our ids of the sessions that a filter finds and that are over, by Twilio's ids where these are not there twice.
    Raises RelayproxyError."""
    rows = {row.id: row for row in sessions_found(queries, query) if row.ended_at is not None}
    if len(rows) > limit:
        raise UsageFailure(f"--query finds {plural(len(rows), 'session')}; --limit says how many may be replayed")
    named = Counter(row.session_id for row in rows.values())
    return {row.session_id if row.session_id and named[row.session_id] == 1 else id: id for id, row in rows.items()}
