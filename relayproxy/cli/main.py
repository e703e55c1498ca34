"""The `relayproxy` command and its subcommands.

Knows: the commands, their help texts, how flags become settings and failures become one line.
Must not know: how commands are carried out; a process's code is imported when its command runs, and no earlier.
"""

import socket
from pathlib import Path
from typing import Any

import click

from relayproxy import __version__
from relayproxy.cli import draining
from relayproxy.cli.alert_test import alert_test
from relayproxy.cli.backup import MIB, backup
from relayproxy.cli.check_signature import check_signature
from relayproxy.cli.compare import compare
from relayproxy.cli.credentials import password, token
from relayproxy.cli.doctor import doctor
from relayproxy.cli.erase import erase
from relayproxy.cli.export import export
from relayproxy.cli.failure import CommandFailure
from relayproxy.cli.give_up import give_up
from relayproxy.cli.import_files import import_files
from relayproxy.cli.move_recordings import move_recordings
from relayproxy.cli.open_files import open_files
from relayproxy.cli.options import (
    CONSOLE_SETTINGS,
    DATABASE_SETTINGS,
    REBUILD_SETTINGS,
    RECEIVER_SETTINGS,
    RECORDER_SETTINGS,
    RELAY_SETTINGS,
    checked,
    settings_of,
    settings_options,
)
from relayproxy.cli.progress import Progress
from relayproxy.cli.replay import replay
from relayproxy.cli.simulate import simulate
from relayproxy.cli.studio import studio
from relayproxy.errors import RelayproxyError, cannot_listen
from relayproxy.logs import log_to_stderr
from relayproxy.settings.alerts import require_alerts
from relayproxy.settings.model import Settings, alert_routes
from relayproxy.settings.otlp import require_otlp, sampler
from relayproxy.settings.receiver import require_listen, require_receiver
from relayproxy.settings.requirements import require_backend, require_sign_in
from relayproxy.settings.signatures import require_signatures
from relayproxy.settings.sources import mask
from relayproxy.settings.treatment import require_treatment
from relayproxy.settings.validators import address, split_address

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, as shells report it."""


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RelayproxyError as error:
            raise CommandFailure(str(error)) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="relayproxy", message="%(prog)s %(version)s")
def main() -> None:
    """A transparent recording proxy for Twilio ConversationRelay.

    Put it between Twilio and your ConversationRelay server with "relayproxy serve --backend wss://…", give Twilio the
    URL that it prints, and open the console to see what happened on every call.
    """


@main.command(short_help="Relay, recorder and console together.")
@settings_options(*Settings.model_fields)
def serve(config: Path | None, **flags: Any) -> None:
    """Starts the relay, the recorder and the console and watches them.

    The first Ctrl-C (or SIGTERM) takes no new calls and lets live ones end; a second one closes them. SIGHUP reads the
    settings again and replaces all processes, also by those of a version that was installed meanwhile; no call notices.
    """
    from relayproxy.supervisor import processes

    def read() -> Settings:
        settings = settings_of(config, flags)
        require_backend(settings)
        require_sign_in(settings)
        require_signatures(settings)
        require_treatment(settings)
        require_otlp(settings.otel)
        require_receiver(settings.receiver, settings.otel)
        require_alerts(settings.alerts, settings.webhooks, alert_routes(settings))
        return settings

    settings = read()
    log_to_stderr("serve")
    processes.serve(settings, read)


@main.command(short_help="The same with a demo agent and simulated calls.")
@settings_options(*(name for name in Settings.model_fields if name not in ("backend", "routes")))
def demo(config: Path | None, **flags: Any) -> None:
    """Like "serve", with a built-in demo agent as backend and a few simulated calls, one of which stays live.

    Records in ./relayproxy-demo unless --data-dir says otherwise.
    """
    from relayproxy.cli import demo as everything

    settings = settings_of(config, flags)
    if settings.data_dir == Settings().data_dir:
        settings = settings.model_copy(update={"data_dir": Path("relayproxy-demo")})
    require_sign_in(settings)
    require_otlp(settings.otel)
    require_receiver(settings.receiver, settings.otel)
    require_alerts(settings.alerts, settings.webhooks, alert_routes(settings))
    log_to_stderr("demo")
    everything.run(settings)


main.add_command(simulate)
main.add_command(replay)
main.add_command(compare)


@main.command("demo-agent", short_help="A small ConversationRelay server to try things with.")
@click.option(
    "--listen",
    default="127.0.0.1:9000",
    show_default=True,
    callback=checked(address),
    metavar="HOST:PORT",
    help="Where it listens.",
)
def demo_agent(listen: str) -> None:
    """Answers calls like a small restaurant: streams words, is interrupted, hands off."""
    from relayproxy.lab.agent import server as agent

    try:
        agent.run(*split_address(listen))
    except OSError as problem:
        raise cannot_listen("listen", listen, problem) from None


_supervised = click.option("--supervised", is_flag=True, hidden=True)


@main.command(short_help="The relay alone: carries calls and records their bytes.")
@settings_options(*RELAY_SETTINGS)
@_supervised
@click.option("--fd", "descriptors", type=int, multiple=True, hidden=True)
@click.option("--name", default="relay", hidden=True)
def relay(config: Path | None, supervised: bool, descriptors: tuple[int, ...], name: str, **flags: Any) -> None:
    """Carries every byte between Twilio and the backend and writes it to the journal.

    Under systemd it listens on the sockets of its socket unit, where it has one, instead of "listen".
    """
    from relayproxy.relay import process
    from relayproxy.supervisor.activation import activated

    settings = settings_of(config, flags)
    require_backend(settings)
    require_signatures(settings)
    require_treatment(settings)
    sampler(settings.otel)
    _begin(name, supervised)
    process.run(settings, [socket.socket(fileno=one) for one in descriptors] or activated(), name)


@main.command(short_help="The recorder alone: turns the journal into a database and spans.")
@settings_options(*RECORDER_SETTINGS)
@_supervised
@click.option(
    "--drain",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Instead: record what lies in the journal of the data folder DIR, whose machine is gone, delete it, and end.",
)
def recorder(config: Path | None, supervised: bool, drain: Path | None, **flags: Any) -> None:
    """Plays the journal into the database, and sends spans when OTEL_EXPORTER_OTLP_ENDPOINT or otel.endpoint is set.

    With --drain it ends when all is recorded; exit code 1: something is left. Its journal is DIR/journal, unless
    --journal-dir says otherwise. Give it the settings that "serve" has.
    """
    from relayproxy.recorder import process

    if drain is not None:
        draining.run(config, drain, flags)
        return
    settings = settings_of(config, flags)
    require_otlp(settings.otel)
    _begin("recorder", supervised)
    process.run(settings, waits=supervised)


@main.command(short_help="The console alone: pages and JSON API.")
@settings_options(*CONSOLE_SETTINGS)
@_supervised
def console(config: Path | None, supervised: bool, **flags: Any) -> None:
    """Shows the recorded calls, as pages and as JSON under /api. Reads the database and nothing else."""
    from relayproxy.console import process

    settings = settings_of(config, flags)
    require_sign_in(settings)
    require_alerts(settings.alerts, settings.webhooks, alert_routes(settings))
    _begin("console", supervised)
    process.run(settings)


@main.command(short_help="The receiver alone: takes spans of backends.")
@settings_options(*RECEIVER_SETTINGS)
@_supervised
def receiver(config: Path | None, supervised: bool, **flags: Any) -> None:
    """Receives spans of backends over OTLP, joins them to the recorded calls, and passes everything on when
    OTEL_EXPORTER_OTLP_ENDPOINT or otel.endpoint is set. Takes receiver.listen (RELAYPROXY_RECEIVER__LISTEN)."""
    from relayproxy.receiver import process

    settings = settings_of(config, flags)
    require_listen(settings.receiver)
    require_otlp(settings.otel)
    require_receiver(settings.receiver, settings.otel)
    _begin("receiver", supervised)
    process.run(settings)


main.add_command(alert_test)
main.add_command(check_signature)
main.add_command(doctor)
main.add_command(studio)
main.add_command(password)
main.add_command(token)


@main.command(short_help="Bring the database's schema up to date.")
@settings_options(*DATABASE_SETTINGS)
@_supervised
@click.option("--thorough", is_flag=True, hidden=True)
@click.option(
    "--compact",
    is_flag=True,
    help="Also write a SQLite database anew, so that free room goes back to the disk. Needs as much room again.",
)
def migrate(config: Path | None, supervised: bool, thorough: bool, compact: bool, **flags: Any) -> None:
    """Creates the database's tables or brings them up to date. "serve" does this to the embedded database itself."""
    from relayproxy.store.schema import migrate as migrations

    settings = settings_of(config, flags)
    if supervised:
        _begin("migrate", supervised)
    try:
        outdated = migrations.migrate(settings.database, thorough=thorough)
    except migrations.DamagedDatabaseError as problem:
        if not supervised:
            raise
        moved = migrations.set_aside(settings.database)
        click.echo(f"{problem.what}. It was MOVED to {moved}, nothing was deleted; a new one is made", err=True)
        outdated = migrations.migrate(settings.database)
    click.echo(f"{mask(settings.database)} is up to date")
    if compact:
        from relayproxy.store.backup import compacted

        before, after = compacted(settings.database)
        click.echo(f"it was {before / MIB:,.1f} MiB and is {after / MIB:,.1f} MiB now")
    if outdated:
        click.echo(
            "The calls in it were recorded by an earlier version: run `relayproxy rebuild` once, with the settings of "
            "`serve`, or lists, filters and numbers lack what that version did not derive"
        )


