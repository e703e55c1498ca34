"""Running of alerts: the console's process measures rules and tells webhooks while it serves.

Knows: that there is nothing to run without a rule.
Must not know: rules, webhooks.
"""

from collections.abc import AsyncIterator

from aiohttp import web

from relayproxy.alerts.runner import AlertRunner, plan_of
from relayproxy.console.health.metrics import SOURCES
from relayproxy.console.http.context import APP_CONTEXT
from relayproxy.telemetry.metrics.metrics import ALERT_ATTEMPTS
from relayproxy.telemetry.metrics.tally import Point, Snapshot

ALERT_RUNNER = web.AppKey("alert_runner", AlertRunner)


def set_up(app: web.Application) -> None:
    """Has alerts run while the application does. After the app context and metrics."""
    context = app[APP_CONTEXT]
    if not context.settings.alerts:
        return
    runner = app[ALERT_RUNNER] = AlertRunner(plan_of(context.settings), context.queries, context.writer)
    app[SOURCES].append(lambda: _counted(runner))

    async def work(_: web.Application) -> AsyncIterator[None]:
        async with runner.running():
            yield

    app.cleanup_ctx.append(work)


def _counted(runner: AlertRunner) -> Snapshot:
    return {ALERT_ATTEMPTS.name: tuple(Point(labels, count) for labels, count in runner.attempts.items())}
