"""Staleness notice: the banner that says that pages show old data, and the overall state.

Knows: the age from which data counts as old, and the possible reasons.
Must not know: HTML, paths; how the facts are gathered.
"""

from dataclasses import dataclass

from relayproxy.console.health.diagnosis.health_facts import SECOND, SILENT, HealthFacts, HealthVerdict, age
from relayproxy.console.health.reachability import CheckState

KNOWN = 10 * SECOND
"""Nanoseconds for which facts are good."""


@dataclass(frozen=True, slots=True)
class Notice:
    """`state` is that of the worst check, `summary` the health page's sentence; `stale` says that and why what is shown
    is old, None when it is not."""

    state: CheckState
    summary: str
    stale: str | None


def notice(facts: HealthFacts, found: HealthVerdict) -> Notice:
    """The notice for these facts. A database into which no recorder has ever reported is shown as it is."""
    return Notice(found.state, found.sentence, _stale(facts))


def _stale(facts: HealthFacts) -> str | None:
    if facts.database_problem is not None:
        return "The database cannot be read: what you see may be old."
    if facts.missing:
        latest = min(facts.missing, key=facts.age)
        what = "Nothing new has been recorded" if not facts.working else "Some calls have not been recorded"
        who = "the recorder" if len(facts.reports) == 1 else f"the recorder on {latest.heartbeat.host}"
        why = "was stopped" if latest.heartbeat.ended else "does not report"
        return f"{what} for {age(facts.age(latest))}: {who} {why}."
    late = max((report.heartbeat.lag_ms for report in facts.working), default=0)
    if late > SILENT * 1000:
        return f"What you see is {age(late / 1000)} old: recording is behind the calls."
    return None
