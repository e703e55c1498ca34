"""Environments: the settings and secrets that each process of `serve` gets.

Knows: which process needs to know what; how limits are shared by several relays.
Must not know: processes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from relayproxy.objects.place import CREDENTIALS
from relayproxy.settings.alerts import alert_variables
from relayproxy.settings.loading import as_environment
from relayproxy.settings.model import Settings
from relayproxy.settings.otlp import header_variables
from relayproxy.settings.receiver import token_variables
from relayproxy.settings.replay_targets import target_variables
from relayproxy.settings.signatures import secret_variables
from relayproxy.settings.sources import ENV_PREFIX

SHARED = ("max_connections", "max_connections_per_peer", "max_handshakes", "journal_buffer")
"""Limits of which each of several relays gets its part. The journal's quota is one for all by itself."""
OF_DATABASE = frozenset({"PGPASSWORD"})
"""Variables of libpq with what the database's URL may leave out."""
LEAST_BUFFER = 64 * 1024

Environment = dict[str, str]


@dataclass(frozen=True, slots=True)
class Environments:
    """The variables of each process."""

    relay: Environment
    recorder: Environment
    console: Environment
    receiver: Environment
    migration: Environment


def environments(settings: Settings, environ: Mapping[str, str]) -> Environments:
    """What each process gets of these settings and this environment, in which secrets are."""
    # Only the relays need to know the auth tokens, only who sends to the collector the headers for it, only the
    # receiver its token, only the console the webhooks' URLs and secrets and the tokens of replay targets, and only who
    # moves or reads recordings the credentials of their bucket. All but the relays, whom strangers reach, use the
    # database.
    of_calls, of_export = secret_variables(settings), header_variables(settings.otel)
    of_receiver = token_variables(settings.receiver)
    of_console = alert_variables(settings.webhooks) | target_variables(settings.replay_targets)
    secret = of_calls | of_export | of_receiver | of_console | CREDENTIALS | OF_DATABASE

    def only(names: frozenset[str] | set[str]) -> Environment:
        return {name: value for name, value in environ.items() if name in names}

    other = {name: value for name, value in environ.items() if not name.startswith(ENV_PREFIX) and name not in secret}
    # Only the console needs to know who may come in, who is told of alerts, and where calls are replayed.
    unknowing = settings.model_copy(
        update={
            "users": {},
            "tokens": {},
            "console_key": None,
            "console_user_header": None,
            "alerts": {},
            "webhooks": {},
            "replay_targets": {},
        }
    )
    of_database = only(OF_DATABASE)
    without = other | as_environment(unknowing) | of_database
    of_one_relay = share_of_one(unknowing).model_copy(update={"database_url": None})
    return Environments(
        relay=other | as_environment(of_one_relay) | only(of_calls),
        recorder=without | only(of_export | CREDENTIALS),
        console=other | as_environment(settings) | of_database | only(of_console | CREDENTIALS),
        receiver=without | only(of_export) | only(of_receiver),
        migration=without,
    )


def share_of_one(settings: Settings) -> Settings:
    """The settings of one of the relays, so that all together keep within the limits."""
    parts = {name: -(-getattr(settings, name) // settings.relays) for name in SHARED}
    parts["journal_buffer"] = max(LEAST_BUFFER, parts["journal_buffer"])
    return settings.model_copy(update=parts)
