"""The `alert-test` command: sends one test alert to a webhook, and says what it answered.

Knows: its options and words.
Must not know: how it is sent.
"""

import asyncio
from pathlib import Path
from typing import Any

import click

from relayproxy.cli.options import settings_of, settings_options
from relayproxy.errors import SettingError
from relayproxy.settings.alerts import endpoint, require_alerts
from relayproxy.settings.model import alert_routes


@click.command("alert-test", short_help="Send a test alert to a webhook.")
@click.argument("name", required=False)
@settings_options("console", "console_url")
def alert_test(name: str | None, config: Path | None, **flags: Any) -> None:
    """Sends one test alert to the webhook NAME of the settings, which need not be named when it is the only one, and
    says what it answered. In PagerDuty that opens an incident, to be resolved there. Exits with 1 when the webhook did
    not take it.
    """
    from relayproxy.alerts.runner import plan_of, send_test

    settings = settings_of(config, flags)
    webhooks = settings.webhooks
    require_alerts(settings.alerts, webhooks, alert_routes(settings))
    if not webhooks:
        raise SettingError('webhooks: none is set; a table such as [webhooks.ops] with url = "https://…" is expected')
    if name is None and len(webhooks) > 1:
        raise SettingError(f"NAME is expected, one of {', '.join(webhooks)}")
    chosen = name or next(iter(webhooks))
    if chosen not in webhooks:
        raise SettingError(f"there is no [webhooks.{chosen}]; there are {', '.join(webhooks)}")
    one = endpoint(chosen, webhooks[chosen])
    answer = asyncio.run(send_test(one, plan_of(settings).base))
    click.echo(f"webhook {chosen} at {one.place}: {answer.words}")
    if not answer.ok:
        raise click.exceptions.Exit(1)
