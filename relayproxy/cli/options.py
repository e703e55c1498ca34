"""Command-line options, made from the settings.

Knows: the settings of each process, and the form of each as a flag.
Must not know: what commands do.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from relayproxy.errors import SettingError
from relayproxy.settings.loading import load
from relayproxy.settings.model import Settings
from relayproxy.settings.sources import mask

Command = TypeVar("Command", bound=Callable[..., Any])

RELAY_SETTINGS = (
    "backend",
    "routes",
    "listen",
    "public_url",
    "tls_cert",
    "tls_key",
    "data_dir",
    "trusted_proxies",
    "verify",
    "auth_tokens",
    "signature",
    "connect_timeout",
    "max_connections",
    "max_connections_per_peer",
    "max_handshakes",
    "drain_delay",
    "drain_timeout",
    "traceparent",
    "host_header",
    "record",
    "journal_dir",
    "journal_buffer",
    "journal_quota",
    "journal_segment",
    "session_limit",
    "shadow",
    "faults",
)
RECORDER_SETTINGS = (
    "data_dir",
    "database_url",
    "record",
    "keys",
    "redact_fields",
    "redact_patterns",
    "redact_names",
    "journal_dir",
    "message_limit",
    "session_limit",
    "slow_turn",
    "stall",
    "version_from",
    "recordings",
    "recordings_endpoint",
    "recordings_path_style",
    "keep_content",
    "keep_numbers",
)
CONSOLE_SETTINGS = (
    "console",
    "console_url",
    "console_hosts",
    "console_user_header",
    "console_proxies",
    "data_dir",
    "database_url",
    "slow_turn",
    "stall",
    "backend",
    "routes",
    "listen",
    "public_url",
    "tls_cert",
    "tls_key",
    "verify",
    "auth_tokens",
    "signature",
    "record",
    "keys",
    "redact_fields",
    "redact_patterns",
    "redact_names",
    "keep_content",
    "keep_numbers",
    "version_from",
    "trace_url",
    "shadow",
    "faults",
)
RECEIVER_SETTINGS = ("data_dir", "database_url", "record", "keys", "redact_fields", "redact_patterns", "receiver")
DATABASE_SETTINGS = ("data_dir", "database_url")
MOVE_SETTINGS = (*DATABASE_SETTINGS, "recordings", "recordings_endpoint", "recordings_path_style")
REBUILD_SETTINGS = (*DATABASE_SETTINGS, "slow_turn", "stall", "version_from")
NO_FLAG = frozenset(
    {"users", "tokens", "console_key", "alerts", "webhooks", "replay_targets", "otel", "receiver", "shadow", "faults"}
)
"""Settings for the file or the environment only: flags can be seen in the process list, and sections have standard
variables or too many settings."""
_METAVARS = {
    "backend": "URL",
    "listen": "HOST:PORT",
    "console": "HOST:PORT",
    "console_url": "URL",
    "console_hosts": "NAMES",
    "console_user_header": "NAME",
    "console_proxies": "ADDRESSES",
    "trusted_proxies": "ADDRESSES",
    "data_dir": "DIR",
    "database_url": "URL",
    "public_url": "URL",
    "tls_cert": "FILE",
    "tls_key": "FILE",
    "connect_timeout": "SECONDS",
    "drain_delay": "SECONDS",
    "drain_timeout": "SECONDS",
    "relays": "NUMBER",
    "max_connections": "NUMBER",
    "max_connections_per_peer": "NUMBER",
    "max_handshakes": "NUMBER",
    "slow_turn": "SECONDS",
    "stall": "SECONDS",
    "version_from": "header:NAME|parameter:NAME",
    "recordings": "PLACE",
    "recordings_endpoint": "URL",
    "keep_content": "DAYS",
    "keep_numbers": "DAYS",
    "host_header": "auto|preserve|backend",
    "verify": "off|report|enforce",
    "signature": "preserve|resign|strip",
    "record": "full|redacted|metadata|none",
    "keys": "keep|mask|mask-all",
    "redact_fields": "NAMES",
    "redact_names": "MODEL",
    "journal_dir": "DIR",
    "trace_url": "URL",
}


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Options for these settings and `--config`; the command gets `config` and `flags`, made for `load`."""

    def decorate(command: Command) -> Command:
        for name in reversed([name for name in names if name not in NO_FLAG]):
            command = _option(name)(command)
        return click.option(
            "--config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="TOML file with settings. Flags win over the environment (RELAYPROXY_…), which wins over the file.",
        )(command)

    return decorate


def _option(name: str) -> Callable[[Command], Command]:
    field = Settings.model_fields[name]
    flag = name.replace("_", "-")
    help_text = field.description or ""
    if field.default not in (None, ...) and not callable(field.default_factory):
        help_text += f"  [default: {field.default}]"
    if name == "routes":
        return click.option("--route", "routes", multiple=True, metavar="NAME=URL", help=f"{help_text} Repeatable.")
    if name == "auth_tokens":
        return click.option("--auth-token", name, multiple=True, metavar="REFERENCE", help=f"{help_text} Repeatable.")
    if name == "redact_patterns":
        return click.option("--redact-pattern", name, multiple=True, metavar="REGEX", help=f"{help_text} Repeatable.")
    if field.annotation is bool:
        return click.option(f"--{flag}/--no-{flag}", name, default=None, help=help_text)
    return click.option(f"--{flag}", name, metavar=_METAVARS.get(name, "BYTES"), help=help_text)


def settings_of(config: Path | None, flags: dict[str, Any]) -> Settings:
    """The settings in force, from the arguments that `settings_options` gives a command. Raises SettingError."""
    routes = {}
    for text in flags.get("routes", ()):
        name, equals, url = text.partition("=")
        if not equals:
            raise SettingError(
                f"routes={mask(text)} (--route): NAME=URL is expected, such as sales=wss://sales.example.com/ws"
            )
        routes[name] = {"backend": url}
    lists = {name: flags.get(name) or None for name in ("auth_tokens", "redact_patterns")}
    return load(config, flags | {"routes": routes or None} | lists)


def checked(check: Callable[[str], str]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Callback of a parameter that passes its value through `check`, whose ValueError becomes a usage error."""

    def callback(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
        try:
            return None if value is None else check(value)
        except ValueError as problem:
            raise click.BadParameter(str(problem)) from None

    return callback