@main.command(short_help="Derive stored calls anew.")
@click.argument("sessions", nargs=-1, metavar="[SESSION]…")
@settings_options(*REBUILD_SETTINGS)
def rebuild(sessions: tuple[str, ...], config: Path | None, **flags: Any) -> None:
    """Derives turns, numbers, findings and endings of all stored calls anew from their recordings, or those of the
    SESSIONs named by their id or Twilio's VX id. For after an upgrade that changed a definition, or new thresholds.

    Give it the settings that "serve" has: thresholds of routes are among them. May run while "serve" does; calls that
    are live are left to the recorder. Exits with 1 when a call could not be derived; what was stored of it stays.
    """
    from relayproxy.recorder import rebuild as rebuilding

    log_to_stderr("rebuild")
    steps = rebuilding.run(settings_of(config, flags), sessions)
    summary = next(steps)
    progress = Progress("session")
    try:
        for summary in steps:
            progress.tell(summary.done, summary.total)
    finally:
        progress.close()
        click.echo(str(summary))
    for session, why in summary.failed.items():
        click.echo(f"{session}: {why}", err=True)
    if summary.failed:
        raise click.exceptions.Exit(1)


main.add_command(open_files)
main.add_command(export)
main.add_command(import_files)
main.add_command(erase)
main.add_command(give_up)
main.add_command(move_recordings)
main.add_command(backup)


def _begin(process: str, supervised: bool) -> None:
    log_to_stderr(process)
    if supervised:
        from relayproxy.signals import end_with_parent

        end_with_parent()
