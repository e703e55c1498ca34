"""Health of alerts: which are open, and whether webhooks take them.

Knows: that an alert that nobody is told of is worth a warning.
Must not know: rules; how webhooks are called; HTML.
"""

from relayproxy.console.health.diagnosis.health_facts import AlertFacts, HealthCheck, HealthFacts
from relayproxy.plural import plural


def check(facts: HealthFacts) -> HealthCheck:
    """Whether any is open, and told."""
    found = facts.alerts
    if found is None:
        return HealthCheck("alerts", "ok", "No alerts are set", "A table `[alerts.NAME]` of the settings sets one.")
    if facts.database is None:
        return HealthCheck("alerts", "unknown", "Whether alerts fire is not known", "The database cannot be read.")
    names = ", ".join(found.open)
    fires = f"{plural(len(found.open), 'alert')} {'fires' if len(found.open) == 1 else 'fire'}"
    if found.failed or found.retrying:
        waits = f"{plural(found.retrying, 'message')} to be sent again" if found.retrying else ""
        lost = f"{plural(found.failed, 'message')} given up in the last 24 hours" if found.failed else ""
        counts = " and ".join(filter(None, (waits, lost)))
        return HealthCheck(
            "alerts",
            "warn",
            _not_told(found.webhooks),
            f"Last, {_last(found)}; {counts}." + (f" {fires}: {names}." if found.open else ""),
            "See whether its URL and secret are right: `relayproxy alert-test` sends a test alert.",
            "/alerts",
        )
    if found.open:
        return HealthCheck("alerts", "warn", fires, f"{names}.", "See what fires, and why.", "/alerts")
    return HealthCheck("alerts", "ok", "No alert fires", f"{plural(len(found.rules), 'rule')} set", link="/alerts")


def _not_told(webhooks: tuple[str, ...]) -> str:
    if len(webhooks) > 1:
        return f"The webhooks {', '.join(sorted(webhooks))} do not take alerts"
    return f"The webhook {webhooks[0]} does not take alerts" if webhooks else "A webhook does not take alerts"


def _last(found: AlertFacts) -> str:
    which = found.webhooks[0] if len(found.webhooks) > 1 else "it"
    return f"{which} {found.answer if found.answer.startswith(('answered', 'cannot')) else f'failed: {found.answer}'}"
