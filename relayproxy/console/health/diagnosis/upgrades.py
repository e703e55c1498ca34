"""Upgrade checks: processes of different versions, and sessions derived by another version.

Knows: the remedy in words.
Must not know: how the facts are gathered; HTML.
"""

from relayproxy.console.health.diagnosis.health_facts import HealthCheck, HealthFacts
from relayproxy.console.health.diagnosis.relay import relays_of
from relayproxy.plural import plural
from relayproxy.store.schema.needs_rebuild import LOOKED_AT


def versions(facts: HealthFacts) -> HealthCheck:
    """The check that console, recorders and relays are of one version; relays that drain end by themselves."""
    found = {("recorder", report.heartbeat.version) for report in facts.working}
    found |= {(one.name, one.version) for one in relays_of(facts) if one.status != "draining"}
    others = sorted((name, version) for name, version in found if version != facts.version)
    if not others:
        same = "Console, recorder and relays are of the same version." if facts.working else "The console's."
        return HealthCheck("versions", "ok", f"relayproxy {facts.version}", same)
    return HealthCheck(
        "versions",
        "warn",
        "The processes are of different versions",
        f"The console is {facts.version}; {', '.join(f'{name} is {version}' for name, version in others)}.",
        "Replace those that were running before the upgrade: SIGHUP (`systemctl reload`) has `relayproxy serve` do it.",
    )


def recordings(facts: HealthFacts) -> HealthCheck:
    """The check that all calls have what this version derives."""
    if facts.database is None:
        return HealthCheck(
            "recordings", "unknown", "Whether all calls are derived is not known", "The database cannot be read."
        )
    if not facts.outdated:
        return HealthCheck("recordings", "ok", "All calls are derived as this version does it")
    some = plural(facts.outdated, "call")
    few = facts.outdated < LOOKED_AT
    were = "was" if facts.outdated == 1 else "were"
    return HealthCheck(
        "recordings",
        "warn",
        f"{some if few else f'{some} or more'} {were} recorded by an earlier version",
        "Their numbers, labels and sparklines are empty or incomplete, and so is what is counted and filtered by them.",
        "Run `relayproxy rebuild` once, with the settings of `serve`. It may run meanwhile, and names what it cannot "
        "derive.",
    )
